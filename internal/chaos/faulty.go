package chaos

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// Faulty is a database whose calls fail as Fault says: not carried out, or
// carried out and then reported as an error, as when the answer is cut off.
type Faulty struct {
	Database
	// Fault is asked before each call, by its name.
	Fault func(call string) (err error, after bool)
	// Cut, where it is set, is told of results whose commit happened and was
	// reported as an error.
	Cut func(results []jobs.Result)
}

// do carries out a call with its fault.
func do[T any](f Faulty, name string, call func() (T, error)) (T, error) {
	err, after := f.Fault(name)
	var none T
	if err != nil && !after {
		return none, err
	}
	v, callErr := call()
	if err != nil {
		return none, err
	}
	return v, callErr
}

// checksRead is the answer of ActiveChecks.
type checksRead struct {
	checks   []check.Check
	revision int64
}

// ActiveChecks implements [Database].
func (f Faulty) ActiveChecks(ctx context.Context) ([]check.Check, int64, error) {
	read, err := do(f, "checks", func() (checksRead, error) {
		checks, revision, err := f.Database.ActiveChecks(ctx)
		return checksRead{checks, revision}, err
	})
	return read.checks, read.revision, err
}

// ChecksRevision implements [Database].
func (f Faulty) ChecksRevision(ctx context.Context) (int64, error) {
	return do(f, "revision", func() (int64, error) { return f.Database.ChecksRevision(ctx) })
}

// TakeOver implements [Database].
func (f Faulty) TakeOver(ctx context.Context, owner string) error {
	_, err := do(f, "take over", func() (none struct{}, err error) { return none, f.Database.TakeOver(ctx, owner) })
	return err
}

// LeaseShards implements [Database].
func (f Faulty) LeaseShards(ctx context.Context, owner string, ttl time.Duration) ([]schedule.Lease, error) {
	return do(f, "lease", func() ([]schedule.Lease, error) { return f.Database.LeaseShards(ctx, owner, ttl) })
}

// AdvanceWatermarks implements [Database].
func (f Faulty) AdvanceWatermarks(ctx context.Context, owner string, to map[int]time.Time) ([]int, error) {
	return do(f, "watermarks", func() ([]int, error) { return f.Database.AdvanceWatermarks(ctx, owner, to) })
}

// ReleaseShards implements [Database].
func (f Faulty) ReleaseShards(ctx context.Context, owner string) error {
	_, err := do(f, "release", func() (none struct{}, err error) { return none, f.Database.ReleaseShards(ctx, owner) })
	return err
}

// Now implements [Database].
func (f Faulty) Now(ctx context.Context) (time.Time, error) {
	return do(f, "now", func() (time.Time, error) { return f.Database.Now(ctx) })
}

// Ready implements [Database].
func (f Faulty) Ready(ctx context.Context) error {
	_, err := do(f, "ready", func() (none struct{}, err error) { return none, f.Database.Ready(ctx) })
	return err
}

// RecordReceived implements [Database].
func (f Faulty) RecordReceived(ctx context.Context, results []jobs.Result, bodies []string) (jobs.Recorded, error) {
	err, after := f.Fault("record")
	if err != nil && !after {
		return jobs.Recorded{}, err
	}
	rec, recErr := f.Database.RecordReceived(ctx, results, bodies)
	if err == nil {
		return rec, recErr
	}
	if recErr == nil && f.Cut != nil {
		f.Cut(results)
	}
	return jobs.Recorded{}, err
}
