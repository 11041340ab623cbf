package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// What is read in a way that holds with many checks is what the plain questions
// answer.
func TestListsSayWhatTheViewsSay(t *testing.T) {
	s, url := open(t)
	now := time.Now().UTC().Truncate(time.Minute)
	var checks []check.Check
	var ids []string
	for i := range 4 {
		c := shopLogin()
		c.ID, c.Locations = fmt.Sprintf("c-%d", i), []string{"here", "there"}
		checks, ids = append(checks, c), append(ids, c.ID)
	}
	apply(t, s, store.Applied{Created: ids}, checks...)
	at := func(i int, location string, ago time.Duration, o jobs.Outcome) {
		record(t, s, store.Recorded{Stored: 1}, result(checks[i], location, now.Add(-ago), o, time.Second))
	}
	for k := range 6 {
		at(0, "here", time.Duration(k)*time.Minute, jobs.Passed)
		at(1, "there", time.Duration(k)*9*time.Hour, jobs.Passed) // some of them long ago
		at(2, "here", 20*24*time.Hour+time.Duration(k)*time.Hour, jobs.Passed)
	}
	at(0, "elsewhere", 0, jobs.Passed) // it runs there no more
	at(0, "there", time.Minute, jobs.Failed)
	// Slots that failed and whose retry never came: known, newer than what is
	// known; not known yet; and known, but older.
	for _, u := range []struct {
		id, location, until string
		ago                 time.Duration
	}{{"c-0", "here", "-1 minute", -time.Minute}, {"c-1", "there", "1 hour", -time.Minute}, {"c-2", "here", "-1 hour", 40 * 24 * time.Hour}, {"c-3", "there", "-1 minute", time.Minute}} {
		do(t, url, `INSERT INTO undecided (check_id, location, slot, run_id, attempt, outcome, fault_class, fault_message, finished_at, latency_us, until)
			VALUES ($1, $2, $3, gen_random_uuid(), 1, 'failed', 'connect', 'no answer', now(), 7, now() + $4::interval)`, u.id, u.location, now.Add(-u.ago), u.until)
	}
	line := func(conclusive bool, r status.Run) string {
		return fmt.Sprint(r.CheckID, " ", r.Location, " ", conclusive, " ", r.Slot.Unix(), " ", r.Outcome)
	}
	all, err := s.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range all {
		for _, l := range []string{"here", "there"} {
			for _, runs := range []struct {
				conclusive bool
				list       []status.Run
			}{{false, w.Last}, {true, w.Conclusive}} {
				for _, r := range runs.list {
					if r.Location == l {
						got = append(got, line(runs.conclusive, r))
					}
				}
			}
		}
		if n := len(w.Last) + len(w.Conclusive); w.ID == "c-0" && n != 4 {
			t.Errorf("%d runs of a check at two locations", n)
		}
	}
	want := ask[string](t, url, `
		SELECT string_agg(l.check_id || ' ' || l.location || ' ' || CASE WHEN conclusive THEN 'true' ELSE 'false' END || ' ' || extract(epoch FROM slot)::bigint || ' ' || outcome, E'\n' ORDER BY l.check_id, l.location, conclusive)
		FROM latest_known l JOIN checks c ON c.id = l.check_id AND l.location = ANY (c.locations)`)
	if strings.Join(got, "\n") != want {
		t.Errorf("all checks:\n%s\nthe view says:\n%s", strings.Join(got, "\n"), want)
	}
	recent, err := s.Recent(t.Context(), ids, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		var slots []string
		for _, r := range recent[id] {
			slots = append(slots, fmt.Sprint(r.Slot.Unix()))
		}
		want := ask[string](t, url, `SELECT coalesce(string_agg(extract(epoch FROM slot)::bigint::text, ' ' ORDER BY slot DESC), '') FROM (SELECT slot FROM runs WHERE check_id = $1 ORDER BY slot DESC LIMIT 4) x`, id)
		if strings.Join(slots, " ") != want {
			t.Errorf("%s: newest runs %q, want %q", id, slots, want)
		}
	}
}
