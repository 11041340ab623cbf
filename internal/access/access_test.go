package access

import (
	"strings"
	"testing"
	"time"
)

func TestParseScopes(t *testing.T) {
	for text, want := range map[string]string{
		"all": Join(Scopes), "checks:read": "checks:read", " checks:read, runs:read,checks:read": "checks:read,runs:read",
	} {
		got, err := ParseScopes(text)
		if err != nil || Join(got) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "checks", "checks:read,", "all,checks:read"} {
		if _, err := ParseScopes(text); err == nil || !strings.Contains(err.Error(), "tokens:admin") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestVoid(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		t    Token
		void bool
	}{
		{Token{}, false},
		{Token{ExpiresAt: now.Add(1)}, false},
		{Token{ExpiresAt: now}, true},
		{Token{RevokedAt: now.Add(-time.Hour)}, true},
	} {
		if void := row.t.Void(now) != ""; void != row.void {
			t.Errorf("%+v: void %t", row.t, void)
		}
	}
}

func TestSecretsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id, secret := NewSecret()
		if seen[id] || seen[secret] || len(secret) < 3+52 || len(id) != 12 {
			t.Fatalf("%q %q", id, secret)
		}
		seen[id], seen[secret] = true, true
	}
}
