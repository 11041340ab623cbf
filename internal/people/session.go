package people

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"
)

// Secret is what a browser keeps: 260 random bits. Only its [Digest] is kept
// here.
type Secret string

// NewSecret draws a secret.
func NewSecret() Secret { return Secret(rand.Text() + rand.Text()) }

// Digest is what is kept of a secret. Random bits need no salt and no slow
// hash.
func (s Secret) Digest() [32]byte { return sha256.Sum256([]byte(s)) }

// newID draws a public id.
func newID() string { return strings.ToLower(rand.Text()[:12]) }

// Session is one log-in of a person in a browser.
type Session struct {
	// ID is public: it names the session in lists.
	ID       string
	PersonID string
	// Device is the digest of what names the browser, log-in after log-in.
	Device [32]byte
	// Network is what counts as one address, Address the address itself, Agent
	// what the browser says it is.
	Network, Address, Agent string
	// SeenAt is exact to the minute. EndsAt is when it ends however much it is
	// used; EndedAt is zero while nobody has ended it.
	CreatedAt, SeenAt, EndsAt, EndedAt time.Time
}

// Over says why the session is not valid at now, "" where it is.
func (s Session) Over(now time.Time, idle time.Duration) string {
	switch {
	case !s.EndedAt.IsZero():
		return "ended"
	case !now.Before(s.EndsAt):
		return "at its end"
	case now.Sub(s.SeenAt) >= idle:
		return "idle"
	}
	return ""
}
