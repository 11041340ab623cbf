package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// foldRounds is how often each way is measured, one after the other.
const foldRounds = 6

// TestCostOfTheFold is `make bench-fold`: recording with states and incidents
// beside recording without, as a fleet sends results: 1,000 checks at two
// locations, in batches of 200. What counts are results per second of CPU, ours
// and the database's: other users of the machine lengthen those on the clock.
func TestCostOfTheFold(t *testing.T) {
	if os.Getenv("PROBEFLEET_BENCH_FOLD") == "" {
		t.Skip("takes minutes: `make bench-fold` runs it")
	}
	t.Logf("%-20s %12s %12s %8s   %s", "results per second of CPU", "with states", "without", "share", "of the database with, without")
	for _, c := range []struct {
		name    string
		failing int // one of so many fails, 0 for none
	}{{"all pass", 0}, {"one in a hundred fails", 100}, {"all fail", 1}} {
		ways := []*recording{
			newRecording(t, c.failing, func(ctx context.Context, s *store.Store, results []jobs.Result) error {
				_, err := s.RecordReceived(ctx, results, nil)
				return err
			}),
			newRecording(t, c.failing, store.RecordWithoutStates),
		}
		for round := range foldRounds {
			for i := range ways {
				ways[(i+round)%2].measure(t)
			}
		}
		share := make([]float64, foldRounds)
		for i := range share {
			share[i] = ways[0].speed[i] / ways[1].speed[i]
		}
		verdict := "pass"
		if median(share) < .8 {
			verdict = "FAIL"
		}
		t.Logf("%-24s %12.0f %12.0f %8.2f   %.0f %%, %.0f %%   %s: at least 0.80 (rounds %.2f to %.2f)", c.name, median(ways[0].speed), median(ways[1].speed), median(share),
			100*median(ways[0].inDatabase), 100*median(ways[1].inDatabase), verdict, slices.Min(share), slices.Max(share))
	}
}

func median(list []float64) float64 {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// recording is one way to record, with a database of its own.
type recording struct {
	s       *store.Store
	server  int // process of the database
	checks  []check.Check
	slot    time.Time
	failing int
	record  func(context.Context, *store.Store, []jobs.Result) error
	// speed are results per second of CPU, inDatabase the shares of that which
	// the database used, round by round.
	speed, inDatabase []float64
}

func newRecording(t *testing.T, failing int, record func(context.Context, *store.Store, []jobs.Result) error) *recording {
	t.Helper()
	s, url := open(t)
	r := &recording{s: s, server: serverOf(t, url), failing: failing, record: record}
	r.checks = make([]check.Check, 1000)
	for i := range r.checks {
		r.checks[i] = shopLogin()
		r.checks[i].ID = fmt.Sprintf("c%04d", i)
	}
	if _, err := s.ApplyChecks(t.Context(), r.checks); err != nil {
		t.Fatal(err)
	}
	r.slot = time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute)
	if err := s.EnsurePartitions(t.Context(), r.slot, r.slot.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.minutes(t, 2) // what is prepared once is prepared
	return r
}

// minutes records the results of some minutes and counts them.
func (r *recording) minutes(t *testing.T, minutes int) (stored int) {
	t.Helper()
	for range minutes {
		r.slot = r.slot.Add(time.Minute)
		for i := 0; i < len(r.checks); i += 100 {
			results := make([]jobs.Result, 0, 200)
			for n := i; n < i+100; n++ {
				o := jobs.Passed
				if r.failing > 0 && n%r.failing == 0 {
					o = jobs.Failed
				}
				for _, l := range r.checks[n].Locations {
					results = append(results, result(r.checks[n], l, r.slot, o, time.Second))
				}
			}
			if err := r.record(t.Context(), r.s, results); err != nil {
				t.Fatal(err)
			}
			stored += len(results)
		}
	}
	return stored
}

// measure records for a while.
func (r *recording) measure(t *testing.T) {
	t.Helper()
	ours, database := ownTime(t), familyTime(t, r.server)
	stored := r.minutes(t, 5)
	ours, database = ownTime(t)-ours, familyTime(t, r.server)-database
	r.speed = append(r.speed, float64(stored)/(ours+database).Seconds())
	r.inDatabase = append(r.inDatabase, database.Seconds()/(ours+database).Seconds())
}

// ownTime is the CPU time of this process.
func ownTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// familyTime is the CPU time of a process and its children, those that have
// ended included.
func familyTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	_, own, ended := processTimes(pid)
	sum := own + ended
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range all {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if parent, own, _ := processTimes(child); parent == pid {
			sum += own
		}
	}
	return sum
}

// processTimes is what /proc says of a process: its parent, its CPU time and that
// of its children that have ended; zeros of one that is gone.
func processTimes(pid int) (parent int, own, ended time.Duration) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0
	}
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	n := func(i int) int { v, _ := strconv.Atoi(f[i]); return v }
	const tick = 10 * time.Millisecond
	return n(1), time.Duration(n(11)+n(12)) * tick, time.Duration(n(13)+n(14)) * tick
}

// serverOf is the process of the server of a database.
func serverOf(t *testing.T, url string) int {
	t.Helper()
	parent, _, _ := processTimes(ask[int](t, url, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`))
	if parent <= 1 {
		t.Fatal("the database is not on this machine")
	}
	return parent
}
