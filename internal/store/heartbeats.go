package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/ping"
)

const (
	// judgedAtOnce is the number of slots of a heartbeat that one
	// [Store.HeartbeatsDue] answers at most: what has piled up is worked off in
	// parts.
	judgedAtOnce = 500
	// pingsBefore is how many pings from before the first of them are read, so
	// that ends find their starts.
	pingsBefore = 20
)

// GiveAddress makes what has hash the address of a heartbeat; the one before is
// void from then on.
func (s *Store) GiveAddress(ctx context.Context, checkID string, hash [32]byte, by string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO heartbeats AS h (check_id, address_hash, address_at, address_by) VALUES ($1, $2, clock_timestamp(), $3)
			ON CONFLICT (check_id) DO UPDATE SET (address_hash, address_at, address_by) = (excluded.address_hash, excluded.address_at, excluded.address_by)`,
			checkID, hash[:], text(by))
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actAddress, Subject: checkID})
	})
	if err != nil {
		return s.failed("giving heartbeat "+checkID+" an address", err)
	}
	return nil
}

// AddPing keeps a call to the address with hash, by the database's clock, and
// answers whose it is: "" where nobody has that address.
func (s *Store) AddPing(ctx context.Context, hash [32]byte, p ping.Ping) (checkID string, err error) {
	err = s.pool.QueryRow(ctx, `
		INSERT INTO pings (check_id, signal, exit_code, body, size, address)
		SELECT h.check_id, $2, $3, $4, $5, $6
		FROM heartbeats h JOIN checks c ON c.id = h.check_id AND c.kind = 'heartbeat' AND c.removed_at IS NULL
		WHERE h.address_hash = $1
		RETURNING check_id`, hash[:], string(p.Signal), p.ExitCode, text(p.Body), p.Size, text(p.Address)).Scan(&checkID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil
	case err != nil:
		return "", s.failed("keeping a call", err)
	}
	return checkID, nil
}

// ReceiverHere notes that the console that noted span id is still there to be
// called, or with 0 that one is from now on. It answers the span: another one
// where nothing was noted for so long that nobody can tell.
func (s *Store) ReceiverHere(ctx context.Context, id int64) (int64, error) {
	err := s.pool.QueryRow(ctx, `
		WITH on_and_on AS (
			UPDATE ping_receivers SET until = clock_timestamp()
			WHERE id = $1 AND until > clock_timestamp() - make_interval(secs => $2) RETURNING id
		), anew AS (
			INSERT INTO ping_receivers (since) SELECT clock_timestamp() WHERE NOT EXISTS (SELECT FROM on_and_on) RETURNING id
		)
		SELECT id FROM on_and_on UNION ALL SELECT id FROM anew`, id, ping.Silence.Seconds()).Scan(&id)
	if err != nil {
		return 0, s.failed("noting that a console is there to be called", err)
	}
	return id, nil
}

// HeartbeatsDue lists the active heartbeats of which slots are to be judged,
// with what is known of them.
func (s *Store) HeartbeatsDue(ctx context.Context) ([]ping.Due, error) {
	const doing = "reading what heartbeats said"
	due, oldest, now, err := s.heartbeats(ctx)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	if len(due) == 0 {
		return nil, nil
	}
	rows, err := s.pool.Query(ctx, `SELECT since, until FROM ping_receivers WHERE until >= $1 ORDER BY since`, oldest.Add(-check.MaxPeriod))
	if err != nil {
		return nil, s.failed(doing, err)
	}
	here, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ping.Span])
	if err != nil {
		return nil, s.failed(doing, err)
	}
	known := ping.Known(here, now)
	var open []ping.Due
	for _, d := range due {
		d.Until = known
		if most := d.After.Add(judgedAtOnce * d.Check.Every); d.Until.After(most) {
			d.Until = most
		}
		if d.Until.After(d.After) {
			open = append(open, d)
		}
	}
	if err := s.readPings(ctx, open); err != nil {
		return nil, s.failed(doing, err)
	}
	for i := range open {
		d := &open[i]
		from := d.Since
		if len(d.Pings) > 0 && (from.IsZero() || d.Pings[0].At.Before(from)) {
			from = d.Pings[0].At
		}
		if !from.IsZero() {
			d.Away = ping.Absences(here, from, d.Until)
		}
	}
	return open, nil
}

// heartbeats are the active ones, each with the time up to which it was judged,
// and since when it is waited for; oldest is the least of these times.
func (s *Store) heartbeats(ctx context.Context) (due []ping.Due, oldest, now time.Time, err error) {
	rows, err := s.pool.Query(ctx, `
		SELECT c.spec_version, c.spec, h.address_at, h.judged, clock_timestamp(), coalesce((
			SELECT min(a.since) FROM check_history a WHERE a.check_id = c.id AND a.active
				AND a.since > coalesce((SELECT max(p.since) FROM check_history p WHERE p.check_id = c.id AND NOT p.active), '-infinity')), c.created_at)
		FROM checks c LEFT JOIN heartbeats h ON h.check_id = c.id
		WHERE c.kind = 'heartbeat' AND c.active AND c.removed_at IS NULL ORDER BY c.id`)
	if err != nil {
		return nil, oldest, now, err
	}
	var version int
	var spec []byte
	var given, judged *time.Time
	var active time.Time
	_, err = pgx.ForEachRow(rows, []any{&version, &spec, &given, &judged, &now, &active}, func() error {
		c, err := codec.DecodeCheck(version, spec)
		if err != nil {
			return nil //nolint:nilerr // a newer release wrote it, and judges it
		}
		d := ping.Due{Watch: ping.Watch{Check: c}, After: active}
		if judged != nil && judged.After(active) {
			d.After = *judged
		}
		// Older results change nothing any more.
		if reach := now.Add(-FoldReach); d.After.Before(reach) {
			d.After = reach
		}
		if given != nil {
			if d.Since = *given; active.After(d.Since) {
				d.Since = active
			}
		}
		if oldest.IsZero() || d.After.Before(oldest) {
			oldest = d.After
		}
		due = append(due, d)
		return nil
	})
	return due, oldest, now, err
}

// readPings reads what was said in the time that is judged, and enough of what
// was said before.
func (s *Store) readPings(ctx context.Context, due []ping.Due) error {
	ids, from, to := make([]string, len(due)), make([]time.Time, len(due)), make([]time.Time, len(due))
	at := make(map[string]int, len(due))
	for i, d := range due {
		ids[i], from[i], to[i] = d.Check.ID, d.After.Add(-d.Check.Every), d.Until
		at[d.Check.ID] = i
	}
	rows, err := s.pool.Query(ctx, `
		SELECT n.check_id, p.at, p.signal, p.exit_code, p.body, p.size, p.address
		FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS n (check_id, since, until)
		CROSS JOIN LATERAL (
			(SELECT * FROM pings WHERE check_id = n.check_id AND at > n.since AND at <= n.until)
			UNION (SELECT * FROM pings WHERE check_id = n.check_id AND at <= n.since ORDER BY at DESC, id DESC LIMIT $4)
			UNION (SELECT * FROM pings WHERE check_id = n.check_id AND at <= n.since AND signal <> 'start' ORDER BY at DESC, id DESC LIMIT 1)
		) p
		ORDER BY n.check_id, p.at, p.id`, ids, from, to, pingsBefore)
	if err != nil {
		return err
	}
	var id, signal string
	var p ping.Ping
	_, err = pgx.ForEachRow(rows, []any{&id, &p.At, &signal, &p.ExitCode, &p.Body, &p.Size, &p.Address}, func() error {
		p.Signal = ping.Signal(signal)
		d := &due[at[id]]
		d.Pings = append(d.Pings, p)
		return nil
	})
	return err
}

// HeartbeatsJudged notes up to when slots have their results.
func (s *Store) HeartbeatsJudged(ctx context.Context, due []ping.Due) error {
	ids, to := make([]string, len(due)), make([]time.Time, len(due))
	for i, d := range due {
		ids[i], to[i] = d.Check.ID, d.Until
	}
	_, err := s.pool.Exec(ctx, `
		INSERT INTO heartbeats AS h (check_id, judged)
		SELECT check_id, judged FROM unnest($1::text[], $2::timestamptz[]) AS n (check_id, judged) ORDER BY check_id
		ON CONFLICT (check_id) DO UPDATE SET judged = excluded.judged WHERE h.judged IS NULL OR h.judged < excluded.judged`, ids, to)
	if err != nil {
		return s.failed("noting up to when heartbeats are judged", err)
	}
	return nil
}

// PrunePings forgets calls from before a time, but for those by which a
// heartbeat is still judged, and spans of consoles that no period reaches.
func (s *Store) PrunePings(ctx context.Context, before time.Time) error {
	_, err := s.pool.Exec(ctx, `
		DELETE FROM pings p WHERE p.at < $1 AND p.id < (
			SELECT min(id) FROM (
				(SELECT id FROM pings WHERE check_id = p.check_id ORDER BY at DESC, id DESC LIMIT $2)
				UNION ALL (SELECT id FROM (SELECT id FROM pings WHERE check_id = p.check_id AND signal <> 'start' ORDER BY at DESC, id DESC LIMIT 1) e)
			) AS kept)`, before, pingsBefore)
	if err == nil {
		_, err = s.pool.Exec(ctx, `DELETE FROM ping_receivers WHERE until < $1`, before.Add(-2*check.MaxPeriod))
	}
	if err != nil {
		return s.failed("forgetting old calls", err)
	}
	return nil
}

// StoredPing is a call as it was kept.
type StoredPing struct {
	At       time.Time
	Signal   string
	ExitCode int
	Body     string
	Size     int64
	Address  string
}

// Pings lists the newest calls of a heartbeat, the newest first.
func (s *Store) Pings(ctx context.Context, checkID string, limit int) ([]StoredPing, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT at, signal, exit_code, body, size, address FROM pings WHERE check_id = $1 ORDER BY at DESC, id DESC LIMIT $2`, checkID, max(limit, 0))
	if err != nil {
		return nil, s.failed("reading the calls of heartbeat "+checkID, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StoredPing])
	if err != nil {
		return nil, s.failed("reading the calls of heartbeat "+checkID, err)
	}
	return found, nil
}
