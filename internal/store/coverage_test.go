package store_test

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
)

// Of an hour of slots, every third is missing, every fourth of the others is
// inconclusive, some were tried again, and some were run elsewhere.
func TestCoverage(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	do(t, url, `UPDATE checks SET created_at = now() - interval '1 hour'`)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	created := ask[time.Time](t, url, `SELECT created_at FROM checks`)
	expected, recorded, conclusive := 0, 0, 0
	var all []jobs.Result
	i := 0
	for slot := range schedule.Slots(c.ID, "here", c.Every, created.Add(-1), now.Add(-c.Every-c.Timeout-1)) {
		expected++
		i++
		if i%3 == 0 {
			continue
		}
		recorded++
		r := result(c, "here", slot, jobs.Passed, time.Second)
		if i%4 == 0 {
			r = attempt(r, 1, "here", jobs.Inconclusive)
			if i%8 == 0 { // tried again, in vain
				all = append(all, attempt(r, 2, "here", jobs.Inconclusive))
			}
		} else {
			conclusive++
			if i%5 == 0 { // tried twice, in the end it passed
				all = append(all, attempt(r, 1, "here", jobs.Inconclusive))
				r = attempt(r, 2, "here", jobs.Passed)
			}
		}
		all = append(all, r)
	}
	record(t, s, store.Recorded{Stored: len(all)}, all...)
	// A slot of here was run there, off that place's schedule.
	retry := due(t, s, url, c.ID)[0]
	retry.SentTo = "there"
	if err := s.AssignRetries(t.Context(), []jobs.Retry{retry}); err != nil {
		t.Fatal(err)
	}
	elsewhere := attempt(result(c, "here", retry.Slot, jobs.Passed, time.Second), retry.Attempt, "there", jobs.Passed)
	record(t, s, store.Recorded{Stored: 1}, elsewhere)

	got, err := s.Coverage(t.Context(), c.ID, now.Add(-24*time.Hour))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v (%v)", got, err)
	}
	here, there := got[0], got[1]
	if here.Location != "here" || here.Expected < 55 || here.Expected != expected || here.Recorded != recorded ||
		here.Conclusive != conclusive || here.Missing() != expected-recorded || !here.From.Equal(created) {
		t.Errorf("here %+v; want %d expected, %d recorded, %d conclusive since %s", here, expected, recorded, conclusive, created)
	}
	if there.Expected < 55 || there.Recorded != 0 || there.Conclusive != 0 || there.Share() != 0 {
		t.Errorf("there %+v", there)
	}
	if got, err := s.Coverage(t.Context(), "unknown", now); err != nil || got != nil {
		t.Errorf("of no check: %+v (%v)", got, err)
	}
}
