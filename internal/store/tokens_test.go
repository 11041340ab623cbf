package store_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

func TestTokens(t *testing.T) {
	s, url := open(t)
	hash := sha256.Sum256([]byte("secret"))
	made := access.Token{ID: "t1", Name: "ci", Scopes: []access.Scope{access.ChecksRead}, Source: "api", CreatedBy: "me", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	if err := s.CreateToken(t.Context(), made, hash); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateToken(t.Context(), access.Token{ID: "t2", CreatedAt: noon}, hash); err == nil {
		t.Error("two tokens have one hash")
	}
	got, ok, err := s.TokenByHash(t.Context(), hash)
	if err != nil || !ok || got.Name != "ci" || !got.Allows(access.ChecksRead) || !got.ExpiresAt.Equal(made.ExpiresAt) || !got.LastUsedAt.IsZero() || !got.RevokedAt.IsZero() {
		t.Errorf("%+v, %t, %v", got, ok, err)
	}
	if _, ok, err := s.TokenByHash(t.Context(), sha256.Sum256([]byte("other"))); ok || err != nil {
		t.Errorf("an unknown token: %t, %v", ok, err)
	}
	for range 2 {
		if err := s.TouchToken(t.Context(), "t1"); err != nil {
			t.Fatal(err)
		}
	}
	if used := ask[bool](t, url, `SELECT last_used_at > now() - interval '1 minute' FROM api_tokens`); !used {
		t.Error("the use is not noted")
	}
	if ok, err := s.RevokeToken(t.Context(), "t1"); !ok || err != nil {
		t.Errorf("revoking: %t, %v", ok, err)
	}
	if ok, err := s.RevokeToken(t.Context(), "none"); ok || err != nil {
		t.Errorf("revoking none: %t, %v", ok, err)
	}
	if got, _, _ := s.TokenByHash(t.Context(), hash); got.RevokedAt.IsZero() {
		t.Error("it is not revoked")
	}
}

// The environment has one token: another one takes the place of the first, and
// a revoked one stays so.
func TestEnvironmentToken(t *testing.T) {
	s, _ := open(t)
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	valid := func(hash [32]byte) bool {
		t.Helper()
		got, ok, err := s.TokenByHash(t.Context(), hash)
		if err != nil {
			t.Fatal(err)
		}
		return ok && got.RevokedAt.IsZero()
	}
	keep := func(id string, hash [32]byte) {
		t.Helper()
		if err := s.KeepEnvironmentToken(t.Context(), access.Token{ID: id}, hash); err != nil {
			t.Fatal(err)
		}
	}
	keep("a", one)
	keep("b", one)
	if !valid(one) {
		t.Error("the first is not valid")
	}
	keep("c", two)
	if valid(one) || !valid(two) {
		t.Error("the second did not take the place of the first")
	}
	if _, err := s.RevokeToken(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	keep("d", two)
	if valid(two) {
		t.Error("a restart made a revoked token valid")
	}
}
