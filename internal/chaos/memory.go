package chaos

import (
	"context"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/schedule"
)

// Database is what scheduler and recorder need of theirs. store.Store is one,
// [Memory] another, [Faulty] makes either unreliable.
type Database interface {
	ActiveChecks(ctx context.Context) ([]check.Check, int64, error)
	ChecksRevision(ctx context.Context) (int64, error)
	TakeOver(ctx context.Context, owner string) error
	LeaseShards(ctx context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error)
	AdvanceWatermarks(ctx context.Context, owner string, to map[int]time.Time) (lost []int, err error)
	ReleaseShards(ctx context.Context, owner string) error
	Now(ctx context.Context) (time.Time, error)
	RecordReceived(ctx context.Context, results []jobs.Result, bodies []string) (jobs.Recorded, error)
	Fleet(ctx context.Context) (rollout.Fleet, error)
	KeepPins(ctx context.Context, pins []rollout.Pin) error
	NoteDeadLetter(ctx context.Context, d jobs.DeadLetter) error
	Ready(ctx context.Context) error
	EnsurePartitions(ctx context.Context, from, to time.Time) error
}

// Row is one stored attempt.
type Row struct {
	JobID   string
	CheckID string
	Slot    time.Time
	Outcome jobs.Outcome
}

// Memory is a database in memory with the rules of the real one: leases by
// its own clock, watermarks that never go back, rows under a unique key, and
// counts of the rows that were new. The store's own tests hold the real one
// to these rules.
type Memory struct {
	// Key is the unique key of a result; [KeyOf] unless a defect is wanted.
	Key func(r jobs.Result) string

	mu       sync.Mutex
	checks   []check.Check
	revision int64
	shards   [schedule.Shards]lease
	seen     map[string]time.Time
	rows     map[string]Row // by key
	counted  int            // what the rollups would say
}

type lease struct {
	owner            string
	until, watermark time.Time
}

// KeyOf is the key of the table runs: the attempt, and its slot, the column
// by which the table is partitioned.
func KeyOf(r jobs.Result) string { return r.JobID + "@" + r.Slot.UTC().Format(time.RFC3339Nano) }

// NewMemory begins its shards now.
func NewMemory(checks []check.Check) *Memory {
	m := &Memory{Key: KeyOf, checks: checks, revision: 1, seen: map[string]time.Time{}, rows: map[string]Row{}}
	for i := range m.shards {
		m.shards[i].watermark = time.Now()
	}
	return m
}

// SetChecks replaces the checks.
func (m *Memory) SetChecks(checks []check.Check) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks = checks
	m.revision++
}

// Rows are what was stored, and what the rollups count.
func (m *Memory) Rows() (rows []Row, counted int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		rows = append(rows, r)
	}
	return rows, m.counted
}

// ActiveChecks implements [Database].
func (m *Memory) ActiveChecks(context.Context) ([]check.Check, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.checks), m.revision, nil
}

// ChecksRevision implements [Database].
func (m *Memory) ChecksRevision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision, nil
}

// Now implements [Database].
func (m *Memory) Now(context.Context) (time.Time, error) { return time.Now(), nil }

// Ready implements [Database].
func (m *Memory) Ready(context.Context) error { return nil }

// EnsurePartitions implements [Database].
func (m *Memory) EnsurePartitions(context.Context, time.Time, time.Time) error { return nil }

// TakeOver implements [Database].
func (m *Memory) TakeOver(_ context.Context, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	earlier := func(other string) bool {
		return other != owner && path.Dir(owner) != "." && path.Dir(other) == path.Dir(owner)
	}
	maps.DeleteFunc(m.seen, func(other string, _ time.Time) bool { return earlier(other) })
	for i := range m.shards {
		if earlier(m.shards[i].owner) {
			m.shards[i].owner = owner
		}
	}
	return nil
}

// LeaseShards implements [Database].
func (m *Memory) LeaseShards(_ context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.seen[owner] = now
	live := 0
	for _, at := range m.seen {
		if now.Sub(at) < ttl {
			live++
		}
	}
	share := (len(m.shards) + live - 1) / live
	mine := 0
	for i := range m.shards {
		if sh := &m.shards[i]; sh.owner == owner {
			if mine++; mine > share {
				sh.owner = ""
			}
		}
	}
	order := make([]int, len(m.shards))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return m.shards[a].watermark.Compare(m.shards[b].watermark) })
	var leases []schedule.Lease
	for _, i := range order {
		sh := &m.shards[i]
		free := sh.owner == "" || !now.Before(sh.until)
		if sh.owner != owner && (!free || mine >= share) {
			continue
		}
		if sh.owner != owner {
			mine++
		}
		sh.owner, sh.until = owner, now.Add(ttl)
		leases = append(leases, schedule.Lease{Shard: i, Watermark: sh.watermark, Term: ttl})
	}
	return leases, nil
}

// AdvanceWatermarks implements [Database].
func (m *Memory) AdvanceWatermarks(_ context.Context, owner string, to map[int]time.Time) (lost []int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for id, at := range to {
		sh := &m.shards[id]
		if sh.owner != owner || !now.Before(sh.until) {
			lost = append(lost, id)
			continue
		}
		if at.After(sh.watermark) {
			sh.watermark = at
		}
	}
	return lost, nil
}

// ReleaseShards implements [Database].
func (m *Memory) ReleaseShards(_ context.Context, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, owner)
	for i := range m.shards {
		if m.shards[i].owner == owner {
			m.shards[i].owner = ""
		}
	}
	return nil
}

// Fleet implements [Database]: nobody is known, so the first version is written.
func (m *Memory) Fleet(context.Context) (rollout.Fleet, error) { return rollout.Fleet{}, nil }

// KeepPins implements [Database].
func (m *Memory) KeepPins(context.Context, []rollout.Pin) error { return nil }

// NoteDeadLetter implements [Database]; the ledger finds dead letters in their
// queue.
func (m *Memory) NoteDeadLetter(context.Context, jobs.DeadLetter) error { return nil }

// RecordReceived implements [Database].
func (m *Memory) RecordReceived(_ context.Context, results []jobs.Result, _ []string) (rec jobs.Recorded, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range results {
		key := m.Key(r)
		if _, there := m.rows[key]; there {
			rec.Duplicates++
			continue
		}
		m.rows[key] = Row{r.JobID, r.CheckID, r.Slot, r.Outcome}
		m.counted++
		rec.Stored++
	}
	return rec, nil
}

// miscount adds to the counts without rows, as a defect.
func (m *Memory) miscount(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counted += n
}
