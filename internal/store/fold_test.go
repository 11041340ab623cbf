package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// lately is a time within [store.FoldReach], on the hour.
func lately() time.Time { return time.Now().UTC().Truncate(time.Hour).Add(-30 * time.Hour) }

// story makes up the results of a check: outages, a location of its own mind,
// flapping, degraded times, and slots that say nothing or are missing.
func story(r *rand.Rand, c check.Check, from time.Time, slots int) []jobs.Result {
	var all []jobs.Result
	mood, until := 0, 0
	for n := range slots {
		if n >= until {
			mood, until = []int{0, 0, 1, 2, 3, 4}[r.IntN(6)], n+1+r.IntN(25)
		}
		for i, l := range c.Locations {
			slot := from.Add(time.Duration(n)*c.Every + time.Duration(i)*7*time.Second)
			o := jobs.Passed
			switch {
			case mood == 1 || mood == 2 && i == 0 || mood == 3 && r.IntN(2) == 0:
				o = jobs.Failed
			case mood == 4:
				o = []jobs.Outcome{jobs.Degraded, jobs.Inconclusive, jobs.Expired, jobs.Passed, ""}[r.IntN(5)]
			}
			if o != "" {
				all = append(all, result(c, l, slot, o, time.Second))
			}
		}
	}
	return all
}

