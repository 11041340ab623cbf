package dashboard

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// many are n checks in groups of a hundred, with 90 days of a history in which
// something happened every few days.
func many(now time.Time, n int) *fake {
	f := newFake()
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		id := fmt.Sprintf("c-%d", i)
		c := status.Check{ID: id, Name: fmt.Sprintf("service %d", i), Group: fmt.Sprintf("Group %d", i/100), Kind: check.KindAPI,
			Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"paris", "tokyo", "lima"}}
		for _, l := range c.Locations {
			r := status.Run{RunID: id + l, CheckID: id, Location: l, Slot: now.Add(-time.Minute), Attempt: 1, Outcome: jobs.Passed, FinishedAt: now.Add(-time.Minute), Latency: 50 * time.Millisecond}
			c.Last, c.Conclusive = append(c.Last, r), append(c.Conclusive, r)
		}
		f.checks = append(f.checks, c)
		for _, p := range []period{hourly, daily} {
			for at := p.start(now); at.Before(now); at = at.Add(p.step) {
				runs := int(p.step/time.Minute) * 3
				b := status.Bucket{CheckID: id, Start: at, Expected: runs}
				b.Passed = runs
				if rnd.IntN(3) == 0 {
					b.Failed = rnd.IntN(20)
					b.Passed -= b.Failed
				}
				if p.grain == grainDay {
					f.days = append(f.days, b)
				} else {
					f.hours = append(f.hours, b)
				}
			}
		}
	}
	return f
}

// BenchmarkGroupOfAHundred renders the page of a group, of a new frame each
// time, as every other second does.
func BenchmarkGroupOfAHundred(b *testing.B) {
	now := time.Date(2026, 3, 4, 12, 20, 0, 0, time.UTC)
	d := New(Options{Store: many(now, 300), Now: func() time.Time { return now }})
	d.refresh(b.Context())
	snap := d.frame.Load().snap
	for _, p := range []period{hourly, daily} {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := d.publish(snap)
				if _, err := d.index(f, p, choice{group: "Group 1", page: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("a frame", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.publish(snap)
		}
	})
}
