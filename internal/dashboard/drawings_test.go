package dashboard

import (
	"fmt"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// TestDrawingsFollowWhatTheyShow: a history is drawn once, and anew where
// anything changes that its bars tell; what it then shows is what would be
// drawn without any that are kept.
func TestDrawingsFollowWhatTheyShow(t *testing.T) {
	base := time.Date(2026, 3, 4, 12, 20, 0, 0, time.UTC)
	f := many(base, 1)
	kept := newDrawings()
	draws := 0
	look := func(what string, now time.Time, p period, anew bool) {
		t.Helper()
		snap, err := load(t.Context(), f, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		c, known := snap.checks[0], snap.past(p, snap.checks[0].ID)
		draw := func() bars { return newBars(newRecord(c, p, known, now), false) }
		before := draws
		got := kept.get(drawingOf(c, p, snap.of(p).sums[c.ID], known, now), func() bars { draws++; return draw() })
		if (draws > before) != anew {
			t.Errorf("%s: drawn anew %t, want %t", what, draws > before, anew)
		}
		if want := newDrawings().get(drawing{}, draw); got != want {
			t.Errorf("%s: what is shown is not what there is:\n%s\n%s", what, got, want)
		}
	}
	now := base
	look("at first", now, daily, true)
	look("over another period", now, hourly, true)
	look("again", now, daily, false)
	look("a second later", now.Add(time.Second), hourly, false)
	now = now.Add(45 * time.Minute)
	look("when the hour has ended", now, hourly, true)
	look("days, when an hour has ended", now, daily, false)
	look("in another zone", now.In(time.FixedZone("east", 5*3600)), hourly, true)

	for _, change := range []struct {
		what string
		make func(f *fake)
	}{
		{"one more failed", func(f *fake) { f.days[5].Failed++ }},
		{"one more in maintenance", func(f *fake) { f.days[5].Maintenance.Passed += 5 }},
		{"more was due", func(f *fake) { f.days[7].Expected++ }},
		{"an outage", func(f *fake) {
			f.outages = []status.Outages{{CheckID: "c-0", Spans: []status.Span{{From: now.Add(-48 * time.Hour), To: now.Add(-47 * time.Hour)}}}}
		}},
		{"it runs more seldom", func(f *fake) { f.checks[0].Every *= 2 }},
		{"it has a longer timeout, of which a day more is not over", func(f *fake) { f.checks[0].Timeout = 30 * time.Hour }},
		{"it runs at fewer locations", func(f *fake) { f.checks[0].Locations = f.checks[0].Locations[:2] }},
	} {
		f.change(change.make)
		look(change.what, now, daily, true)
	}
	f.change(func(f *fake) { f.hours = nil })
	now = base.Add(40*time.Minute - time.Second)
	look("without any hours", now, hourly, true)
	look("where the next hour has begun, and none has ended", now.Add(2*time.Second), hourly, true)
	for i := range maxDrawings {
		kept.get(drawing{check: fmt.Sprint(i)}, func() bars { return bars{} })
	}
	look("after many others", now, daily, true)
}
