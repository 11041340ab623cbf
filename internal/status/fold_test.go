package status

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// minute is the n-th minute of a fold test's day, a Monday.
func minute(n int) time.Time { return time.Date(2026, 3, 16, 12, n, 0, 0, time.UTC) }

// drawn reads one line a location, one letter a minute: P passed, D degraded,
// F failed, I inconclusive, X expired, "." missing.
func drawn(lines ...string) []Slot {
	outcomes := map[rune]jobs.Outcome{'P': jobs.Passed, 'D': jobs.Degraded, 'F': jobs.Failed, 'I': jobs.Inconclusive, 'X': jobs.Expired}
	var slots []Slot
	for _, line := range lines {
		location, row, _ := strings.Cut(line, " ")
		for n, letter := range strings.TrimSpace(row) {
			if letter == '.' {
				continue
			}
			slots = append(slots, Slot{Location: location, At: minute(n), By: Attempt{
				ID: fmt.Sprint(location, n), Number: 1, Outcome: outcomes[letter], Message: fmt.Sprint(letter, n),
			}})
		}
	}
	return slots
}

// told are the outages of a history as "opened-closed", in minutes.
func told(is []Incident) string {
	var words []string
	for _, i := range is {
		word := fmt.Sprintf("%d-", int(i.Opened.Sub(minute(0)).Minutes()))
		if !i.Open() {
			word += fmt.Sprint(int(i.Closed.Sub(minute(0)).Minutes()))
		}
		words = append(words, word+" "+strings.Join(i.Locations, ""))
	}
	return strings.Join(words, ", ")
}

func TestWhenAnOutageOpensAndCloses(t *testing.T) {
	two := check.Alert{Runs: 2}
	long := check.Alert{For: 3 * time.Minute}
	both := check.Alert{Locations: 2}
	for _, c := range []struct {
		name  string
		alert check.Alert
		slots []string
		want  string
		level State
	}{
		{"nothing", check.Alert{}, []string{"a ...."}, "", ""},
		{"passes", check.Alert{}, []string{"a PPPP"}, "", Operational},
		{"one failure is enough unless more is asked", check.Alert{}, []string{"a PPFPP"}, "2-3 a", Operational},
		{"it lasts", check.Alert{}, []string{"a PPFFF"}, "2- a", Outage},
		{"two in a row", two, []string{"a PFPFFP"}, "4-5 a", Operational},
		{"two in a row with an inconclusive slot between", two, []string{"a PFIFP"}, "3-4 a", Operational},
		{"two in a row with missing and expired slots between", two, []string{"a PFX.FP"}, "4-5 a", Operational},
		{"silence of more than three intervals ends a row", two, []string{"a PF....FP"}, "", Operational},
		{"degraded ends a row", two, []string{"a PFDFP"}, "", Operational},
		{"neither silence nor what says nothing closes", check.Alert{}, []string{"a PF..IIXX........"}, "1- a", Outage},
		{"inconclusive and expired alone", check.Alert{}, []string{"a IXIXIX"}, "", ""},
		{"minutes", long, []string{"a PFFPFFFFFP"}, "7-9 a", Operational},
		{"minutes are those between slots", long, []string{"a PFIIFP"}, "4-5 a", Operational},

		{"one of two is half", check.Alert{}, []string{"a PPFPP", "b PPPPP"}, "2-3 a", Operational},
		{"one of three is not", check.Alert{}, []string{"a PPFFF", "b PPPPP", "c PPPPP"}, "", DegradedState},
		{"two of three", check.Alert{}, []string{"a PFFFP", "b PPFFF", "c PPPPP"}, "2-4 ab", DegradedState},
		{"two, asked for by number", both, []string{"a PFFFP", "b PPPFP", "c PPPPP", "d PPPPP", "e PPPPP"}, "3-4 ab", Operational},
		{"a number is never met by fewer", both, []string{"a FFFF", "b ...."}, "", DegradedState},
		{"all", check.Alert{Share: 100}, []string{"a PFFFF", "b PPPFP"}, "3-4 ab", DegradedState},
		{"who is silent is not measured", check.Alert{}, []string{"a PFFFFFFF", "b PPPPPPPP", "c P......."}, "4- a", Outage},
		{"each location has its own row", two, []string{"a PFPFP", "b PPFPF"}, "", Operational},
		{"to close, fewer must fail, however short", two, []string{"a PFFPFPF", "b PFFFPFP"}, "2-5 ab", Operational},

		{"degraded", check.Alert{}, []string{"a PDD"}, "", DegradedState},
		{"degraded needs its row too", two, []string{"a PPD"}, "", Operational},
		{"degraded after two", two, []string{"a PDD"}, "", DegradedState},
	} {
		t.Run(c.name, func(t *testing.T) {
			def := check.Check{ID: "shop", Every: time.Minute, Timeout: 5 * time.Second, Alert: c.alert, Active: true, Locations: []string{"a", "b", "c", "d", "e"}}
			book := Rulebook{NewRules(def, minute(0))}
			h := Replay(book, Mark{At: minute(0), Quiet: true, Fold: &Fold{}}, drawn(c.slots...))
			if got := told(h.Incidents); got != c.want || h.Now.Level != c.level {
				t.Errorf("%q: got %q, %s; want %q, %s", c.slots, got, h.Now.Level, c.want, c.level)
			}
		})
	}
}

