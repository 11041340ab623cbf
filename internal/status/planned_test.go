package status

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// The next time of a window is the one that Covers knows: nothing between now
// and its beginning is covered, and all of it is.
func TestNextIsWhatIsCovered(t *testing.T) {
	once := check.Maintenance{From: when(t, "2026-03-29T00:30:00Z"), To: when(t, "2026-03-29T02:00:00Z")}
	for name, m := range map[string]check.Maintenance{
		"once": once, "Sundays": {Cron: "30 2 * * sun", Zone: "Europe/Berlin", For: 90 * time.Minute},
		"nightly": {Cron: "0 1 * * *", Zone: "America/New_York", For: 2 * time.Hour},
		"weekend": {Cron: "0 22 * * fri", Zone: "Europe/Berlin", For: 55 * time.Hour},
		"twice":   {Cron: "0,30 23 * * *", Zone: "Pacific/Apia", For: 20 * time.Minute},
	} {
		w := NewWindow(m)
		for at := when(t, "2026-03-27T00:00:00Z"); at.Before(when(t, "2026-03-31T00:00:00Z")); at = at.Add(35 * time.Minute) {
			from, to, ok := w.Next(at)
			if !ok {
				if name != "once" || at.Before(once.To) {
					t.Errorf("%s has no next time at %s", name, at)
				}
				continue
			}
			if !to.After(at) || w.Covers(at) != !from.After(at) {
				t.Errorf("%s at %s: next is %s to %s, covered %v", name, at, from, to, w.Covers(at))
			}
			if !w.Covers(from) || !w.Covers(to.Add(-1)) || from.After(at) && w.Covers(from.Add(-1)) {
				t.Errorf("%s at %s: %s to %s is not a window", name, at, from, to)
			}
			for x := at; x.Before(from); x = x.Add(5 * time.Minute) {
				if w.Covers(x) {
					t.Fatalf("%s at %s: %s is covered before the next time, %s", name, at, x, from)
				}
			}
		}
	}
	leap := NewWindow(check.Maintenance{Cron: "0 0 29 2 *", For: time.Hour})
	if from, _, ok := leap.Next(when(t, "2026-03-01T00:00:00Z")); !ok || !from.Equal(when(t, "2028-02-29T00:00:00Z")) {
		t.Errorf("a leap day: %s %v", from, ok)
	}
	never := NewWindow(check.Maintenance{Cron: "0 0 31 2 *", For: time.Hour})
	if _, _, ok := never.Next(when(t, "2026-03-01T00:00:00Z")); ok {
		t.Error("there is a 31st of February")
	}
	bounded := NewWindow(check.Maintenance{Cron: "0 3 * * *", For: time.Hour})
	bounded.To = when(t, "2026-03-01T03:30:00Z")
	if _, to, ok := bounded.Next(when(t, "2026-03-01T03:10:00Z")); !ok || !to.Equal(bounded.To) {
		t.Errorf("called off while it lasts, it ends %s %v", to, ok)
	}
	if _, _, ok := bounded.Next(bounded.To); ok {
		t.Error("called off, and there is a next time")
	}
}
