package pages

import (
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

var tokensPage = page("tokens")

// maxTokenName is the longest name of a token, as the API has it.
const maxTokenName = 100

type tokensView struct {
	Valid, Void []tokenRow
	Scopes      []scopeRow
	// Secret is that of the token that was made just now.
	Secret, Name string
}

type tokenRow struct {
	console.Token
	Made, Used, Expires, Revoked *web.Stamp
}

type scopeRow struct {
	Scope access.Scope
	Word  string
	// Given is whether the viewer has it: nobody gives what they lack.
	Given bool
}

func (p *pages) tokens(w http.ResponseWriter, r *http.Request) error {
	return p.showTokens(w, r, "", "")
}

func (p *pages) showTokens(w http.ResponseWriter, r *http.Request, name, secret string) error {
	list, err := p.Console.ListTokens(r.Context())
	if err != nil {
		return err
	}
	now := time.Now()
	v := tokensView{Secret: secret, Name: name}
	for _, t := range list {
		row := tokenRow{Token: t, Made: web.NewStamp(t.CreatedAt, now), Used: stampOf(t.LastUsedAt, now), Expires: stampOf(t.ExpiresAt, now), Revoked: stampOf(t.RevokedAt, now)}
		if t.Valid {
			v.Valid = append(v.Valid, row)
		} else {
			v.Void = append(v.Void, row)
		}
	}
	viewer := web.ViewerOf(r.Context())
	for _, r := range access.Rights {
		v.Scopes = append(v.Scopes, scopeRow{r.Scope, r.About, viewer.May(r.Scope)})
	}
	return tokensPage(w, r, p.Frame, web.Page{Title: "Tokens", Section: "tokens", Body: v})
}

func stampOf(t *time.Time, now time.Time) *web.Stamp {
	if t == nil {
		return nil
	}
	return web.NewStamp(*t, now)
}

func (p *pages) makeToken(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	n := console.NewToken{Name: r.PostForm.Get("name")}
	for _, s := range r.PostForm["scope"] {
		if scope := access.Scope(s); !slices.Contains(n.Scopes, scope) {
			n.Scopes = append(n.Scopes, scope)
		}
	}
	if days := r.PostForm.Get("days"); days != "" {
		d, err := strconv.Atoi(days)
		if err != nil || d < 1 || d > 3650 {
			return web.Fault{Status: http.StatusUnprocessableEntity, Text: "No token was made: the number of days is 1 to 3650, or empty for a token that does not expire."}
		}
		at := time.Now().Add(time.Duration(d) * 24 * time.Hour)
		n.ExpiresAt = &at
	}
	switch {
	case utf8.RuneCountInString(n.Name) > maxTokenName:
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: "No token was made: the name has more than 100 characters."}
	case len(n.Scopes) == 0:
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: "No token was made: choose what it may do."}
	}
	t, err := p.Console.MakeToken(r.Context(), n)
	if err != nil {
		return err
	}
	// The secret is on this page alone, and in no cookie and no address.
	return p.showTokens(w, r, t.Name, t.Secret)
}

func (p *pages) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := p.Console.RevokeToken(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	p.Frame.Redirect(w, r, "/settings/tokens", web.Flash{Text: "The token is revoked: it is void from now on."})
	return nil
}
