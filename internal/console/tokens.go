package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// Token is a token as lists show it.
type Token struct {
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Scopes []access.Scope `json:"scopes" nullable:"false"`
	// Source is how it was made: api, database or environment.
	Source     string     `json:"source" enum:"api,database,environment"`
	CreatedBy  string     `json:"created_by,omitempty" doc:"Name of the token by which it was made."`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"To the minute."`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	Valid      bool       `json:"valid"`
}

// Tokens is the answer of GET /api/v1/tokens.
type Tokens struct {
	Tokens []Token `json:"tokens" nullable:"false"`
}

// NewToken is the body of POST /api/v1/tokens.
type NewToken struct {
	Name   string         `json:"name" minLength:"1" maxLength:"100" doc:"Who uses it, and for what."`
	Scopes []access.Scope `json:"scopes" minItems:"1" nullable:"false"`
	// ExpiresAt is absent where it never does.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// CreatedToken is its answer, and the only place where the secret appears.
type CreatedToken struct {
	Token
	Secret string `json:"secret" doc:"The token itself. It is not kept and cannot be shown again."`
}

// ShowToken writes a token as the API carries it.
func ShowToken(t access.Token, now time.Time) Token {
	return Token{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, Source: t.Source, CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt.UTC(),
		ExpiresAt: moment(t.ExpiresAt), LastUsedAt: moment(t.LastUsedAt), RevokedAt: moment(t.RevokedAt), Valid: t.Void(now) == "",
	}
}

func (e *endpoints) tokens() {
	c := e.console
	register(e, operation{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", scope: access.TokensAdmin, tag: "tokens",
		summary: "List tokens", description: "Void ones too, the newest first; never the tokens themselves.",
	}, c.listTokens)
	register(e, operation{
		id: "create-token", method: http.MethodPost, path: "/tokens", scope: access.TokensAdmin, tag: "tokens",
		summary: "Make a token", description: "A token gives no scope that it lacks itself, and none that outlives it. The answer holds the secret, once.",
		errors: []int{http.StatusUnprocessableEntity},
	}, c.createToken)
	register(e, operation{
		id: "revoke-token", method: http.MethodDelete, path: "/tokens/{id}", scope: access.TokensAdmin, tag: "tokens",
		summary: "Revoke a token", description: "It is void from the next request on.", errors: []int{http.StatusNotFound},
	}, c.revokeToken)
}

func (c *Console) listTokens(ctx context.Context, _ *struct{}) (*out[Tokens], error) {
	found, err := c.o.Tokens.Tokens(ctx)
	if err != nil {
		return nil, c.failed("reading the tokens", err)
	}
	list := Tokens{Tokens: []Token{}}
	for _, t := range found {
		list.Tokens = append(list.Tokens, ShowToken(t, time.Now()))
	}
	return answer(list), nil
}

func (c *Console) revokeToken(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
},
) (*struct{}, error) {
	ok, err := c.o.Tokens.RevokeToken(ctx, in.ID)
	if err != nil {
		return nil, c.failed("revoking the token", err)
	}
	if !ok {
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no token with the id %q; /api/v1/tokens lists them", in.ID))
	}
	c.o.Logger.Info("token revoked", "token", in.ID, "by", holder(ctx).Name)
	return nil, nil
}

func (c *Console) createToken(ctx context.Context, in *struct{ Body NewToken }) (*out[CreatedToken], error) {
	own, now := holder(ctx), time.Now().UTC()
	var faults []string
	for _, s := range in.Body.Scopes {
		switch {
		case !slices.Contains(access.Scopes, s):
			faults = append(faults, fmt.Sprintf("body.scopes: %q is not a scope; use some of %s", s, access.Join(access.Scopes)))
		case !own.Allows(s):
			faults = append(faults, fmt.Sprintf("body.scopes: you lack %s, and cannot give it", s))
		}
	}
	var expires time.Time
	if in.Body.ExpiresAt != nil {
		if expires = in.Body.ExpiresAt.UTC(); !expires.After(now) {
			faults = append(faults, "body.expires_at: is in the past")
		}
	}
	if !own.ExpiresAt.IsZero() && (expires.IsZero() || expires.After(own.ExpiresAt)) {
		faults = append(faults, fmt.Sprintf("body.expires_at: your own token expires at %s; a token that it makes cannot outlive it", own.ExpiresAt.UTC().Format(time.RFC3339)))
	}
	name := strings.TrimSpace(in.Body.Name)
	if name == "" {
		faults = append(faults, "body.name: is empty; say who uses the token, and for what")
	}
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "no token was made: mend what is listed under faults", faults...)
	}
	id, secret := access.NewSecret()
	t := access.Token{ID: id, Name: name, Scopes: in.Body.Scopes, Source: access.SourceAPI, CreatedBy: own.Name, CreatedAt: now, ExpiresAt: expires}
	if err := c.o.Tokens.CreateToken(ctx, t, access.Hash(secret)); err != nil {
		return nil, c.failed("keeping the token", err)
	}
	c.o.Logger.Info("token made", "token", id, "name", name, "scopes", access.Join(t.Scopes), "by", own.Name)
	return answer(CreatedToken{ShowToken(t, now), secret}), nil
}
