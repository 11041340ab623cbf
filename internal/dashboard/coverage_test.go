package dashboard

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/status"
)

// The page's coverage is that of the console: the same slots are expected, to
// the last one, at any moment and for intervals that divide no hour.
func TestCoverageCountsSlots(t *testing.T) {
	day := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	for _, every := range []time.Duration{20 * time.Second, time.Minute, 7 * time.Minute, 45 * time.Minute} {
		for _, minute := range []int{0, 1, 29, 59} {
			now := day.Add(13*time.Hour + time.Duration(minute)*time.Minute + 11*time.Second)
			c := status.Check{ID: "shop-login", Every: every, Timeout: 10 * time.Second, Locations: []string{"here", "there", "elsewhere"}}
			from, due := hourly.start(now), status.Settled(c.Every, c.Timeout, now)
			// Half of what was due at one location is conclusive.
			expected, conclusive := 0, 0
			hours := map[time.Time]int{}
			for i, l := range c.Locations {
				expected += status.Expected(c.ID, l, every, from, due)
				n := 0
				for slot := range schedule.Slots(c.ID, l, every, from.Add(-1), due.Add(-1)) {
					if n++; i > 0 || n%2 == 0 {
						hours[slot.Truncate(time.Hour)]++
						conclusive++
					}
				}
			}
			var buckets []status.Bucket
			for start, n := range hours {
				buckets = append(buckets, status.Bucket{CheckID: c.ID, Start: start, End: start.Add(time.Hour), Counts: status.Counts{Passed: n}})
			}
			got := newRecord(c, hourly, past{buckets: buckets}, now).coverage
			if want := float64(conclusive) / float64(expected); got != want {
				t.Errorf("every %s at %s: %.5f, want %d of %d, %.5f", every, now, got, conclusive, expected, want)
			}
		}
	}
}
