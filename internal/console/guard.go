package console

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/origin"
)

// tokenBook is where tokens are kept.
type tokenBook interface {
	// TokenByHash finds void tokens too.
	TokenByHash(ctx context.Context, hash [32]byte) (access.Token, bool, error)
	// TouchToken notes that a token is used.
	TouchToken(ctx context.Context, id string) error
	CreateToken(ctx context.Context, t access.Token, hash [32]byte) error
	Tokens(ctx context.Context) ([]access.Token, error)
	// RevokeToken answers false where there is no such token.
	RevokeToken(ctx context.Context, id string) (bool, error)
}

// touchEvery is how exact the time of a token's last use is.
const touchEvery = time.Minute

// holder is who makes a request.
func holder(ctx context.Context) access.Actor { return access.ActorOf(ctx) }

// TokenActor is a token as one who does something.
func TokenActor(t access.Token, address string) access.Actor {
	return access.Actor{Kind: access.ActorToken, ID: t.ID, Name: t.Name, Scopes: t.Scopes, Address: address, ExpiresAt: t.ExpiresAt}
}

// refusal is why a request may not pass, with the headers that go with it.
type refusal struct {
	*Problem
	headers map[string]string
}

const challenge = `Bearer realm="probefleet console"`

// Admit finds the token of a secret, if it is valid and does not ask too often.
// The error is a [*Problem].
func (c *Console) Admit(ctx context.Context, secret string) (access.Token, error) {
	t, no := c.admit(ctx, secret)
	if no != nil {
		return access.Token{}, no.Problem
	}
	return t, nil
}

func (c *Console) admit(ctx context.Context, secret string) (access.Token, *refusal) {
	unknown := func(detail, challenge string) (access.Token, *refusal) {
		return access.Token{}, &refusal{newProblem(http.StatusUnauthorized, detail), map[string]string{"WWW-Authenticate": challenge}}
	}
	if secret == "" {
		return unknown("the console's token is missing or wrong; send one as `Authorization: Bearer TOKEN`", challenge)
	}
	now := time.Now()
	t, found, err := c.o.Tokens.TokenByHash(ctx, access.Hash(secret))
	switch {
	case err != nil:
		c.o.Logger.Error("looking for a token", "err", err)
		return t, &refusal{
			newProblem(http.StatusServiceUnavailable, "whether the token is valid cannot be told: the database is away; try again"),
			map[string]string{"Retry-After": "5"},
		}
	case !found:
		return unknown("the console's token is missing or wrong; make one by `probefleet token create`", challenge)
	case t.Void(now) != "":
		return unknown(fmt.Sprintf("the token %q (%s) was %s; make another by `probefleet token create`", t.Name, t.ID, t.Void(now)), challenge+`, error="invalid_token"`)
	}
	if wait := c.perToken.take(t.ID, now); wait > 0 {
		return t, &refusal{tooMany("this token", wait), map[string]string{"Retry-After": seconds(wait)}}
	}
	if now.Sub(t.LastUsedAt) > touchEvery {
		if err := c.o.Tokens.TouchToken(ctx, t.ID); err != nil {
			c.o.Logger.Warn("noting that a token is used", "err", err)
		}
	}
	return t, nil
}

// who finds out who makes a request: by its token, else by the session of the
// browser, of which nothing is taken that another site has sent.
func (c *Console) who(r *http.Request) (access.Actor, *refusal) {
	header := r.Header.Get("Authorization")
	if header == "" {
		if a, no := c.person(r); no != nil || a.Kind != "" {
			return a, no
		}
	}
	secret, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		secret = ""
	}
	t, no := c.admit(r.Context(), secret)
	return TokenActor(t, Address(r.RemoteAddr)), no
}

// sameSite refuses what another site has sent.
var sameSite = http.NewCrossOriginProtection()

// person is whose session the browser holds; the zero actor is nobody.
func (c *Console) person(r *http.Request) (access.Actor, *refusal) {
	if c.o.Desk == nil {
		return access.Actor{}, nil
	}
	secret := c.o.Cookies.Session(r)
	if secret == "" {
		return access.Actor{}, nil
	}
	_, account, found, err := c.o.Desk.Recognise(r.Context(), secret)
	switch {
	case err != nil:
		return access.Actor{}, &refusal{newProblem(http.StatusServiceUnavailable, err.Error()), map[string]string{"Retry-After": "5"}}
	case !found:
		return access.Actor{}, &refusal{newProblem(http.StatusUnauthorized, "the session is over; log in again"), map[string]string{"WWW-Authenticate": challenge}}
	case sameSite.Check(r) != nil:
		return access.Actor{}, &refusal{newProblem(http.StatusForbidden, "another site has sent this, so nothing was done"), nil}
	case account.Temporary:
		return access.Actor{}, &refusal{newProblem(http.StatusForbidden, "your password is a temporary one: change it first, on the page /account"), nil}
	}
	if wait := c.perToken.take("session "+account.ID, time.Now()); wait > 0 {
		return access.Actor{}, &refusal{tooMany("you", wait), map[string]string{"Retry-After": seconds(wait)}}
	}
	return account.Actor(Address(r.RemoteAddr)), nil
}

// guard lets a request pass of somebody who has the scope of the operation,
// and does not come too often.
func (c *Console) guard(a huma.API) func(huma.Context, func(huma.Context)) {
	refuse := func(ctx huma.Context, p *Problem) {
		if err := huma.WriteErr(a, ctx, p.Status, p.Detail); err != nil {
			c.o.Logger.Debug("writing a refusal", "err", err)
		}
	}
	return func(ctx huma.Context, next func(huma.Context)) {
		r, _ := humago.Unwrap(ctx)
		who, no := c.who(r)
		if no != nil {
			for name, value := range no.headers {
				ctx.SetHeader(name, value)
			}
			refuse(ctx, no.Problem)
			return
		}
		if scope := scopeOf(ctx.Operation()); !who.Allows(scope) {
			refuse(ctx, newProblem(http.StatusForbidden, fmt.Sprintf("%s may not do this: the scope %s is missing (there are: %s)", who.Name, scope, access.Join(who.Scopes))))
			return
		}
		next(huma.WithContext(ctx, access.WithActor(ctx.Context(), who)))
	}
}

// scopeOf is the scope that an operation needs: each has exactly one.
func scopeOf(o *huma.Operation) access.Scope {
	return access.Scope(o.Security[0]["token"][0])
}

func tooMany(who string, wait time.Duration) *Problem {
	return newProblem(http.StatusTooManyRequests, fmt.Sprintf("%s asks too often; ask again in %s s, and ask for more at a time", who, seconds(wait)))
}

// seconds is a wait as Retry-After takes it: whole, and at least one.
func seconds(wait time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}

// ByAddress answers 429 to addresses that ask too often.
func (c *Console) ByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := c.perAddress.take(Network(r.RemoteAddr), time.Now()); wait > 0 {
			p := tooMany("this address", wait)
			w.Header().Set("Retry-After", seconds(wait))
			w.Header().Set("Content-Type", p.ContentType(""))
			w.WriteHeader(p.Status)
			_ = json.NewEncoder(w).Encode(p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Address is where a request comes from, without the port.
func Address(remote string) string { return origin.Address(remote) }

// Network is what counts as one address: all of a site's for IPv6.
func Network(remote string) string { return origin.Network(remote) }
