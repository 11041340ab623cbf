package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// A location is judged by what its checks said last, and only where there is
// something to look at.
func TestLocationSamples(t *testing.T) {
	s, _ := open(t)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := shopLogin()
	sample := func() []status.LocationSample {
		t.Helper()
		got, err := s.LocationSamples(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	add := func(id, location string, age time.Duration, o jobs.Outcome) {
		t.Helper()
		c := c
		c.ID = id
		if _, err := s.ApplyChecks(t.Context(), []check.Check{c}); err != nil {
			t.Fatal(err)
		}
		r := result(c, location, now.Add(-age), o, time.Second)
		if o == jobs.Inconclusive {
			r.Fault = &jobs.Fault{Class: jobs.FaultLocation, Message: "away"}
		}
		record(t, s, store.Recorded{Stored: 1}, r)
	}
	add("a", "here", 10*time.Second, jobs.Passed)
	add("b", "here", 10*time.Second, jobs.Failed)
	if got := sample(); len(got) != 0 {
		t.Errorf("with nothing to look at: %+v", got)
	}
	add("c", "here", 70*time.Second, jobs.Inconclusive)
	add("c", "here", 10*time.Second, jobs.Inconclusive)
	add("d", "here", 10*time.Minute, jobs.Inconclusive) // too long ago
	add("a", "there", 10*time.Second, jobs.Passed)
	want := []status.LocationSample{{Location: "here", Checks: 4, Healthy: true, Runs: 3, Sick: 1, Attempts: 2, Class: jobs.FaultLocation}}
	if d := cmp.Diff(want, sample()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for i := range status.LocationSampleSize {
		add(fmt.Sprintf("n%d", i), "here", time.Second, jobs.Passed)
	}
	if got := sample(); len(got) != 1 || got[0].Runs != status.LocationSampleSize || got[0].Sick != 0 {
		t.Errorf("with many newer runs: %+v", got)
	}
	// Nobody looks from there any more.
	if _, err := s.DeclareLocation(t.Context(), "nowhere", false, "as it looked"); err != nil {
		t.Fatal(err)
	}
	if got := sample(); len(got) != 2 || got[1] != (status.LocationSample{Location: "nowhere"}) || !got[1].Judge() {
		t.Errorf("with a place that is not used any more: %+v", got)
	}
}

// However many recorders say the same at once, it is one event.
func TestALocationIsDeclaredOnce(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	declare := func(healthy bool, want int64) {
		t.Helper()
		var changes atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				changed, err := s.DeclareLocation(t.Context(), "here", healthy, "as it looks")
				if err != nil {
					t.Error(err)
				}
				if changed {
					changes.Add(1)
				}
			})
		}
		all.Wait()
		if changes.Load() != want {
			t.Errorf("healthy %t: %d changes, want %d", healthy, changes.Load(), want)
		}
	}
	declare(true, 0)
	declare(false, 1)
	declare(false, 0)
	if sick, err := s.SickLocations(t.Context()); err != nil || len(sick) != 1 || sick[0] != "here" {
		t.Errorf("sick: %v (%v)", sick, err)
	}
	declare(true, 1)
	if n := ask[int](t, url, `SELECT count(*) FROM location_events`); n != 2 {
		t.Errorf("%d events", n)
	}
	got, err := s.Locations(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v (%v)", got, err)
	}
	here, there := got[0], got[1]
	if here.Name != "here" || here.Checks != 1 || !here.Healthy || here.Since.IsZero() || len(here.Events) != 2 || !here.Events[0].Healthy || here.Events[1].Healthy {
		t.Errorf("here: %+v", here)
	}
	if there.Name != "there" || !there.Healthy || !there.Since.IsZero() || len(there.Events) != 0 {
		t.Errorf("there: %+v", there)
	}
}

// The silence of a sick location is nobody's health: its runs count as not
// measured, and a check that is looked at from there alone has no state.
func TestASickLocationIsNotMeasured(t *testing.T) {
	s, _ := open(t)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := shopLogin()
	c.Locations = []string{"here"}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", now.Add(-10*time.Minute), jobs.Passed, time.Second))
	for age := 9; age > 0; age-- {
		record(t, s, store.Recorded{Stored: 1}, result(c, "here", now.Add(-time.Duration(age)*time.Minute), jobs.Inconclusive, time.Second))
	}
	checks, err := s.PublicChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := checks[0].State(now); got != status.NotMeasured {
		t.Errorf("state %s", got)
	}
	bs, err := s.PublicBuckets(t.Context(), store.Day, now.Add(-time.Hour), now.Add(-time.Hour).Add(3*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var total status.Counts
	for _, b := range bs {
		total = total.Add(b.Counts)
	}
	if up, ok := total.Uptime(); total.Conclusive() != 1 || total.Inconclusive != 9 || up != 1 || !ok {
		t.Errorf("counts %+v, uptime %v", total, up)
	}
}
