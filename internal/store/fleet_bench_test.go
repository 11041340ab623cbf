package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// BenchmarkRecordFleet stores results as a fleet sends them: 1,000 checks at
// two locations, in batches of 200.
func BenchmarkRecordFleet(b *testing.B) {
	for name, failing := range map[string]int{"passing": 0, "one-in-100-failing": 100, "all-failing": 1} {
		b.Run(name, func(b *testing.B) {
			s := benchStore(b)
			checks := make([]check.Check, 1000)
			for i := range checks {
				checks[i] = shopLogin()
				checks[i].ID = fmt.Sprintf("c%04d", i)
			}
			if _, err := s.ApplyChecks(b.Context(), checks); err != nil {
				b.Fatal(err)
			}
			slot := time.Now().UTC().Truncate(time.Minute).Add(-10 * time.Minute)
			if err := s.EnsurePartitions(b.Context(), slot, slot.Add(48*time.Hour)); err != nil {
				b.Fatal(err)
			}
			stored := 0
			for b.Loop() {
				slot = slot.Add(time.Minute)
				for i := 0; i < len(checks); i += 100 {
					results := make([]jobs.Result, 0, 200)
					for n := i; n < i+100; n++ {
						o := jobs.Passed
						if failing > 0 && n%failing == 0 {
							o = jobs.Failed
						}
						for _, l := range checks[n].Locations {
							results = append(results, result(checks[n], l, slot, o, time.Second))
						}
					}
					if _, err := s.RecordReceived(b.Context(), results, nil); err != nil {
						b.Fatal(err)
					}
					stored += len(results)
				}
			}
			b.ReportMetric(float64(stored)/b.Elapsed().Seconds(), "results/s")
		})
	}
}
