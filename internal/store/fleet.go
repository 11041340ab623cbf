package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// forgetAfter is how long the registry keeps who was not heard of.
const forgetAfter = 24 * time.Hour

// WorkerSaid keeps what a worker says of itself. Words that are older than
// those that are kept change nothing.
func (s *Store) WorkerSaid(ctx context.Context, a jobs.Announcement) error {
	data, err := codec.EncodeAnnouncement(a)
	if err != nil {
		return err
	}
	_, err = s.pool.Exec(ctx, `
		INSERT INTO workers AS w (id, location, silent, sent_at, seen_at, data_version, data)
		VALUES ($1, $2, false, $3, clock_timestamp(), $4, $5)
		ON CONFLICT (id) DO UPDATE SET (location, silent, sent_at, seen_at, data_version, data) =
			(excluded.location, false, excluded.sent_at, excluded.seen_at, excluded.data_version, excluded.data)
		WHERE w.silent OR excluded.sent_at >= w.sent_at`,
		text(a.Worker.ID), text(a.Location), a.SentAt, codec.AnnouncementVersion, string(data))
	if err != nil {
		return s.failed(fmt.Sprintf("keeping what worker %q says", a.Worker.ID), err)
	}
	return nil
}

// WorkerWorked notes a worker that is known by its results only. One that has
// announced itself stays as it is.
func (s *Store) WorkerWorked(ctx context.Context, a jobs.Announcement) error {
	data, err := codec.EncodeAnnouncement(a)
	if err != nil {
		return err
	}
	_, err = s.pool.Exec(ctx, `
		INSERT INTO workers AS w (id, location, silent, sent_at, seen_at, data_version, data)
		VALUES ($1, $2, true, $3, clock_timestamp(), $4, $5)
		ON CONFLICT (id) DO UPDATE SET (location, sent_at, seen_at, data_version, data) =
			(excluded.location, excluded.sent_at, excluded.seen_at, excluded.data_version, excluded.data)
		WHERE w.silent`,
		text(a.Worker.ID), text(a.Location), a.SentAt, codec.AnnouncementVersion, string(data))
	if err != nil {
		return s.failed(fmt.Sprintf("noting worker %q", a.Worker.ID), err)
	}
	return nil
}

// RecorderSaid notes that a recorder is there, or that it leaves, and forgets
// whom nobody has heard of for a day.
func (s *Store) RecorderSaid(ctx context.Context, r rollout.Recorder) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO recorders (id, build, reads, seen_at, left_at)
			VALUES ($1, $2, $3, clock_timestamp(), CASE WHEN $4 THEN clock_timestamp() END)
			ON CONFLICT (id) DO UPDATE SET (build, reads, seen_at, left_at) =
				(excluded.build, excluded.reads, excluded.seen_at, excluded.left_at)`,
			r.ID, r.Build, r.Reads, r.Left)
		if err != nil {
			return err
		}
		for _, table := range []string{"workers", "recorders"} {
			_, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE seen_at < clock_timestamp() - make_interval(secs => $1)`, forgetAfter.Seconds())
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.failed("noting that this recorder is there", err)
	}
	return nil
}

// Fleet reads the registry and the pins, in the order of their ids. What a
// newer release has written and this one cannot read is left out: a newer
// worker reads everything that this release writes.
func (s *Store) Fleet(ctx context.Context) (rollout.Fleet, error) {
	var f rollout.Fleet
	if err := s.readFleet(ctx, &f); err != nil {
		return rollout.Fleet{}, s.failed("reading the registry", err)
	}
	return f, nil
}

func (s *Store) readFleet(ctx context.Context, f *rollout.Fleet) error {
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&f.Now); err != nil {
		return err
	}
	rows, err := s.pool.Query(ctx, `SELECT silent, seen_at, data FROM workers ORDER BY id`)
	if err != nil {
		return err
	}
	var w rollout.Worker
	var data []byte
	_, err = pgx.ForEachRow(rows, []any{&w.Silent, &w.Seen, &data}, func() error {
		a, err := codec.DecodeAnnouncement(data)
		if err == nil {
			f.Workers = append(f.Workers, rollout.Worker{Announcement: a, Silent: w.Silent, Seen: w.Seen})
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows, err = s.pool.Query(ctx, `SELECT id, build, reads, seen_at, left_at IS NOT NULL FROM recorders ORDER BY id`)
	if err != nil {
		return err
	}
	if f.Recorders, err = pgx.CollectRows(rows, pgx.RowToStructByPos[rollout.Recorder]); err != nil {
		return err
	}
	rows, err = s.pool.Query(ctx, `SELECT location, class, computed, coalesce(override, 0) FROM pins ORDER BY location, class`)
	if err != nil {
		return err
	}
	f.Pins, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p rollout.Pin, err error) {
		err = row.Scan(&p.Location, &p.Class, &p.Computed, &p.Override)
		return p, err
	})
	return err
}

// KeepPins keeps what was computed, for the time when nobody is known.
func (s *Store) KeepPins(ctx context.Context, pins []rollout.Pin) error {
	batch := &pgx.Batch{}
	for _, p := range pins {
		batch.Queue(`
			INSERT INTO pins AS p (location, class, computed) VALUES ($1, $2, $3)
			ON CONFLICT (location, class) DO UPDATE SET computed = excluded.computed, updated_at = now()
			WHERE p.computed <> excluded.computed`, p.Location, string(p.Class), p.Computed)
	}
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return s.failed("keeping the pins", err)
	}
	return nil
}

// OverridePin sets the version in which a target is written to, whatever is
// computed; 0 takes the override away.
func (s *Store) OverridePin(ctx context.Context, t rollout.Target, version int) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO pins (location, class, computed, override) VALUES ($1, $2, 1, nullif($3, 0))
			ON CONFLICT (location, class) DO UPDATE SET override = excluded.override, updated_at = now()`,
			t.Location, string(t.Class), version)
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{
			Action: actPin, Subject: strings.Trim(t.Location+"/"+string(t.Class), "/"), After: []string{"override"}, Note: fmt.Sprintf("version %d", version),
		})
	})
	if err != nil {
		return s.failed("setting a pin", err)
	}
	return nil
}
