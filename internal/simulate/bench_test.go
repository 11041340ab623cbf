package simulate

import (
	"testing"
	"time"
)

// BenchmarkMillion is a million checks a minute and some ten thousand workers,
// through ten minutes with an incident; b.N counts those.
func BenchmarkMillion(b *testing.B) {
	s, _ := Reference()
	s.Length = 10 * time.Minute
	s.Incident = Incident{At: 2 * time.Minute, For: 4 * time.Minute, Share: 0.2, Timeout: 30 * time.Second}
	s.Checks = []Group{Checks(1_000_000, time.Minute, "local", false)}
	s.Service = LogNormal("", 1500*time.Millisecond, 0.5, 30*time.Second)
	s.Fleet.Max = 20_000
	p := PromiseOf(s, 0.75)
	s.Fleet.Start = p.Quiet(s.Rate())
	b.ReportAllocs()
	jobs := 0
	for b.Loop() {
		r, err := Run(b.Context(), s, newOurs(p), 1)
		if err != nil {
			b.Fatal(err)
		}
		jobs += r.Arrived
	}
	b.ReportMetric(float64(jobs)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(float64(s.Fleet.Start), "tasks")
}
