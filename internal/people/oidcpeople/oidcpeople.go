// Package oidcpeople asks an OpenID Connect provider who somebody is. It owns
// the protocol: discovery, the code flow with PKCE, and what makes an ID token
// valid. It refuses to decide who may come in (people).
package oidcpeople

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/probefleet/probefleet/internal/people"
)

// Config says how the provider knows us.
type Config struct {
	// Issuer is the provider's address, below which it describes itself.
	Issuer string
	// Title is what the button says, such as "Acme".
	Title          string
	Client, Secret string
	// Redirect is where the provider sends people back to.
	Redirect string
	// Claim is the claim by whose values roles are given, such as groups; a
	// path with dots where it is within others.
	Claim string
	// Scopes are asked for besides openid, email and profile.
	Scopes []string
}

// timeout bounds each question to the provider.
const timeout = 10 * time.Second

// algorithms are those of signatures that only the provider can make: neither
// none, nor such as our own secret would do for.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// Provider is a provider that is asked for its description at the first
// log-in, so that the console starts without it.
type Provider struct {
	c      Config
	client *http.Client

	mu    sync.Mutex
	known *oidc.Provider
}

// New makes a Provider. It asks nothing yet.
func New(c Config) *Provider {
	return &Provider{c: c, client: &http.Client{Timeout: timeout}}
}

// Name implements [people.Provider].
func (p *Provider) Name() string {
	if p.c.Title != "" {
		return p.c.Title
	}
	return strings.TrimPrefix(strings.TrimPrefix(p.c.Issuer, "https://"), "http://")
}

// describe reads the provider's description once.
func (p *Provider) describe(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	known, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("reading the description of the identity provider %q: %w", p.c.Issuer, err)
	}
	p.known = known
	return known, nil
}

func (p *Provider) oauth(known *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.c.Client, ClientSecret: p.c.Secret, Endpoint: known.Endpoint(), RedirectURL: p.c.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID, "email", "profile"}, p.c.Scopes...),
	}
}

// URL implements [people.Provider].
func (p *Provider) URL(ctx context.Context, state, nonce, verifier string) (string, error) {
	known, err := p.describe(ctx)
	if err != nil {
		return "", err
	}
	return p.oauth(known).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// Exchange implements [people.Provider].
func (p *Provider) Exchange(ctx context.Context, code, nonce, verifier string) (people.Claims, error) {
	if code == "" {
		return people.Claims{}, errors.New("it sent no code")
	}
	known, err := p.describe(ctx)
	if err != nil {
		return people.Claims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(known).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return people.Claims{}, fmt.Errorf("exchanging the code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return people.Claims{}, errors.New("there is no ID token in it")
	}
	id, err := known.VerifierContext(ctx, &oidc.Config{ClientID: p.c.Client, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	if err != nil {
		return people.Claims{}, fmt.Errorf("checking the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return people.Claims{}, errors.New("the ID token has another nonce: it is not of this log-in")
	}
	return p.claims(id)
}

func (p *Provider) claims(id *oidc.IDToken) (people.Claims, error) {
	var known struct {
		PreferredName string `json:"preferred_username"`
		Email         string `json:"email"`
		// Some providers write it as a text.
		Verified any    `json:"email_verified"`
		Party    string `json:"azp"`
	}
	var all map[string]any
	if err := errors.Join(id.Claims(&known), id.Claims(&all)); err != nil {
		return people.Claims{}, fmt.Errorf("reading the claims: %w", err)
	}
	switch {
	case id.Subject == "":
		return people.Claims{}, errors.New("the ID token names nobody")
	case known.Party != "" && known.Party != p.c.Client, len(id.Audience) > 1 && known.Party == "":
		return people.Claims{}, fmt.Errorf("the ID token was made for %q", known.Party)
	}
	c := people.Claims{Issuer: id.Issuer, Subject: id.Subject, PreferredName: known.PreferredName, Groups: values(find(all, p.c.Claim))}
	if known.Verified == true || known.Verified == "true" {
		c.Email = known.Email
	}
	return c, nil
}

// find is a claim by its name, else by its path.
func find(all map[string]any, path string) any {
	if v, ok := all[path]; ok {
		return v
	}
	first, rest, ok := strings.Cut(path, ".")
	inner, isObject := all[first].(map[string]any)
	if !ok || !isObject {
		return nil
	}
	return find(inner, rest)
}

// values are the texts of a claim, which is one or a list of them.
func values(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case bool, float64, json.Number:
		return []string{fmt.Sprint(v)}
	case []any:
		var list []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}
