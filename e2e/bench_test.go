package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkPipeline pushes at least 10,000 API jobs through scheduler, queue,
// one worker, results queue and recorder against the demo shop, as separate
// processes with a real Postgres, and reports jobs per second and the peak
// memory of each process. Every job has to be recorded, once, and passed.
func BenchmarkPipeline(b *testing.B) {
	const jobs, checks, every = 10_000, 10_000, "5s"
	for range b.N {
		f := newFleet(b)
		shopURL := f.shop(b)
		w := f.worker(b, "worker", "-api-slots", "50", "-browser-slots", "0")
		f.apply(b, manyChecks(b, f.dir, shopURL, checks, every, true))
		eventually(b, time.Minute, func() error {
			n := f.scheduler.metric(b, "probefleet_scheduler_jobs_sent_total")
			return expectf(n >= jobs, "%d jobs sent", n)
		})
		f.apply(b, manyChecks(b, f.dir, shopURL, checks, every, false))
		// Nothing is due any more once the change has been read.
		sent := 0
		eventually(b, 2*time.Minute, func() error {
			sent = f.scheduler.metric(b, "probefleet_scheduler_jobs_sent_total")
			stored := f.count(b, `SELECT count(*) FROM runs`)
			active := f.scheduler.metric(b, "probefleet_scheduler_checks")
			return expectf(active == 0 && stored >= sent, "%d checks active, %d jobs sent, %d runs stored", active, sent, stored)
		})
		if n := f.count(b, `SELECT count(*) FROM runs`); n != sent {
			b.Errorf("%d runs of %d jobs", n, sent)
		}
		if n := f.count(b, `SELECT count(*) FROM runs WHERE outcome <> 'passed'`); n != 0 {
			b.Errorf("%d runs did not pass: %v", n, outcomeCounts(f, b))
		}
		var seconds float64
		if err := f.db.QueryRow(b.Context(), `SELECT extract(epoch FROM max(stored_at) - min(slot)) FROM runs`).Scan(&seconds); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(sent), "jobs")
		b.ReportMetric(float64(sent)/seconds, "jobs/s")
		for _, p := range []*process{f.scheduler, w, f.recorder, f.dashboard, f.consoleUp} {
			b.ReportMetric(p.peakMemory(b), p.name+"-MiB")
		}
		b.ReportMetric(f.sqs.peakMemory(b), "sqs-MiB")
		b.ReportMetric(0, "ns/op") // the time of the set-up says nothing
		f.stopAll(b, w)
	}
}

// manyChecks writes a file of n equal checks.
func manyChecks(b *testing.B, dir, shopURL string, n int, every string, active bool) string {
	b.Helper()
	var s strings.Builder
	fmt.Fprintf(&s, "defaults: {every: %s, active: %t}\nchecks:\n", every, active)
	for i := range n {
		fmt.Fprintf(&s, "  - {id: bench-%05d, request: %s/api/health, expect: [status == 200]}\n", i, shopURL)
	}
	path := filepath.Join(dir, "bench.yaml")
	if err := os.WriteFile(path, []byte(s.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

func outcomeCounts(f *fleet, b *testing.B) map[string]int {
	b.Helper()
	sums := map[string]int{}
	for _, counts := range f.outcomes(b) {
		for outcome, n := range counts {
			sums[outcome] += n
		}
	}
	return sums
}
