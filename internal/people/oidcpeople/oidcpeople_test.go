package oidcpeople

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/probefleet/probefleet/internal/people/oidcpeople/oidctest"
)

func provider(i *oidctest.Issuer, claim string) *Provider {
	return New(Config{Issuer: i.URL, Client: "probefleet", Secret: "s3cret", Redirect: "http://127.0.0.1/login/provider", Claim: claim})
}

func TestLogIn(t *testing.T) {
	i := oidctest.Start(t)
	for claim, want := range map[string][]string{"groups": {"ops"}, "realm_access.roles": {"lead"}, "none": nil, "email_verified": {"true"}} {
		p := provider(i, claim)
		address, err := p.URL(t.Context(), "the-state", "the-nonce", "the-verifier-of-more-than-forty-three-characters")
		if err != nil {
			t.Fatal(err)
		}
		code, state := i.Visit(t, address)
		c, err := p.Exchange(t.Context(), code, "the-nonce", "the-verifier-of-more-than-forty-three-characters")
		if err != nil || state != "the-state" || c.Subject != "s-1" || c.Issuer != i.URL || c.Email != "ada@example.org" || !slices.Equal(c.Groups, want) {
			t.Errorf("%s: %+v %v", claim, c, err)
		}
	}
}

// Every forged answer is refused, with its reason.
func TestForgeries(t *testing.T) {
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, row := range map[string]struct {
		forge  func(i *oidctest.Issuer, c map[string]any) string
		reason string
	}{
		"another nonce":    {func(_ *oidctest.Issuer, c map[string]any) string { c["nonce"] = "of another log-in"; return "" }, "another nonce"},
		"no nonce":         {func(_ *oidctest.Issuer, c map[string]any) string { delete(c, "nonce"); return "" }, "another nonce"},
		"another audience": {func(_ *oidctest.Issuer, c map[string]any) string { c["aud"] = "somebody else"; return "" }, "audience"},
		"no audience":      {func(_ *oidctest.Issuer, c map[string]any) string { delete(c, "aud"); return "" }, "audience"},
		"made for another": {func(_ *oidctest.Issuer, c map[string]any) string { c["azp"] = "somebody else"; return "" }, "somebody else"},
		"many audiences":   {func(_ *oidctest.Issuer, c map[string]any) string { c["aud"] = []string{"probefleet", "x"}; return "" }, "made for"},
		"another issuer":   {func(_ *oidctest.Issuer, c map[string]any) string { c["iss"] = "https://evil.example"; return "" }, "issued by a different provider"},
		"expired": {func(_ *oidctest.Issuer, c map[string]any) string {
			c["exp"] = time.Now().Add(-time.Minute).Unix()
			return ""
		}, "expired"},
		"never expires": {func(_ *oidctest.Issuer, c map[string]any) string { delete(c, "exp"); return "" }, "expired"},
		"not yet": {func(_ *oidctest.Issuer, c map[string]any) string {
			c["nbf"] = time.Now().Add(time.Hour).Unix()
			return ""
		}, "before the nbf"},
		"nobody":      {func(_ *oidctest.Issuer, c map[string]any) string { delete(c, "sub"); return "" }, "names nobody"},
		"another key": {func(i *oidctest.Issuer, c map[string]any) string { return i.Sign(t, other, jose.ES256, c) }, "verify signature"},
		"our secret as key": {func(i *oidctest.Issuer, c map[string]any) string {
			return i.Sign(t, []byte(strings.Repeat("s3cret", 8)), jose.HS256, c)
		}, "unexpected signature algorithm"},
		"alg none": {func(_ *oidctest.Issuer, c map[string]any) string {
			body, _ := json.Marshal(c)
			enc := base64.RawURLEncoding.EncodeToString
			return enc([]byte(`{"alg":"none"}`)) + "." + enc(body) + "."
		}, "unexpected signature algorithm"},
		"no token": {func(*oidctest.Issuer, map[string]any) string { return "rubbish" }, "malformed jwt"},
	} {
		t.Run(name, func(t *testing.T) {
			i := oidctest.Start(t)
			i.Forge = func(c map[string]any) string { return row.forge(i, c) }
			p := provider(i, "groups")
			address, err := p.URL(t.Context(), "state", "nonce", "the-verifier-of-more-than-forty-three-characters")
			if err != nil {
				t.Fatal(err)
			}
			code, _ := i.Visit(t, address)
			_, err = p.Exchange(t.Context(), code, "nonce", "the-verifier-of-more-than-forty-three-characters")
			if err == nil || !strings.Contains(err.Error(), row.reason) {
				t.Errorf("%v, want %q", err, row.reason)
			}
		})
	}
}

// The code is of no use to who did not begin the log-in, and used only once.
func TestCodes(t *testing.T) {
	i := oidctest.Start(t)
	p := provider(i, "groups")
	address, _ := p.URL(t.Context(), "state", "nonce", "the-verifier-of-more-than-forty-three-characters")
	code, _ := i.Visit(t, address)
	if _, err := p.Exchange(t.Context(), code, "nonce", "another-verifier-of-more-than-forty-three-chars"); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("with another verifier: %v", err)
	}
	if _, err := p.Exchange(t.Context(), "", "nonce", "v"); err == nil {
		t.Error("without a code")
	}
}

func TestUnverifiedAddressesAreLeftOut(t *testing.T) {
	i := oidctest.Start(t)
	i.Forge = func(c map[string]any) string { c["email_verified"] = false; return "" }
	p := provider(i, "groups")
	address, _ := p.URL(t.Context(), "state", "nonce", "the-verifier-of-more-than-forty-three-characters")
	code, _ := i.Visit(t, address)
	if c, err := p.Exchange(t.Context(), code, "nonce", "the-verifier-of-more-than-forty-three-characters"); err != nil || c.Email != "" {
		t.Errorf("%+v %v", c, err)
	}
}

// A provider that is away at first is asked again.
func TestAwayAtFirst(t *testing.T) {
	i := oidctest.Start(t)
	p := provider(i, "groups")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.URL(gone, "s", "n", "v"); err == nil {
		t.Error("it was not away")
	}
	if _, err := p.URL(t.Context(), "s", "n", "v"); err != nil {
		t.Error(err)
	}
}
