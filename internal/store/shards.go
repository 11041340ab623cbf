package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/schedule"
)

// shardRow is a row of shards as a scheduler sees it.
type shardRow struct {
	ID        int
	Mine      bool      // owned by the one who asks, however late
	Free      bool      // owned by nobody whose lease still runs
	Watermark time.Time // zero where it was never leased
}

// LeaseShards renews the leases of owner and takes free shards, for ttl from
// now: at most its even share among the schedulers that were heard of within ttl.
// What it has beyond that is let go. Of the free ones those go first that have
// waited longest. It answers every lease that owner holds now, in the order of
// the shards. owner is the name of one process's life. A shard that was never
// leased begins now: nothing before is sent.
func (s *Store) LeaseShards(ctx context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error) {
	var leases []schedule.Lease
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		live, err := beat(ctx, tx, owner, ttl)
		if err != nil {
			return err
		}
		// In the order of their ids: no circle of waiting schedulers.
		rows, err := tx.Query(ctx, `
			SELECT id, coalesce(owner = $1, false), coalesce(lease_until <= clock_timestamp(), true), coalesce(watermark, 'epoch')
			FROM shards ORDER BY id FOR UPDATE`, owner)
		if err != nil {
			return err
		}
		shards, err := pgx.CollectRows(rows, pgx.RowToStructByPos[shardRow])
		if err != nil {
			return err
		}
		take, drop := divide(shards, (len(shards)+live-1)/live)
		if _, err := tx.Exec(ctx, `UPDATE shards SET owner = NULL, lease_until = NULL WHERE id = ANY ($1)`, drop); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `
			UPDATE shards SET owner = $1, lease_until = clock_timestamp() + make_interval(secs => $2),
				watermark = coalesce(watermark, clock_timestamp())
			WHERE id = ANY ($3)
			RETURNING id, watermark, extract(epoch FROM lease_until - clock_timestamp())::float8`, owner, ttl.Seconds(), take)
		if err != nil {
			return err
		}
		leases, err = pgx.CollectRows(rows, scanLease)
		slices.SortFunc(leases, func(a, b schedule.Lease) int { return cmp.Compare(a.Shard, b.Shard) })
		return err
	})
	if err != nil {
		return nil, s.failed("leasing shards", err)
	}
	return leases, nil
}

func scanLease(row pgx.CollectableRow) (schedule.Lease, error) {
	var l schedule.Lease
	var seconds float64
	err := row.Scan(&l.Shard, &l.Watermark, &seconds)
	l.Term = time.Duration(seconds * float64(time.Second))
	return l, err
}

// beat notes that owner lives and counts the schedulers that do.
func beat(ctx context.Context, tx pgx.Tx, owner string, ttl time.Duration) (live int, err error) {
	_, err = tx.Exec(ctx, `
		INSERT INTO schedulers (id, seen_at) VALUES ($1, clock_timestamp())
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, owner)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `
		SELECT count(*) FROM schedulers WHERE id = $1 OR seen_at > clock_timestamp() - make_interval(secs => $2)`,
		owner, ttl.Seconds()).Scan(&live)
	return live, err
}

// divide says which shards to take or keep, up to share, and which to let go.
func divide(shards []shardRow, share int) (take, drop []int) {
	for _, sh := range shards {
		if !sh.Mine {
			continue
		}
		if len(take) < share {
			take = append(take, sh.ID)
		} else {
			drop = append(drop, sh.ID)
		}
	}
	// Else, where schedulers die young, the first shards would be taken again
	// and again and the last ones never.
	slices.SortStableFunc(shards, func(a, b shardRow) int { return a.Watermark.Compare(b.Watermark) })
	for _, sh := range shards {
		if sh.Free && !sh.Mine && len(take) < share {
			take = append(take, sh.ID)
		}
	}
	return take, drop
}

// TakeOver gives owner, the life NAME/LIFE of a scheduler, the leases of all
// earlier lives of that name, with what is left of their terms, and forgets
// those lives: a scheduler that died and is started again need not wait for the
// end of its own leases. If an earlier life is still alive after all, it loses
// its shards as it loses any lease; it is not harmed otherwise.
func (s *Store) TakeOver(ctx context.Context, owner string) error {
	name := owner[:max(0, strings.LastIndexByte(owner, '/'))]
	if name == "" {
		return nil // its name says nothing of other lives
	}
	// The order of locks is that of LeaseShards.
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM schedulers WHERE id <> $1 AND regexp_replace(id, '/[^/]*$', '') = $2`, owner, name)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			WITH theirs AS (
				SELECT id FROM shards WHERE owner <> $1 AND regexp_replace(owner, '/[^/]*$', '') = $2 ORDER BY id FOR UPDATE
			)
			UPDATE shards SET owner = $1 WHERE id IN (SELECT id FROM theirs)`, owner, name)
		return err
	})
	if err != nil {
		return s.failed("taking over the shards of an earlier life", err)
	}
	return nil
}

// ReleaseShards lets every lease of owner go, for others to take at once.
func (s *Store) ReleaseShards(ctx context.Context, owner string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM schedulers WHERE id = $1 OR seen_at < now() - interval '1 day'`, owner); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			WITH mine AS (SELECT id FROM shards WHERE owner = $1 ORDER BY id FOR UPDATE)
			UPDATE shards SET owner = NULL, lease_until = NULL WHERE id IN (SELECT id FROM mine)`, owner)
		return err
	})
	if err != nil {
		return s.failed("releasing shards", err)
	}
	return nil
}

// AdvanceWatermarks notes, by shard, the time up to which every slot was sent.
// A watermark never goes back. Shards of which owner has no lease any more, by
// the database's clock, stay as they are and are answered as lost.
func (s *Store) AdvanceWatermarks(ctx context.Context, owner string, to map[int]time.Time) (lost []int, err error) {
	shards := slices.Sorted(maps.Keys(to))
	times := make([]time.Time, len(shards))
	for i, sh := range shards {
		times[i] = to[sh]
	}
	rows, err := s.pool.Query(ctx, `
		WITH held AS (
			SELECT id FROM shards
			WHERE id = ANY ($2) AND owner = $1 AND lease_until > clock_timestamp()
			ORDER BY id FOR UPDATE
		)
		UPDATE shards SET watermark = greatest(shards.watermark, n.watermark)
		FROM unnest($2::smallint[], $3::timestamptz[]) AS n (id, watermark)
		WHERE shards.id = n.id AND shards.id IN (SELECT id FROM held)
		RETURNING shards.id`, owner, shards, times)
	if err != nil {
		return nil, s.failed("advancing watermarks", err)
	}
	moved, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, s.failed("advancing watermarks", err)
	}
	return slices.DeleteFunc(shards, func(sh int) bool { return slices.Contains(moved, sh) }), nil
}
