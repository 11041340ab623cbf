package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/chaos"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/status"
)

// stalled is how long nothing may move before a bar gives up: longer than a
// message that nobody can read takes, from delivery to delivery, until it is a
// dead letter, which is about 135 s at five of them. What a slow machine takes
// for the rest is its own affair.
const stalled = 4 * time.Minute

// eventuallyDown waits until what ask counts is 0, for as long as it comes
// closer to that.
func eventuallyDown(t testing.TB, ask func() (left int, what string)) {
	t.Helper()
	least, moved := -1, time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		left, what := ask()
		switch {
		case left == 0:
			return
		case least < 0 || left < least:
			least, moved = left, time.Now()
		case time.Since(moved) > stalled:
			t.Fatalf("nothing moved for %s: %d %s", stalled, left, what)
		}
		<-tick.C
	}
}

// scheduled waits until everything that is due up to a time was scheduled.
func (r *rig) scheduled(until time.Time) {
	r.t.Helper()
	eventuallyDown(r.t, func() (int, string) {
		// A shard without a watermark is as far behind as can be.
		ms, err := r.number(`SELECT ceil(1000 * sum(greatest(extract(epoch FROM $1::timestamptz - coalesce(watermark, $1::timestamptz - interval '1 hour')), 0)))::bigint FROM shards`, until)
		if err != nil {
			return 1 << 30, err.Error()
		}
		return ms, fmt.Sprintf("ms of all shards are not scheduled up to %s", until)
	})
}

// bound is how many slots may never be sent, which are not lost: nobody was
// there to send them, and coverage says that they are missing.
type bound struct {
	// missed answers how many of a check's slots that were never sent are more
	// than there may be; nil allows none.
	missed func(slots []time.Time) (tooMany int)
	why    string
}

// settle ends the schedule once all that was due is sent, lets the fleet do
// what is left, and accounts for everything. Slots count as due up to the end
// of the bar's faults.
func (r *rig) settle() account {
	r.t.Helper()
	until := time.Now()
	r.scheduled(until)
	r.apply(false)
	r.scheduled(time.Now().Add(takesEffect)) // everyone knows of the end
	eventuallyDown(r.t, func() (left int, what string) {
		for _, q := range []string{jobsQueue, results} {
			n, err := r.wire.Held(q)
			if err != nil {
				n = 1 << 30
			}
			left += n
			what += fmt.Sprintf("%d in %s (%v) ", n, q, err)
		}
		return left, what
	})
	return r.account(until)
}

// account is what became of everything, and of the slots that were never sent.
type account struct {
	chaos.Account
	// TooMany are the slots that were never sent and for which the bar knows no
	// excuse; Silent those about which coverage is wrong.
	TooMany, Silent int
}

func (r *rig) account(until time.Time) (a account) {
	r.t.Helper()
	e := chaos.Ends{}
	slots := map[string]slotOf{}
	for _, c := range r.checks {
		for slot := range schedule.Slots(c.ID, "local", c.Every, r.begun, until) {
			id := jobs.AttemptID(c.ID, "local", slot, 1)
			e.Expected = append(e.Expected, id)
			slots[id] = slotOf{c.ID, slot}
		}
	}
	rows, err := r.conn.Query(r.t.Context(), `SELECT id::text FROM runs`)
	if err != nil {
		r.t.Fatal(err)
	}
	if e.Rows, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		r.t.Fatal(err)
	}
	if e.Counted, err = r.number(`SELECT coalesce(sum(passed + degraded + failed + inconclusive + expired), 0) FROM rollups WHERE grain = 'hour'`); err != nil {
		r.t.Fatal(err)
	}
	for _, q := range []string{jobsQueue, results} {
		dead, err := r.wire.Drain(queue.DeadLetterName(q))
		if err != nil {
			r.t.Fatal(err)
		}
		e.Dead = append(e.Dead, dead...)
	}
	r.dead = e.Dead
	a.Account = r.ledger.Reconcile(e)
	missed := map[string][]time.Time{}
	for _, id := range a.Unsent {
		s := slots[id]
		missed[s.check] = append(missed[s.check], s.at)
	}
	for id, slots := range missed {
		slices.SortFunc(slots, time.Time.Compare)
		tooMany := len(slots)
		if r.bound.missed != nil {
			tooMany = r.bound.missed(slots)
		}
		if a.TooMany += tooMany; tooMany > 0 {
			r.t.Logf("%s in shard %d: %d slots were never sent, between %s and %s", id, schedule.Shard(id), len(slots), slots[0], slots[len(slots)-1])
		}
	}
	stored := map[string]bool{}
	for _, id := range e.Rows {
		stored[id] = true
	}
	a.Silent = r.silent(missed, stored)
	return a
}

