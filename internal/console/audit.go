package console

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/numeral"
)

// auditLog is where it is written down who did what.
type auditLog interface {
	// Note writes down what was done outside of the database.
	Note(ctx context.Context, entries ...access.Entry) error
	// Audit lists entries, the newest first.
	Audit(ctx context.Context, f access.EntryFilter) ([]access.Entry, error)
	PruneAudit(ctx context.Context, before time.Time) (int64, error)
	PruneSessions(ctx context.Context, before time.Time) error
}

// AuditEntry is a line of the audit log.
type AuditEntry struct {
	ID        int64            `json:"id"`
	At        time.Time        `json:"at"`
	ActorKind access.ActorKind `json:"actor_kind" enum:"person,token,system"`
	Actor     string           `json:"actor" doc:"Name of the person, token or command."`
	ActorID   string           `json:"actor_id,omitempty"`
	Action    string           `json:"action"`
	Subject   string           `json:"subject,omitempty" doc:"What it was done to."`
	Before    []string         `json:"before" nullable:"false" doc:"Names of the properties that changed or went; never their values."`
	After     []string         `json:"after" nullable:"false" doc:"Names of the properties that changed or came."`
	Note      string           `json:"note,omitempty"`
	Address   string           `json:"address,omitempty"`
	Result    string           `json:"result" enum:"done,refused"`
}

// AuditEntries is the answer of GET /api/v1/audit.
type AuditEntries struct {
	Entries []AuditEntry `json:"entries" nullable:"false"`
	Next    int64        `json:"next,omitempty" doc:"Ask again with this as before for what follows; absent at the end."`
}

type auditInput struct {
	Actor   string    `query:"actor" doc:"Only of this person, token or command, by name."`
	Action  string    `query:"action" doc:"Only this action, or those that begin with it: check is check.change too."`
	Subject string    `query:"subject" doc:"Only what was done to this."`
	Result  string    `query:"result" enum:"done,refused"`
	Since   time.Time `query:"since" doc:"Not before this time."`
	Until   time.Time `query:"until" doc:"Before this time."`
	Before  int64     `query:"before" minimum:"0" doc:"Continue the list after this entry."`
	Limit   int       `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (e *endpoints) audit() {
	register(e, operation{
		id: "list-audit", method: http.MethodGet, path: "/audit", scope: access.AuditRead, tag: "people",
		summary: "Who did what", description: "The newest first. Every change is written down in its own transaction, with the names of what changed and without values. Entries are kept for 400 days and cannot be changed.",
	}, func(ctx context.Context, in *auditInput) (*out[AuditEntries], error) {
		list, err := e.console.AuditLog(ctx, access.EntryFilter{
			Actor: in.Actor, Action: in.Action, Subject: in.Subject, Result: in.Result,
			Since: in.Since, Until: in.Until, Before: in.Before, Limit: in.Limit,
		})
		if err != nil {
			return nil, err
		}
		return answer(list), nil
	})
}

// AuditLog lists entries of the audit log, the newest first. The error is a
// [*Problem].
func (c *Console) AuditLog(ctx context.Context, f access.EntryFilter) (AuditEntries, error) {
	limit := f.Limit
	f.Limit++
	found, err := c.o.Audit.Audit(ctx, f)
	if err != nil {
		return AuditEntries{}, c.failed("reading the audit log", err)
	}
	list := AuditEntries{Entries: []AuditEntry{}}
	if len(found) > limit {
		found = found[:limit]
		list.Next = found[limit-1].ID
	}
	for _, x := range found {
		list.Entries = append(list.Entries, AuditEntry{
			x.ID, x.At.UTC(), x.ActorKind, x.Actor, x.ActorID, x.Action, x.Subject, orEmpty(x.Before), orEmpty(x.After), x.Note, x.Address, x.Result,
		})
	}
	return list, nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// noteLetters writes down what was done to dead letters, which are in queues.
func (c *Console) noteLetters(ctx context.Context, doing string, ch Chosen, done *Done) {
	if c.o.Audit == nil {
		return
	}
	what := fmt.Sprintf("%d named", len(ch.IDs))
	if ch.All {
		what = "all"
	}
	action := "dead-letters.discard"
	if strings.HasPrefix(doing, "redriving") {
		action = "dead-letters.redrive"
	}
	err := c.o.Audit.Note(context.WithoutCancel(ctx), access.Entry{
		Action: action, Subject: ch.Queue,
		Note: fmt.Sprintf("%s: %s, %s, %s being moved, %d failed", what,
			numeral.Of(done.Messages, "message"), numeral.Of(done.Rows, "row"), numeral.Of(len(done.Moves), "queue"), len(done.Failed)),
	})
	if err != nil {
		c.o.Logger.Error("noting what was done to dead letters", "doing", doing, "err", err)
	}
}

// sessionsKept is how long ended sessions are kept: by them their owners are
// known again.
const sessionsKept = 90 * 24 * time.Hour

// prunePeople forgets what is old of the audit log and of sessions.
func (c *Console) prunePeople(ctx context.Context) {
	if c.o.Audit == nil || ctx.Err() != nil {
		return
	}
	if err := c.o.Audit.PruneSessions(ctx, time.Now().Add(-sessionsKept)); err != nil {
		c.o.Logger.Warn("deleting old sessions", "err", err)
	}
	if gone, err := c.o.Audit.PruneAudit(ctx, time.Now().Add(-access.AuditKept)); err != nil {
		c.o.Logger.Warn("deleting old entries of the audit log", "err", err)
	} else if gone > 0 {
		c.o.Logger.Info("old entries of the audit log are deleted", "entries", gone)
	}
}