// What says nothing about the target is as if it were not there.
func TestWhatSaysNothingChangesNothing(t *testing.T) {
	for _, book := range books() {
		begin := book[0].Since
		for seed := range uint64(50) {
			all := story(rand.New(rand.NewPCG(seed, 0)), book, begin, 5*time.Hour)
			k, without := newKeeper(book), newKeeper(book)
			k.take(t, all)
			var some []arrival
			for _, a := range all {
				if a.attempt.Outcome.Conclusive() || a.attempt.Pending || a.attempt.Number > 1 {
					some = append(some, a)
				}
			}
			without.take(t, some)
			if d := cmp.Diff(without.incidents(), k.incidents()); d != "" {
				t.Fatalf("seed %d (-without +with):\n%s", seed, d)
			}
		}
	}
}

func TestAnIncidentHoldsItsEvidence(t *testing.T) {
	def := check.Check{ID: "shop", Every: time.Minute, Timeout: 5 * time.Second, Alert: check.Alert{Runs: 2}, Active: true, Locations: []string{"a", "b", "c"}}
	book := Rulebook{NewRules(def, minute(0))}
	slots := drawn("a PPFFFFP", "b PPPFFFP", "c PPPPFFP")
	h := Replay(book, Mark{At: minute(0), Quiet: true, Fold: &Fold{}}, slots)
	want := []Incident{{
		Opened: minute(4), Closed: minute(6), First: minute(2), Last: minute(5), Failed: 9, Locations: []string{"a", "b", "c"},
		Message: fmt.Sprint('F', 2), FirstFail: RunRef{"a2", "a", minute(2)}, LastPass: RunRef{"a1", "a", minute(1)}, Flaps: 1,
	}}
	if d := cmp.Diff(want, h.Incidents); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The first outage is told by itself, the second and what follows are one, which
// ends when nothing has changed for a quarter of an hour.
func TestFlapping(t *testing.T) {
	def := check.Check{ID: "shop", Every: time.Minute, Timeout: 5 * time.Second, Active: true, Locations: []string{"a"}}
	book := Rulebook{NewRules(def, minute(0))}
	h := Replay(book, Mark{At: minute(0), Quiet: true, Fold: &Fold{}}, drawn("a "+strings.Repeat("PF", 15)+strings.Repeat("P", 25)))
	if got := told(h.Incidents); got != "1-2 a, 3-46 a" {
		t.Errorf("got %s", got)
	}
	if n := h.Incidents[1].Flaps; n != 14 {
		t.Errorf("it failed %d times", n)
	}
	// Seldom enough is no flapping.
	h = Replay(book, Mark{At: minute(0), Quiet: true, Fold: &Fold{}}, drawn("a "+strings.Repeat("PFPPPPPPPPPPPPPP", 6)))
	if len(h.Incidents) != 6 {
		t.Errorf("got %s", told(h.Incidents))
	}
}

// What fails in maintenance does not count, what passes does.
func TestMaintenanceAndOutages(t *testing.T) {
	def := check.Check{ID: "shop", Every: time.Minute, Timeout: 5 * time.Second, Active: true, Locations: []string{"a"}}
	def.Maintenance = []check.Maintenance{{From: minute(3), To: minute(8)}}
	book := Rulebook{NewRules(def, minute(0))}
	for line, want := range map[string]string{
		"a PPPFFFFFPP": "",      // all of it within
		"a PPPFFFFFFP": "8-9 a", // it goes on after
		"a PPFFFFFFFF": "2- a",  // it was there before
		"a PPFPPFFFPP": "2-3 a", // it passes within
		"a PPFFFFFFPP": "2-8 a", // it passes after
		"a PPPDDDDDPF": "9- a",  // nothing of it stays
		"a PFPFFFFFPP": "1-2 a",
	} {
		h := Replay(book, Mark{At: minute(0), Quiet: true, Fold: &Fold{}}, drawn(line))
		if got := told(h.Incidents); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// A slot whose next attempt is to come says nothing yet; once a later slot has
// ended nobody waits for it any more.
func TestPendingSlots(t *testing.T) {
	def := check.Check{ID: "shop", Every: time.Minute, Timeout: 5 * time.Second, Active: true, Locations: []string{"a"}}
	book := Rulebook{NewRules(def, minute(0))}
	slots := drawn("a PF")
	slots[1].Pending = true
	replay := func(slots []Slot) string {
		return told(Replay(book, Mark{At: minute(0), Quiet: true, Fold: &Fold{}}, slots).Incidents)
	}
	if got := replay(slots); got != "" {
		t.Errorf("while it is pending: %s", got)
	}
	later := append(drawn("a PFP")[2:], slots...)
	if got := replay(later); got != "1-2 a" {
		t.Errorf("with a later slot: %s", got)
	}
}

func TestSlotOf(t *testing.T) {
	at := func(n int, o jobs.Outcome, pending bool) Attempt {
		return Attempt{ID: fmt.Sprint(n), Number: n, Outcome: o, Pending: pending}
	}
	for _, c := range []struct {
		attempts []Attempt
		by       string
		pending  bool
	}{
		{[]Attempt{at(1, jobs.Passed, false)}, "1", false},
		{[]Attempt{at(1, jobs.Failed, true)}, "1", true},
		{[]Attempt{at(1, jobs.Failed, true), at(2, jobs.Passed, false)}, "2", false},
		{[]Attempt{at(1, jobs.Failed, true), at(2, jobs.Inconclusive, true)}, "1", true},
		{[]Attempt{at(1, jobs.Failed, true), at(2, jobs.Expired, false)}, "1", false},
		{[]Attempt{at(1, jobs.Inconclusive, true), at(2, jobs.Expired, false)}, "2", false},
		{[]Attempt{at(1, jobs.Inconclusive, true), at(2, jobs.Failed, true), at(3, jobs.Failed, false)}, "3", false},
	} {
		permutations(c.attempts, func(as []Attempt) {
			s := SlotOf("a", minute(0), append(as, as...))
			if s.By.ID != c.by || s.Pending != c.pending {
				t.Errorf("%+v: got %+v", as, s)
			}
		})
	}
}
