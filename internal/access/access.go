// Package access says who may ask the console, and for what: tokens with their
// scopes and their validity, the roles of people, the one table that says what
// each allows, and what is written down of every change. It refuses to know
// where any of it is kept (store), which request needs which scope (console)
// and how people prove who they are (people).
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ParseScopes reads scopes separated by commas; "all" is every one.
func ParseScopes(text string) ([]Scope, error) {
	if strings.TrimSpace(text) == "all" {
		return Scopes, nil
	}
	var found []Scope
	for _, word := range strings.Split(text, ",") {
		s := Scope(strings.TrimSpace(word))
		if !slices.Contains(Scopes, s) {
			return nil, fmt.Errorf("%q is not a scope; use all, or some of %s", s, Join(Scopes))
		}
		if !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found, nil
}

// Join writes scopes as [ParseScopes] reads them.
func Join(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, ",")
}

// The sources of tokens.
const (
	SourceAPI         = "api"         // made by another token
	SourceDatabase    = "database"    // made by somebody with the database
	SourceEnvironment = "environment" // PROBEFLEET_CONSOLE_TOKEN of the console
)

// Token is what is known of a token. The secret itself is not kept.
type Token struct {
	// ID is public: it names the token in lists and logs.
	ID, Name string
	Scopes   []Scope
	// Source says how it was made, CreatedBy by which token, "" by none.
	Source, CreatedBy string
	CreatedAt         time.Time
	// The zero time stands for never: ExpiresAt, LastUsedAt (to the minute),
	// RevokedAt.
	ExpiresAt, LastUsedAt, RevokedAt time.Time
}

// Void says why the token is not valid at now, "" where it is.
func (t Token) Void(now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked at " + t.RevokedAt.UTC().Format(time.RFC3339)
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return "expired at " + t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return ""
}

// Allows reports whether the token has the scope.
func (t Token) Allows(s Scope) bool { return slices.Contains(t.Scopes, s) }

// NewSecret draws a token of 260 random bits, and an id for it.
func NewSecret() (id, secret string) {
	return strings.ToLower(rand.Text()[:12]), "pf_" + rand.Text() + rand.Text()
}

// Hash is what is kept of a secret. A single SHA-256 without salt is right for
// it: 256 random bits can be neither guessed nor listed in advance, which is
// what salts and slow hashes are for, and every request needs it.
func Hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }
