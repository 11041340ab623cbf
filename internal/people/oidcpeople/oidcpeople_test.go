package oidcpeople

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is an identity provider on loopback, which answers what a test wants.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey
	// forge changes the claims, or makes the whole token.
	forge func(claims map[string]any) (token string)
	codes map[string]url.Values // what was asked for, by code
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256", "none", "HS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked, ok := i.codes[r.PostForm.Get("code")]
		delete(i.codes, r.PostForm.Get("code"))
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || asked.Get("code_challenge_method") != "S256" {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{
			"iss": i.URL, "sub": "s-1", "aud": "probefleet", "nonce": asked.Get("nonce"),
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			"email": "ada@example.org", "email_verified": true, "preferred_username": "ada",
			"groups": []string{"ops"}, "realm_access": map[string]any{"roles": []string{"lead"}},
		}
		token := ""
		if i.forge != nil {
			token = i.forge(claims)
		}
		if token == "" {
			token = i.sign(t, i.key, jose.ES256, claims)
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token})
	})
	return i
}

func (i *issuer) sign(t *testing.T, key any, alg jose.SignatureAlgorithm, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

// visit is the browser at the provider: it logs in and is sent back.
func (i *issuer) visit(t *testing.T, address string) (code, state string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	code = rand.Text()
	i.codes[code] = u.Query()
	return code, u.Query().Get("state")
}

func provider(i *issuer, claim string) *Provider {
	return New(Config{Issuer: i.URL, Client: "probefleet", Secret: "s3cret", Redirect: "http://127.0.0.1/login/provider", Claim: claim})
}

func TestLogIn(t *testing.T) {
	i := newIssuer(t)
	for claim, want := range map[string][]string{"groups": {"ops"}, "realm_access.roles": {"lead"}, "none": nil, "email_verified": {"true"}} {
		p := provider(i, claim)
		address, err := p.URL(t.Context(), "the-state", "the-nonce", "the-verifier-of-more-than-forty-three-characters")
		if err != nil {
			t.Fatal(err)
		}
		code, state := i.visit(t, address)
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
		forge  func(i *issuer, c map[string]any) string
		reason string
	}{
		"another nonce":    {func(_ *issuer, c map[string]any) string { c["nonce"] = "of another log-in"; return "" }, "another nonce"},
		"no nonce":         {func(_ *issuer, c map[string]any) string { delete(c, "nonce"); return "" }, "another nonce"},
		"another audience": {func(_ *issuer, c map[string]any) string { c["aud"] = "somebody else"; return "" }, "audience"},
		"no audience":      {func(_ *issuer, c map[string]any) string { delete(c, "aud"); return "" }, "audience"},
		"made for another": {func(_ *issuer, c map[string]any) string { c["azp"] = "somebody else"; return "" }, "somebody else"},
		"many audiences":   {func(_ *issuer, c map[string]any) string { c["aud"] = []string{"probefleet", "x"}; return "" }, "made for"},
		"another issuer":   {func(_ *issuer, c map[string]any) string { c["iss"] = "https://evil.example"; return "" }, "issued by a different provider"},
		"expired":          {func(_ *issuer, c map[string]any) string { c["exp"] = time.Now().Add(-time.Minute).Unix(); return "" }, "expired"},
		"never expires":    {func(_ *issuer, c map[string]any) string { delete(c, "exp"); return "" }, "expired"},
		"not yet":          {func(_ *issuer, c map[string]any) string { c["nbf"] = time.Now().Add(time.Hour).Unix(); return "" }, "before the nbf"},
		"nobody":           {func(_ *issuer, c map[string]any) string { delete(c, "sub"); return "" }, "names nobody"},
		"another key":      {func(i *issuer, c map[string]any) string { return i.sign(t, other, jose.ES256, c) }, "verify signature"},
		"our secret as key": {func(i *issuer, c map[string]any) string {
			return i.sign(t, []byte(strings.Repeat("s3cret", 8)), jose.HS256, c)
		}, "unexpected signature algorithm"},
		"alg none": {func(_ *issuer, c map[string]any) string {
			body, _ := json.Marshal(c)
			enc := base64.RawURLEncoding.EncodeToString
			return enc([]byte(`{"alg":"none"}`)) + "." + enc(body) + "."
		}, "unexpected signature algorithm"},
		"no token": {func(*issuer, map[string]any) string { return "rubbish" }, "malformed jwt"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			i.forge = func(c map[string]any) string { return row.forge(i, c) }
			p := provider(i, "groups")
			address, err := p.URL(t.Context(), "state", "nonce", "the-verifier-of-more-than-forty-three-characters")
			if err != nil {
				t.Fatal(err)
			}
			code, _ := i.visit(t, address)
			_, err = p.Exchange(t.Context(), code, "nonce", "the-verifier-of-more-than-forty-three-characters")
			if err == nil || !strings.Contains(err.Error(), row.reason) {
				t.Errorf("%v, want %q", err, row.reason)
			}
		})
	}
}

// The code is of no use to who did not begin the log-in, and used only once.
func TestCodes(t *testing.T) {
	i := newIssuer(t)
	p := provider(i, "groups")
	address, _ := p.URL(t.Context(), "state", "nonce", "the-verifier-of-more-than-forty-three-characters")
	code, _ := i.visit(t, address)
	if _, err := p.Exchange(t.Context(), code, "nonce", "another-verifier-of-more-than-forty-three-chars"); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("with another verifier: %v", err)
	}
	if _, err := p.Exchange(t.Context(), "", "nonce", "v"); err == nil {
		t.Error("without a code")
	}
}

func TestUnverifiedAddressesAreLeftOut(t *testing.T) {
	i := newIssuer(t)
	i.forge = func(c map[string]any) string { c["email_verified"] = false; return "" }
	p := provider(i, "groups")
	address, _ := p.URL(t.Context(), "state", "nonce", "the-verifier-of-more-than-forty-three-characters")
	code, _ := i.visit(t, address)
	if c, err := p.Exchange(t.Context(), code, "nonce", "the-verifier-of-more-than-forty-three-characters"); err != nil || c.Email != "" {
		t.Errorf("%+v %v", c, err)
	}
}

// A provider that is away at first is asked again.
func TestAwayAtFirst(t *testing.T) {
	i := newIssuer(t)
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