type slotOf struct {
	check string
	at    time.Time
}

// silent counts slots of which coverage, as console and status page show it,
// says something else than what is stored: it must count every slot without a
// row as missing, and no other. It is asked where slots were never sent.
func (r *rig) silent(missed map[string][]time.Time, stored map[string]bool) (n int) {
	r.t.Helper()
	if len(missed) == 0 {
		return 0
	}
	for _, m := range r.members {
		if m.name == "scheduler" {
			m.resume()
			m.end() // checks are made active again only to be looked at
		}
	}
	r.apply(true)
	every, timeout := r.checks[0].Every, r.checks[0].Timeout
	var last time.Time
	for _, slots := range missed {
		last = slices.MaxFunc(append(slots, last), time.Time.Compare)
	}
	// A slot is missing once its result is overdue.
	eventually(r.t, every+timeout+stalled, func() error {
		return expectf(last.Before(status.Settled(every, timeout, time.Now())), "the last slot that was never sent is not overdue yet")
	})
	for id := range missed {
		all, err := r.store.Coverage(r.t.Context(), id, r.begun)
		if err != nil || len(all) != 1 {
			r.t.Fatalf("coverage of %s: %v %v", id, all, err)
		}
		without := 0
		for slot := range schedule.Slots(id, "local", every, all[0].From.Add(-1), all[0].To.Add(-1)) {
			if !stored[jobs.AttemptID(id, "local", slot, 1)] {
				without++
			}
		}
		if all[0].Missing() != without || without < len(missed[id]) {
			r.t.Logf("%s: coverage says that %d slots are missing, %d have no row, %d were never sent", id, all[0].Missing(), without, len(missed[id]))
			n += max(1, without-all[0].Missing())
		}
	}
	return n
}

// verdict reports the bar and fails the test where it did not hold.
func (r *rig) verdict(t *testing.T, name string, seed uint64, a account, faults []string, format string, args ...any) {
	t.Helper()
	missed := len(a.Unsent)
	a.Unsent = nil // judged by the bound
	faults = append(a.Violations(), faults...)
	if a.TooMany > 0 {
		faults = append(faults, fmt.Sprintf("%d slots were due and never sent; allowed: %s", a.TooMany, r.boundary()))
	}
	if a.Silent > 0 {
		faults = append(faults, fmt.Sprintf("coverage is wrong about %d slots", a.Silent))
	}
	figure := fmt.Sprintf("lost %d, twice %d, dead %d, %d jobs, %d rows, %d of %d slots missed (allowed: %s); ",
		len(a.Lost), len(a.Twice), a.Dead, a.Accepted, a.Rows, missed, a.Expected, r.boundary()) + fmt.Sprintf(format, args...)
	if len(faults) > 0 {
		figure += fmt.Sprintf("; %q", faults)
		t.Errorf("%s: %q", name, faults)
	}
	report(len(faults) == 0, name, seed, "%s", figure)
}

// boundary says in words which slots may be missed.
func (r *rig) boundary() string {
	if r.bound.missed == nil {
		return "none"
	}
	return r.bound.why
}

// report writes the bar's line.
func report(ok bool, name string, seed uint64, format string, args ...any) {
	chaos.Report(os.Stdout, ok, name, fmt.Sprintf(format, args...), seed)
}
