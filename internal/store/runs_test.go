package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

func TestDuplicatesCountNowhereTwice(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	pass := result(c, "here", noon, jobs.Passed, 100*time.Millisecond)
	slow := result(c, "there", noon.Add(time.Second), jobs.Degraded, 300*time.Millisecond)
	again := pass
	again.Worker.ID = "w2" // the job was delivered twice
	record(t, s, store.Recorded{Stored: 2, Duplicates: 1}, pass, slow, again)
	down := result(c, "here", noon.Add(time.Minute), jobs.Failed, time.Second)
	record(t, s, store.Recorded{Stored: 1, Duplicates: 2}, slow, pass, down)
	if n := ask[int](t, url, `SELECT count(*) FROM runs`); n != 3 {
		t.Errorf("%d rows for 3 attempts", n)
	}
	for _, grain := range []string{store.Hour, store.Day} {
		got, err := s.PublicBuckets(t.Context(), grain, noon, noon.Add(3*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		start, length := noon, time.Hour
		if grain == store.Day {
			start, length = noon.Add(-12*time.Hour), 24*time.Hour
		}
		want := []status.Bucket{{CheckID: c.ID, Start: start, End: start.Add(length),
			Counts: status.Counts{Passed: 1, Degraded: 1, Failed: 1}, LatencySum: 400 * time.Millisecond}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", grain, diff)
		}
	}
}

// However results come, and however often, the newest by slot and attempt is
// what the page shows.
func TestLatestFollowsSlotsNotArrival(t *testing.T) {
	c := shopLogin()
	retry := result(c, "here", noon.Add(2*time.Minute), jobs.Passed, time.Second)
	retry.Attempt = 2
	retry.JobID = jobs.AttemptID(c.ID, "here", retry.Slot, 2)
	all := []jobs.Result{
		result(c, "here", noon, jobs.Passed, time.Second),
		result(c, "here", noon.Add(time.Minute), jobs.Failed, time.Second),
		result(c, "here", noon.Add(2*time.Minute), jobs.Failed, time.Second),
		retry,
		result(c, "here", noon.Add(3*time.Minute), jobs.Inconclusive, time.Second),
		result(c, "there", noon, jobs.Expired, 0),
	}
	for seed := range uint64(5) {
		s, _ := open(t)
		apply(t, s, store.Applied{Created: []string{c.ID}}, c)
		shuffled := append(append([]jobs.Result{}, all...), all[:3]...)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for len(shuffled) > 0 {
			n := min(len(shuffled), 1+int(seed))
			if _, err := s.RecordReceived(t.Context(), shuffled[:n], nil); err != nil {
				t.Fatal(err)
			}
			shuffled = shuffled[n:]
		}
		got, err := s.PublicChecks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || len(got[0].Last) != 2 || len(got[0].Conclusive) != 1 {
			t.Fatalf("seed %d: %+v", seed, got)
		}
		here, there := got[0].Last[0], got[0].Last[1]
		if here.Outcome != jobs.Inconclusive || here.FaultMessage == "" || there.Outcome != jobs.Expired {
			t.Errorf("seed %d: newest runs %+v, %+v", seed, here, there)
		}
		if con := got[0].Conclusive[0]; con.Attempt != 2 || con.Outcome != jobs.Passed || con.RunID != retry.RunID {
			t.Errorf("seed %d: newest conclusive run %+v", seed, con)
		}
	}
}

// Some results are refused for ever; the others of their batch are stored, and
// what was refused is kept whole.
func TestPoisonIsSiftedOut(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	var batch []jobs.Result
	for i := range 20 {
		batch = append(batch, result(c, "here", noon.Add(time.Duration(i)*time.Minute), jobs.Passed, time.Second))
	}
	batch[3].FinishedAt = time.Date(400000, 1, 1, 0, 0, 0, 0, time.UTC) // beyond Postgres' calendar
	batch[7].JobID = "not a uuid"
	batch[11].Outcome = "invented"
	batch[17].Location = "nul\x00nul"
	batch[18].CheckID = strings.Repeat("long", 20000) // longer than an index entry; compressible, so it may fit
	got, err := s.RecordReceived(t.Context(), batch, nil)
	if err != nil {
		t.Fatal(err)
	}
	dead := ask[int](t, url, `SELECT count(*) FROM dead_results`)
	if got.Dead < 4 || got.Dead != dead || got.Stored != 20-dead || got.Duplicates != 0 {
		t.Errorf("recorded %+v, with %d dead", got, dead)
	}
	reasons := ask[string](t, url, `SELECT string_agg(reason, '; ' ORDER BY reason) FROM dead_results`)
	for _, want := range []string{`"not a uuid" is not a UUID`, `the outcome "invented" is not known`, "22021"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("reasons %q do not say %q", reasons, want)
		}
	}
	if n := ask[int](t, url, `SELECT count(*) FROM dead_results WHERE position('probefleet.result'::bytea IN body) > 0 OR position('jobs.Result'::bytea IN body) > 0`); n != dead {
		t.Errorf("%d of %d dead results are whole", n, dead)
	}
	if n := ask[int](t, url, `SELECT sum(passed)::int FROM rollups WHERE grain = 'day'`); n != got.Stored {
		t.Errorf("rollups count %d of %d stored", n, got.Stored)
	}
	record(t, s, store.Recorded{Duplicates: got.Stored, Dead: dead}, batch...)
	if n := ask[int](t, url, `SELECT count(*) FROM dead_results`); n != dead {
		t.Errorf("%d dead results after a repeat, %d before", n, dead)
	}
}

// Many recorders, half of whose results are the same, in different orders:
// every row once, every count right, nobody stuck.
func TestRecordersTogether(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	series := func(n int, from time.Time) (rs []jobs.Result) {
		for i := range n {
			rs = append(rs, result(c, fmt.Sprint("l", i%20), from.Add(time.Duration(i)*time.Second), jobs.Passed, time.Second))
		}
		return rs
	}
	const recorders, each = 6, 200
	shared := series(each, noon)
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for w := range recorders {
		wg.Go(func() {
			mine := append(series(each, noon.Add(time.Duration(w+1)*each*time.Second)), shared...)
			rand.New(rand.NewPCG(uint64(w), 1)).Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			for i := 0; i < len(mine); i += 40 {
				got, err := s.RecordReceived(t.Context(), mine[i:i+40], nil)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				stored += got.Stored
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	const all = (recorders + 1) * each
	if stored != all {
		t.Errorf("%d stored of %d", stored, all)
	}
	got := ask[string](t, url, `SELECT count(*) || ' ' || (SELECT sum(passed) FROM rollups WHERE grain = 'hour') || ' ' || (SELECT sum(passed) FROM rollups WHERE grain = 'day') FROM runs`)
	if want := fmt.Sprint(all, " ", all, " ", all); got != want {
		t.Errorf("runs and rollups %s, want %s", got, want)
	}
	// Rows are touched in one order; that none waited in a circle is seen only
	// here, since such a transaction is tried again.
	if n := ask[int](t, url, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

func TestPartitions(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	early := result(c, "here", noon, jobs.Passed, time.Second)
	record(t, s, store.Recorded{Stored: 1}, early)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.EnsurePartitions(t.Context(), noon.Add(-24*time.Hour), noon.Add(24*time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	late := result(c, "here", noon.Add(time.Minute), jobs.Passed, time.Second)
	far := result(c, "here", noon.AddDate(0, 0, 40), jobs.Passed, time.Second)
	record(t, s, store.Recorded{Stored: 2, Duplicates: 1}, early, late, far)
	got := ask[string](t, url, `SELECT string_agg(tableoid::regclass || ' ' || slot::date, ', ' ORDER BY slot) FROM runs`)
	want := "runs_20260314 2026-03-14, runs_20260314 2026-03-14, runs_default 2026-04-23"
	if got != want {
		t.Errorf("runs lie in %s, want %s", got, want)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'runs'::regclass`); n != 4 {
		t.Errorf("%d partitions, want the default and three days", n)
	}
}

// Days that get their partition while results of them come in: nothing is
// refused, nothing lost, nobody stuck.
func TestPartitionsUnderLoad(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	const days = 12
	var recorders sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		recorders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				slot := noon.AddDate(0, 0, i%days).Add(time.Duration(i) * time.Second)
				if _, err := s.RecordReceived(t.Context(), []jobs.Result{result(c, fmt.Sprint("l", w), slot, jobs.Passed, time.Second)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	// On a busy machine it gives way to the results, and goes on when it is asked
	// again, as a recorder does.
	for tries := 1; ; tries++ {
		err := s.EnsurePartitions(t.Context(), noon, noon.AddDate(0, 0, days))
		if err == nil {
			break
		}
		if gaveWay := strings.Contains(err.Error(), "lock timeout"); !gaveWay || tries == 20 {
			t.Error(err)
			break
		}
	}
	close(stop)
	recorders.Wait()
	got := ask[string](t, url, `SELECT (SELECT count(*) FROM runs_default) || ' ' || ((SELECT count(*) FROM runs) - (SELECT sum(passed) FROM rollups WHERE grain = 'day'))`)
	if got != "0 0" {
		t.Errorf("rows left in the default partition, and rows less what was counted: %s", got)
	}
}

func TestLongReasonsAreCutInTheirColumnOnly(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	r := result(c, "here", noon, jobs.Failed, time.Second)
	r.Fault.Message = strings.Repeat("é", 5000)
	record(t, s, store.Recorded{Stored: 1}, r)
	got := ask[string](t, url, `SELECT length(fault_message) || ' ' || (length(data::text) > 5000) FROM runs`)
	if got != "1000 true" {
		t.Errorf("length and completeness: %s", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	benchmarkRecord(b, 200)
}

func benchmarkRecord(b *testing.B, batch int) {
	s := benchStore(b)
	c := shopLogin()
	slot := noon
	for b.Loop() {
		results := make([]jobs.Result, batch)
		for i := range results {
			slot = slot.Add(time.Second)
			results[i] = result(c, fmt.Sprint("l", i%5), slot, jobs.Passed, time.Second)
		}
		if _, err := s.RecordReceived(b.Context(), results, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "results/s")
}
