package store_test

import (
	"bytes"
	"encoding/csv"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// due is what a check's schedule and a dice give over some hours.
func dueResults(r *rand.Rand, c check.Check, from, to time.Time) []jobs.Result {
	var all []jobs.Result
	for _, l := range c.Locations {
		for slot := range schedule.Slots(c.ID, l, c.Every, from.Add(-1), to.Add(-1)) {
			if r.IntN(10) == 0 {
				continue
			}
			o := jobs.Outcomes[r.IntN(len(jobs.Outcomes))]
			res := result(c, l, slot, o, time.Duration(r.IntN(3_000_000))*time.Microsecond)
			all = append(all, res)
			if o == jobs.Inconclusive && r.IntN(2) == 0 {
				all = append(all, attempt(res, 2, l, jobs.Passed))
			}
		}
	}
	return all
}

// Whatever comes in whatever order, some of it after its hour was counted: the
// tallies are those of the raw rows, and their counts those that the recorder
// has counted up.
func TestTalliesAreWhatTheRowsSay(t *testing.T) {
	s, url := open(t)
	r := rand.New(rand.NewPCG(7, 7))
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin, end := now.Truncate(time.Hour).Add(-6*time.Hour), now.Truncate(time.Hour).Add(-time.Hour)
	a, b := shopLogin(), shopLogin()
	b.ID, b.Every = "other", 37*time.Second
	b.Maintenance = []check.Maintenance{{From: begin.Add(90 * time.Minute), To: begin.Add(150 * time.Minute)}}
	ids := []string{b.ID, a.ID}
	apply(t, s, store.Applied{Created: ids}, a, b)
	do(t, url, `UPDATE check_history SET since = $1`, begin.Add(-time.Hour))
	// a became slower in between
	slower := a
	slower.Every = 3 * time.Minute
	apply(t, s, store.Applied{Changed: []string{a.ID}}, slower)
	changed := begin.Add(150 * time.Minute)
	do(t, url, `UPDATE check_history SET since = $1 WHERE since > now() - interval '30 minutes'`, changed)

	all := slices.Concat(dueResults(r, a, begin, changed), dueResults(r, slower, changed, end), dueResults(r, b, begin, end))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	// A second attempt is sent after the first was stored.
	slices.SortStableFunc(all, func(x, y jobs.Result) int { return x.Attempt - y.Attempt })
	third := len(all) / 3
	for i, part := range [][]jobs.Result{all[:third], all[third : 2*third], all[2*third:]} {
		for batch := range slices.Chunk(part, 50) {
			if _, err := s.RecordReceived(t.Context(), append(batch, all[r.IntN(third)]), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Tally(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i == 1 && ask[int](t, url, `SELECT count(*) FROM tally_again`) != 0 {
			t.Error("something is left to be counted again")
		}
	}
	books := map[string]status.Rulebook{
		a.ID: {status.NewRules(a, begin.Add(-time.Hour)), status.NewRules(slower, changed)},
		b.ID: {status.NewRules(b, begin.Add(-time.Hour))},
	}
	for _, id := range ids {
		for hour := begin; hour.Before(end); hour = hour.Add(time.Hour) {
			want := status.TallyOf(books[id], hour, hour.Add(time.Hour), slotsOf(all, id, hour, hour.Add(time.Hour)))
			got := map[string]*status.Tally{}
			list, err := s.Periods(t.Context(), store.Hour, []string{id}, hour, hour.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range list {
				got[p.Location] = &p.Tally
			}
			if d := cmp.Diff(want, got, cmp.Comparer(status.Histogram.Equal)); d != "" {
				t.Errorf("%s, hour %s (-rows +stored):\n%s", id, hour, d)
			}
		}
	}
	differing := ask[int](t, url, `
		SELECT count(*) FROM tallies t FULL JOIN rollups r USING (grain, start, check_id, location)
		WHERE coalesce(t.start, r.start) < $1 AND (t.passed, t.degraded, t.failed, t.inconclusive, t.expired)
			IS DISTINCT FROM (r.passed::integer, r.degraded::integer, r.failed::integer, r.inconclusive::integer, r.expired::integer)
			AND coalesce(t.passed + t.degraded + t.failed + t.inconclusive + t.expired, -1) <> 0`, end)
	if differing != 0 {
		t.Errorf("%d tallies differ from what the recorder counted up", differing)
	}
	exportAddsUp(t, s, ids, begin, end)
}

// slotsOf are the slots of results of one check in a time.
func slotsOf(all []jobs.Result, id string, from, before time.Time) []status.TimedSlot {
	type name struct {
		location string
		at       time.Time
	}
	by := map[name]jobs.Result{}
	as := func(r jobs.Result) status.Attempt { return status.Attempt{Number: r.Attempt, Outcome: r.Outcome} }
	for _, r := range all {
		if r.CheckID != id || r.Slot.Before(from) || !r.Slot.Before(before) {
			continue
		}
		n := name{r.Location, r.Slot}
		if have, ok := by[n]; !ok || as(r).Beats(as(have)) {
			by[n] = r
		}
	}
	var slots []status.TimedSlot
	for n, r := range by {
		slots = append(slots, status.TimedSlot{Slot: status.Slot{Location: n.location, At: n.at, By: as(r)}, Latency: r.Timings.Total})
	}
	return slots
}

// exportAddsUp counts the CSV again.
func exportAddsUp(t *testing.T, s *store.Store, ids []string, from, to time.Time) {
	t.Helper()
	list, err := s.Periods(t.Context(), store.Hour, ids, from, to)
	if err != nil {
		t.Fatal(err)
	}
	e, err := status.NewExport(status.SlotsV1, from, to, list)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.CSV(&out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	sum := func(name string) (n int64) {
		at := slices.Index(rows[0], name)
		for _, row := range rows[1:] {
			v, err := strconv.ParseInt(row[at], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			n += v
		}
		return n
	}
	a := e.Account
	up := sum("passed") + sum("degraded") - sum("maintenance_passed") - sum("maintenance_degraded")
	down := sum("failed") - sum("maintenance_failed")
	if a.Up != up || a.Down != down || a.Expected != sum("expected")-sum("maintenance_expected") || a.Excluded == 0 || a.Up == 0 || a.Down == 0 {
		t.Errorf("account %+v, of which the rows say %d up, %d down", a, up, down)
	}
}

// Days go as a whole, not too early, and with them what only they need.
func TestOldResultsAreDropped(t *testing.T) {
	s, url := open(t)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	today := now.Truncate(24 * time.Hour)
	if err := s.EnsurePartitions(t.Context(), today.Add(-33*24*time.Hour), today.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	c := shopLogin()
	for _, age := range []int{40, 33, 31, 30, 1} {
		record(t, s, store.Recorded{Stored: 1}, result(c, "here", today.Add(-time.Duration(age)*24*time.Hour), jobs.Passed, time.Second))
	}
	if _, err := s.DropRuns(t.Context(), now.Add(-store.MinRunsKept+time.Hour)); err == nil {
		t.Error("results are dropped that still matter")
	}
	dropped, err := s.DropRuns(t.Context(), now.Add(-30*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for age := 33; age > 30; age-- {
		want = append(want, today.Add(-time.Duration(age)*24*time.Hour).Format(time.DateOnly))
	}
	if d := cmp.Diff(want, dropped); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM runs`); n != 2 {
		t.Errorf("%d results are left", n)
	}
}