// incidents are those that the rules found, in order, without their ids.
func incidents(t *testing.T, s *store.Store, checkID string) []status.Incident {
	t.Helper()
	list, err := s.Incidents(t.Context(), store.IncidentFilter{Check: checkID, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	is := make([]status.Incident, 0, len(list))
	for _, i := range slices.Backward(list) {
		is = append(is, i.Incident)
	}
	return is
}

// Two recorders store the same results in any order and several times: the
// incidents are those of one recorder that stores them in order.
func TestIncidentsDoNotDependOnTheOrderOfResults(t *testing.T) {
	seen := 0
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := shopLogin()
		c.Locations = []string{"a", "b", "c"}
		c.Alert = []check.Alert{{}, {Runs: 2}, {Runs: 2, For: 2 * time.Minute, Locations: 2}}[seed%3]
		all := story(r, c, lately(), 150)

		s, url := open(t)
		apply(t, s, store.Applied{Created: []string{c.ID}}, c)
		record(t, s, store.Recorded{Stored: len(all)}, all...)
		want := incidents(t, s, c.ID)
		seen += len(want)

		s, url = open(t)
		other, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(other.Close)
		apply(t, s, store.Applied{Created: []string{c.ID}}, c)
		shuffled := slices.Clone(all)
		for range len(all) / 5 {
			shuffled = append(shuffled, all[r.IntN(len(all))])
		}
		if seed%2 == 0 {
			r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		}
		var both sync.WaitGroup
		for i, recorder := range []*store.Store{s, other} {
			mine := shuffled[i*len(shuffled)/2 : (i+1)*len(shuffled)/2]
			size := 5 + r.IntN(30)
			both.Go(func() {
				for batch := range slices.Chunk(mine, size) {
					for { // as a recorder does
						_, err := recorder.RecordReceived(t.Context(), batch, nil)
						if err == nil {
							break
						}
						t.Log(err)
					}
				}
			})
		}
		both.Wait()
		if d := cmp.Diff(want, incidents(t, s, c.ID)); d != "" {
			t.Errorf("seed %d (-in order +shuffled):\n%s", seed, d)
		}
		if n := ask[int](t, url, `SELECT count(*) - count(DISTINCT (incident_id, dedup_key)) FROM transitions`); n != 0 {
			t.Errorf("seed %d: %d transitions were told twice", seed, n)
		}
		checkTransitions(t, url)
	}
	if seen < 6 {
		t.Errorf("only %d incidents in all stories", seen)
	}
}

// checkTransitions holds the transitions against the incidents: each incident
// was told as often as it has turns, and told last what it is.
func checkTransitions(t *testing.T, url string) {
	t.Helper()
	wrong := ask[int](t, url, `
		SELECT count(*) FROM incidents i WHERE source = 'rules' AND (
			turn <> (SELECT count(*) FROM transitions WHERE incident_id = i.id)
			OR (SELECT kind FROM transitions WHERE incident_id = i.id ORDER BY id DESC LIMIT 1) IN ('opened', 'reopened')
				<> (closed IS NULL AND retracted_at IS NULL)
			OR (SELECT kind FROM transitions WHERE incident_id = i.id ORDER BY id LIMIT 1) <> 'opened')`)
	if wrong != 0 {
		t.Errorf("%d incidents are not what was told of them", wrong)
	}
}

// A check that does nothing but pass costs nothing: no row is written.
func TestAQuietCheckWritesNothing(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	begin := lately()
	for n := range 20 {
		record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin.Add(time.Duration(n)*time.Minute), jobs.Passed, time.Second))
	}
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin.Add(20*time.Minute), jobs.Inconclusive, time.Second))
	if n := ask[int](t, url, `SELECT (SELECT count(*) FROM check_status) + (SELECT count(*) FROM status_marks) + (SELECT count(*) FROM incidents)`); n != 0 {
		t.Errorf("%d rows", n)
	}
	// It fails for a minute, and is quiet again later on.
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin.Add(21*time.Minute), jobs.Failed, time.Second))
	if got := ask[string](t, url, `SELECT level || ' ' || quiet FROM check_status`); got != "outage false" {
		t.Errorf("failing: %s", got)
	}
	for n := 22; n < 90; n++ {
		record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin.Add(time.Duration(n)*time.Minute), jobs.Passed, time.Second))
	}
	if got := ask[string](t, url, `SELECT level || ' ' || quiet FROM check_status`); got != "operational true" {
		t.Errorf("afterwards: %s", got)
	}
	before := ask[time.Time](t, url, `SELECT updated_at FROM check_status`)
	record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin.Add(90*time.Minute), jobs.Passed, time.Second))
	if after := ask[time.Time](t, url, `SELECT updated_at FROM check_status`); !after.Equal(before) {
		t.Error("a quiet check was written")
	}
	want := []status.Incident{{
		Opened: begin.Add(21 * time.Minute), Closed: begin.Add(22 * time.Minute), First: begin.Add(21 * time.Minute), Last: begin.Add(21 * time.Minute),
		Failed: 1, Flaps: 1, Locations: []string{"here"}, Class: jobs.FaultAssertion, Message: "status == 200 (got 503)",
		FirstFail: status.RunRef{ID: jobs.AttemptID(c.ID, "here", begin.Add(21*time.Minute), 1), Location: "here", Slot: begin.Add(21 * time.Minute)},
		LastPass:  status.RunRef{ID: jobs.AttemptID(c.ID, "here", begin.Add(19*time.Minute), 1), Location: "here", Slot: begin.Add(19 * time.Minute)},
	}}
	if d := cmp.Diff(want, incidents(t, s, c.ID)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// 1,000 checks fail at once and 100 others flap: each opens and closes, is told
// of it once, and those that flap are not told of every turn.
func TestManyChecksAtOnce(t *testing.T) {
	s, url := open(t)
	const failing, flapping = 1000, 100
	checks := make([]check.Check, failing+flapping)
	for i := range checks {
		checks[i] = shopLogin()
		checks[i].ID = fmt.Sprintf("c%04d", i)
		checks[i].Locations = []string{"here"}
	}
	if _, err := s.ApplyChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	begin := lately()
	round := func(n int, outcome func(i int) jobs.Outcome) {
		for chunk := range slices.Chunk(checks, 200) {
			results := make([]jobs.Result, len(chunk))
			for j, c := range chunk {
				var i int
				_, _ = fmt.Sscanf(c.ID, "c%d", &i)
				results[j] = result(c, "here", begin.Add(time.Duration(n)*time.Minute), outcome(i), time.Second)
			}
			record(t, s, store.Recorded{Stored: len(results)}, results...)
		}
	}
	for n := range 14 {
		round(n, func(i int) jobs.Outcome {
			if i < failing && n >= 4 && n < 8 || i >= failing && n%2 == 1 {
				return jobs.Failed
			}
			return jobs.Passed
		})
	}
	for n := 14; n < 34; n++ {
		round(n, func(int) jobs.Outcome { return jobs.Passed })
	}
	got := map[string]int{}
	for _, kind := range []string{"opened", "closed", "reopened", "retracted", "degraded", "recovered"} {
		got[kind] = ask[int](t, url, `SELECT count(*) FROM transitions WHERE kind = $1`, kind)
	}
	want := map[string]int{"opened": failing + 2*flapping, "closed": failing + 2*flapping, "reopened": 0, "retracted": 0, "degraded": 0, "recovered": 0}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	checkTransitions(t, url)
	if n := ask[int](t, url, `SELECT count(*) FROM incidents WHERE closed IS NULL`); n != 0 {
		t.Errorf("%d are open", n)
	}
}

// Rules count from when they were applied: a change of them leaves the past as
// it was, even where that is told anew.
func TestTheRulesOfTheTimeCount(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	c.Locations = []string{"here"}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	begin := lately()
	do(t, url, `UPDATE check_history SET since = $1`, begin.Add(-time.Hour))
	c.Alert.Runs = 3
	apply(t, s, store.Applied{Changed: []string{c.ID}}, c)
	do(t, url, `UPDATE check_history SET since = $1 WHERE since > $1`, begin.Add(30*time.Minute))
	var all []jobs.Result
	for n := range 60 {
		o := jobs.Passed
		if n == 10 || n == 40 || n >= 45 && n < 48 {
			o = jobs.Failed
		}
		all = append(all, result(c, "here", begin.Add(time.Duration(n)*time.Minute), o, time.Second))
	}
	late := all[9]
	all = slices.Delete(all, 9, 10)
	record(t, s, store.Recorded{Stored: 59}, all...)
	record(t, s, store.Recorded{Stored: 1}, late)
	var got []int
	for _, i := range incidents(t, s, c.ID) {
		got = append(got, int(i.Opened.Sub(begin).Minutes()), int(i.Closed.Sub(begin).Minutes()))
	}
	if d := cmp.Diff([]int{10, 11, 47, 48}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A check whose parent has an outage is silent, and says why; a muted one too.
func TestSilencedOutages(t *testing.T) {
	s, url := open(t)
	parent, child, muted, free := shopLogin(), shopLogin(), shopLogin(), shopLogin()
	parent.ID, child.ID, muted.ID, free.ID = "parent", "child", "muted", "free"
	child.DependsOn = []string{"other", "parent"}
	muted.Muted = true
	checks := []check.Check{parent, child, muted, free}
	if _, err := s.ApplyChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	begin := lately()
	for i, c := range checks {
		record(t, s, store.Recorded{Stored: 1}, result(c, "here", begin.Add(time.Duration(i)*time.Second), jobs.Failed, time.Second))
	}
	got := map[string]string{}
	for _, c := range checks {
		got[c.ID] = ask[string](t, url, `SELECT silenced FROM transitions WHERE check_id = $1`, c.ID)
	}
	want := map[string]string{
		"parent": "", "free": "", "muted": "muted",
		"child": "depends on parent, which has an outage since " + begin.Format(time.RFC3339),
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
