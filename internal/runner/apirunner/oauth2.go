package apirunner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// tokenMargin is the time before its end at which a token is asked for anew.
	tokenMargin = 30 * time.Second
	// tokenLife is how long a token is kept that does not say.
	tokenLife = 5 * time.Minute
	// maxTokens bounds the tokens that are kept.
	maxTokens = 1024
)

// tokens keeps what was granted, by the whole of the grant, secrets included.
type tokens struct {
	mu   sync.Mutex
	kept map[string]token
}

type token struct {
	value string
	ends  time.Time
}

func grantKey(g *check.OAuth2) string {
	b, _ := json.Marshal(g) // texts always encode
	return string(b)
}

func (t *tokens) get(key string, now time.Time) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.kept[key]
	return k.value, ok && now.Before(k.ends)
}

func (t *tokens) put(key string, k token, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil || len(t.kept) >= maxTokens {
		t.kept = map[string]token{} // a check whose grant changes each time would fill it
	}
	if k.ends.After(now) {
		t.kept[key] = k
	}
}

// drop forgets a token that was refused.
func (t *tokens) drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.kept, key)
}

// authorize puts the token of a grant in the place of the grant. It asks for
// one where none is kept.
func (a *attempt) authorize(ctx context.Context) error {
	auth := a.request.Auth
	if auth == nil || auth.OAuth2 == nil {
		return nil
	}
	g := auth.OAuth2
	a.grant = grantKey(g)
	value, ok := a.runner.tokens.get(a.grant, time.Now())
	if !ok {
		granted, err := a.ask(ctx, g)
		if err != nil {
			return err
		}
		value = granted.value
		a.runner.tokens.put(a.grant, granted, time.Now())
	}
	a.request.Auth = &check.Auth{Bearer: value}
	a.hidden.Add(value)
	return nil
}

// ask asks for a token: RFC 6749, section 4.4.2. The connection is dialled as
// any other, with the TLS settings and the proxy of the check's request.
func (a *attempt) ask(ctx context.Context, g *check.OAuth2) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(g.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Scopes, " "))
	}
	if g.Audience != "" {
		form.Set("audience", g.Audience)
	}
	r := check.Request{
		Method: http.MethodPost, URL: g.TokenURL, MaxBody: 1 << 20,
		Headers:  map[string]string{"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
		IPFamily: a.request.IPFamily, TLS: a.request.TLS, Proxy: a.request.Proxy,
	}
	if g.InBody {
		form.Set("client_id", g.ClientID)
		form.Set("client_secret", g.ClientSecret)
	} else {
		r.Auth = &check.Auth{User: url.QueryEscape(g.ClientID), Password: url.QueryEscape(g.ClientSecret)}
	}
	r.Body = form.Encode()
	b := newAttempt(a.runner, &check.APIStep{ID: a.spec.ID, Request: r, Expect: []string{"json"}}, a.hidden, cookies{}, true)
	b.request = r
	err := b.run(ctx)
	b.watch.stop()
	if err != nil {
		var said *fault
		if !errors.As(err, &said) && ctx.Err() == nil {
			said = b.explain(err)
		}
		if said != nil {
			return token{}, &fault{class: said.class, excuse: said.excuse, message: "asking for an OAuth2 token: " + said.message}
		}
		return token{}, err
	}
	return granted(b, time.Now())
}

// granted reads the answer: RFC 6749, section 5.
func granted(b *attempt, now time.Time) (token, error) {
	var said struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
		Error       string      `json:"error"`
		Description string      `json:"error_description"`
	}
	err := json.Unmarshal([]byte(b.body.text.String()), &said)
	where := b.target.Host
	switch {
	case b.answer.StatusCode != http.StatusOK && said.Error != "":
		return token{}, &fault{class: jobs.FaultAssertion, message: fmt.Sprintf("%s grants no OAuth2 token: %s (status %d)", where, strings.TrimSpace(said.Error+" "+said.Description), b.answer.StatusCode)}
	case b.answer.StatusCode != http.StatusOK:
		return token{}, &fault{class: jobs.FaultAssertion, message: fmt.Sprintf("%s grants no OAuth2 token: status %d", where, b.answer.StatusCode)}
	case err != nil || said.AccessToken == "":
		return token{}, &fault{class: jobs.FaultAssertion, message: fmt.Sprintf("%s answers without an access_token in JSON", where)}
	case said.TokenType != "" && !strings.EqualFold(said.TokenType, "bearer"):
		return token{}, &fault{class: jobs.FaultAssertion, message: fmt.Sprintf("%s grants a token of the type %q; only bearer is known", where, said.TokenType)}
	case strings.ContainsFunc(said.AccessToken, isControl):
		return token{}, &fault{class: jobs.FaultAssertion, message: fmt.Sprintf("%s grants a token with a control character in it", where)}
	}
	life := tokenLife
	if s, err := said.ExpiresIn.Float64(); err == nil {
		life = time.Duration(min(max(s, 0), 86400)*float64(time.Second)) - tokenMargin
	}
	return token{value: said.AccessToken, ends: now.Add(life)}, nil
}
