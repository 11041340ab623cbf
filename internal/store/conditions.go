package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
)

// KeepConditions makes the alerts of a kind that are open those of the
// conditions: new ones begin, those that are not there end. Of several recorders
// that do so at a time one does.
func (s *Store) KeepConditions(ctx context.Context, kind alert.Kind, now time.Time, conditions []alert.Condition) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1, $2)`, lockSpace, planLock).Scan(&mine); err != nil || !mine {
			return err
		}
		open, err := openConditions(ctx, tx, kind)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, c := range conditions {
			facts, err := json.Marshal(c.Facts)
			if err != nil {
				return err
			}
			ends, known := open[c.Subject]
			delete(open, c.Subject)
			if known && !ends.Equal(c.Facts.Ends) { // another certificate: what was said of the old one is over
				batch.Queue(`UPDATE alerts SET closed = $3, closed_noted_at = $3 WHERE kind = $1 AND subject = $2 AND closed IS NULL`, string(kind), c.Subject, now)
				known = false
			}
			if known {
				batch.Queue(`UPDATE alerts SET facts = $3 WHERE kind = $1 AND subject = $2 AND closed IS NULL AND facts <> $3`, string(kind), c.Subject, string(facts))
				continue
			}
			batch.Queue(`
				INSERT INTO alerts (id, kind, subject, check_id, name, opened, noted_at, facts)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (id) DO UPDATE SET (turn, closed, closed_noted_at, noted_at, facts, finished) =
					(alerts.turn + 1, NULL, NULL, excluded.noted_at, excluded.facts, false)`,
				c.ID(kind), string(kind), c.Subject, c.CheckID, c.Name, c.Since, now, string(facts))
		}
		for subject := range open {
			batch.Queue(`UPDATE alerts SET closed = $3, closed_noted_at = $3 WHERE kind = $1 AND subject = $2 AND closed IS NULL`, string(kind), subject, now)
		}
		if batch.Len() == 0 {
			return nil
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return s.failed("noting what is wrong", err)
	}
	return nil
}

// openConditions are the subjects of the open alerts of a kind, with the ends of
// certificates.
func openConditions(ctx context.Context, q runner, kind alert.Kind) (map[string]time.Time, error) {
	rows, err := q.Query(ctx, `SELECT subject, coalesce((facts ->> 'ends')::timestamptz, 'epoch') FROM alerts WHERE kind = $1 AND closed IS NULL`, string(kind))
	if err != nil {
		return nil, err
	}
	open := map[string]time.Time{}
	var subject string
	var ends time.Time
	_, err = pgx.ForEachRow(rows, []any{&subject, &ends}, func() error {
		open[subject] = sinceEpoch(ends)
		return nil
	})
	return open, err
}

// SickConditions are the locations that are unhealthy.
func (s *Store) SickConditions(ctx context.Context) ([]alert.Condition, error) {
	rows, err := s.pool.Query(ctx, `SELECT location, reason, since FROM location_health WHERE NOT healthy ORDER BY location`)
	if err != nil {
		return nil, s.failed("reading which locations are unhealthy", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c alert.Condition, err error) {
		err = row.Scan(&c.Subject, &c.Facts.Message, &c.Since)
		c.Name = c.Subject
		return c, err
	})
	if err != nil {
		return nil, s.failed("reading which locations are unhealthy", err)
	}
	return found, nil
}

// LastMeasured says of each active check when it was measured last. Heartbeats
// are not among them: their silence is what they fail by.
func (s *Store) LastMeasured(ctx context.Context) ([]alert.Measured, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT c.id, c.name, greatest(c.updated_at, max(l.slot) FILTER (WHERE l.conclusive)),
			make_interval(secs => (3 * c.every_ms + c.timeout_ms) / 1000.0 + 10),
			count(*) FILTER (WHERE NOT l.conclusive AND l.slot > c.updated_at AND l.outcome IN ('inconclusive', 'expired'))
		FROM checks c LEFT JOIN latest l ON l.check_id = c.id
		WHERE c.active AND c.removed_at IS NULL AND c.kind <> $1 GROUP BY c.id ORDER BY c.id`, string(check.KindHeartbeat))
	if err != nil {
		return nil, s.failed("reading what is measured", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m alert.Measured, err error) {
		return m, row.Scan(&m.CheckID, &m.Name, &m.Newest, &m.Fresh, &m.SaidNothing)
	})
	if err != nil {
		return nil, s.failed("reading what is measured", err)
	}
	return found, nil
}

// EndingCertificates are those that checks saw last, with the time of their end:
// of a check the one that ends first over its locations.
func (s *Store) EndingCertificates(ctx context.Context, now time.Time) ([]alert.Condition, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT ON (c.id) c.id, c.name, l.slot, r.data #>> '{evidence,response,tls,subject}',
			(r.data #>> '{evidence,response,tls,not_after}')::timestamptz AS ends
		FROM checks c JOIN latest l ON l.check_id = c.id AND l.conclusive
		JOIN runs r ON r.check_id = l.check_id AND r.location = l.location AND r.slot = l.slot AND r.attempt = l.attempt
		WHERE c.active AND c.removed_at IS NULL AND r.data #>> '{evidence,response,tls,not_after}' IS NOT NULL
		ORDER BY c.id, ends`)
	if err != nil {
		return nil, s.failed("reading the ends of certificates", err)
	}
	var found []alert.Condition
	var c alert.Condition
	var slot time.Time
	var subject *string
	_, err = pgx.ForEachRow(rows, []any{&c.CheckID, &c.Name, &slot, &subject, &c.Facts.Ends}, func() error {
		if c.Facts.Ends.Sub(now) > alert.CertificateSoon {
			return nil
		}
		c.Subject, c.Since = c.CheckID, c.Facts.Ends
		c.Facts.Message = "issued for an unknown name"
		if subject != nil {
			c.Facts.Message = *subject
		}
		found = append(found, c)
		return nil
	})
	if err != nil {
		return nil, s.failed("reading the ends of certificates", err)
	}
	return found, nil
}

// DueDeadMen are the dead-man's switches that are to be called now; of several
// recorders one is told of each.
func (s *Store) DueDeadMen(ctx context.Context, now time.Time) ([]alert.Channel, error) {
	channels, err := readChannels(ctx, s.pool)
	if err != nil {
		return nil, s.failed("reading the dead-man's switches", err)
	}
	var due []alert.Channel
	for _, c := range channels {
		if c.DeadMan == nil {
			continue
		}
		alive, err := s.recordedSince(ctx, now, c.DeadMan.Age())
		if err != nil || !alive {
			if err != nil {
				return nil, err
			}
			continue
		}
		tag, err := s.pool.Exec(ctx, `
			INSERT INTO dead_man_calls AS d (channel, called_at, error) VALUES ($1, $2, '')
			ON CONFLICT (channel) DO UPDATE SET called_at = excluded.called_at WHERE d.called_at <= $3`,
			c.Name, now, now.Add(-c.DeadMan.Interval()))
		if err != nil {
			return nil, s.failed("calling a dead-man's switch", err)
		}
		if tag.RowsAffected() > 0 {
			due = append(due, c.Channel)
		}
	}
	return due, nil
}

// recordedSince reports whether a result was stored within a time.
func (s *Store) recordedSince(ctx context.Context, now time.Time, within time.Duration) (bool, error) {
	var alive bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM runs WHERE slot > $1 AND stored_at > $2)`,
		now.Add(-within-10*time.Minute), now.Add(-within)).Scan(&alive)
	if err != nil {
		return false, s.failed("asking whether results are stored", err)
	}
	return alive, nil
}
