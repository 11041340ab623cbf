// Package people says how people prove to the console who they are: accounts,
// passwords, sessions, and what an identity provider says of them. It refuses
// to know where accounts are kept (store), what pages look like (console) and
// what a role allows (access).
package people

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// Account is one person.
type Account struct {
	// ID is public and never changes, Name is what they log in with.
	ID, Name string
	Role     access.Role
	// Local is whether they have a password, Temporary whether they are to
	// change it before anything else.
	Local, Temporary bool
	// Issuer and Subject are who they are to an identity provider, "" where
	// they are nobody there.
	Issuer, Subject string
	CreatedBy       string
	CreatedAt       time.Time
	// The zero time stands for never.
	PasswordAt, LastLoginAt, DisabledAt time.Time
}

// Actor is the person as one who does something, from an address.
func (a Account) Actor(address string) access.Actor {
	actor := access.Actor{Kind: access.ActorPerson, ID: a.ID, Name: a.Name, Scopes: a.Role.Scopes(), Address: address}
	if a.Temporary {
		actor.Scopes = nil
	}
	return actor
}

// TemporaryLasts is how long a password that somebody else made is valid.
const TemporaryLasts = 7 * 24 * time.Hour

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,99}$`)

// ParseName reads a name for log-in; case does not matter.
func ParseName(text string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(text))
	if !nameForm.MatchString(name) {
		return "", fmt.Errorf("%q is not a name for log-in: use up to 100 of a-z, 0-9 and . _ @ + -, the first a letter or digit", text)
	}
	return name, nil
}

// ParseRole reads a role.
func ParseRole(text string) (access.Role, error) {
	if r := access.Role(strings.TrimSpace(text)); r.Known() {
		return r, nil
	}
	return "", fmt.Errorf("%q is not a role; use viewer, editor or admin", text)
}

// Change is what is changed of an account; what is nil stays.
type Change struct {
	Role     *access.Role
	Disabled *bool
}
