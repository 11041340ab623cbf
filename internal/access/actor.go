package access

import (
	"context"
	"slices"
	"time"
)

// ActorKind is the sort of one who does something.
type ActorKind string

// The kinds of actors.
const (
	ActorPerson ActorKind = "person" // somebody with an account
	ActorToken  ActorKind = "token"  // a program, by its token
	ActorSystem ActorKind = "system" // a command that holds the database
)

// Actor is who does something.
type Actor struct {
	Kind ActorKind
	// ID is that of the account or token, Name what people call it.
	ID, Name string
	Scopes   []Scope
	// Address is where they come from, "" where that is here.
	Address string
	// ExpiresAt is when a token ends, zero where it does not.
	ExpiresAt time.Time
}

// Allows reports whether the actor has the scope.
func (a Actor) Allows(s Scope) bool { return slices.Contains(a.Scopes, s) }

type actorKey struct{}

// WithActor has whatever is done under the context be done by a.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf is who acts under the context. Where nobody was named it is the
// system itself, which may ask for nothing.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ActorSystem, Name: "probefleet"}
}

// The results of what somebody tried.
const (
	Done    = "done"
	Refused = "refused"
)

// Entry is one line of the audit log: who did what, when, from where. It names
// the properties that changed, never their values, which may be secrets; Note
// says what is no secret, such as a role before and after.
type Entry struct {
	ID        int64
	At        time.Time
	ActorKind ActorKind
	ActorID   string
	Actor     string
	Action    string // such as check.change, in the words of Actions
	Subject   string // such as the check's id
	Before    []string
	After     []string
	Note      string
	Address   string
	Result    string // Done or Refused
}

// EntryFilter chooses entries; what is empty does not matter.
type EntryFilter struct {
	Actor, Action, Subject, Result string
	// Since and Until bound the time: Since is in, Until is not.
	Since, Until time.Time
	// Before continues a list, the newest first, after that entry.
	Before int64
	Limit  int
}

// AuditKept is how long entries of the audit log are kept.
const AuditKept = 400 * 24 * time.Hour
