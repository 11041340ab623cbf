package recorder_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A result without the stamp of its end says nothing about lag, least of all
// two thousand years of it.
func TestLagOfResultsWithoutStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		bare := resultAt(slot)
		bare.ReceivedAt, bare.StartedAt, bare.FinishedAt = time.Time{}, time.Time{}, time.Time{}
		b.queue.Put(body(t, bare), body(t, resultAt(slot.Add(time.Minute))))
		b.start(t)
		after(time.Minute)
		if n := b.ledger.count(); n != 2 {
			t.Fatalf("%d of 2 results stored", n)
		}
		families, err := b.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != prometheus.BuildFQName("probefleet", "recorder", "lag_seconds") {
				continue
			}
			if h := f.GetMetric()[0].GetHistogram(); h.GetSampleCount() != 1 || h.GetSampleSum() > 60 {
				t.Errorf("lag has %d samples of %.0f s in all, want the one that is known", h.GetSampleCount(), h.GetSampleSum())
			}
		}
	})
}
