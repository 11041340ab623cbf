package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/status"
)

// runner runs statements that answer rows: a pool or a transaction.
type runner interface {
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
}

// rulebooks are those of the checks that there ever were among ids. What a
// newer release wrote and this one cannot read is left out: the rules before
// go on until then.
func rulebooks(ctx context.Context, q runner, ids []string) (map[string]status.Rulebook, error) {
	windows, err := plannedWindows(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, `
		SELECT check_id, since, active, spec_version, spec FROM check_history
		WHERE check_id = ANY ($1) ORDER BY check_id, since`, ids)
	if err != nil {
		return nil, err
	}
	books := make(map[string]status.Rulebook, len(ids))
	var id string
	var since time.Time
	var active bool
	var version int
	var spec []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &since, &active, &version, &spec}, func() error {
		c, err := codec.DecodeCheck(version, spec)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		r := status.NewRules(c, since)
		r.Active = active
		for _, w := range windows {
			if w.concerns(c) {
				r.Windows = append(r.Windows, w.Window)
			}
		}
		books[id] = append(books[id], r)
		return nil
	})
	return books, err
}

// plannedWindow is a window of the table maintenance.
type plannedWindow struct {
	status.Window
	checks, tags, groups []string
}

func (w plannedWindow) concerns(c check.Check) bool {
	return slices.Contains(w.checks, c.ID) || c.Group != "" && slices.Contains(w.groups, c.Group) ||
		slices.ContainsFunc(c.Tags, func(t string) bool { return slices.Contains(w.tags, t) })
}

// plannedWindows are those planned by hand. A window counts from when it was
// planned on and until it was called off: what was judged before stands.
func plannedWindows(ctx context.Context, q runner) ([]plannedWindow, error) {
	rows, err := q.Query(ctx, `
		SELECT checks, tags, groups, why, coalesce(from_at, 'epoch'), coalesce(to_at, 'epoch'), cron, zone, for_ms,
			created_at, coalesce(cancelled_at, 'epoch')
		FROM maintenance WHERE coalesce(cancelled_at, to_at, 'infinity') > now() - interval '60 days' ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (w plannedWindow, err error) {
		var m check.Maintenance
		var lasts int64
		var created, cancelled time.Time
		err = row.Scan(&w.checks, &w.tags, &w.groups, &m.Why, &m.From, &m.To, &m.Cron, &m.Zone, &lasts, &created, &cancelled)
		m.From, m.To, cancelled = sinceEpoch(m.From), sinceEpoch(m.To), sinceEpoch(cancelled)
		m.For = time.Duration(lasts) * time.Millisecond
		w.Window = status.NewWindow(m)
		if w.From.Before(created) {
			w.From = created
		}
		if !cancelled.IsZero() && (w.To.IsZero() || cancelled.Before(w.To)) {
			w.To = cancelled
		}
		return w, err
	})
}
