package status

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// arrival is an attempt on its way to the store.
type arrival struct {
	location string
	at       time.Time
	attempt  Attempt
}

// shuffles is how often results are shuffled. 10,000 take two minutes.
var shuffles = flag.Int("shuffles", 1000, "how often the results of checks are shuffled, to tell the same history")

// slotName names a slot.
type slotName struct {
	location string
	at       time.Time
}

// keeper does with memory what the store does with tables: it has what was
// stored, tells the history anew from a mark, and keeps the difference.
type keeper struct {
	book  Rulebook
	seen  map[slotName][]Attempt
	slots map[slotName]Slot
	marks []Mark // the last is the head
	told  []Told
	ids   int
	// fast counts batches that needed no look.
	fast, slow int
}

func newKeeper(book Rulebook) *keeper {
	return &keeper{book: book, seen: map[slotName][]Attempt{}, slots: map[slotName]Slot{}}
}

func (k *keeper) take(t *testing.T, batch []arrival) {
	t.Helper()
	var oldest time.Time
	clean := true
	for _, a := range batch {
		key := slotName{a.location, a.at}
		if slices.ContainsFunc(k.seen[key], func(b Attempt) bool { return b.Number == a.attempt.Number }) {
			continue // a duplicate
		}
		k.seen[key] = append(k.seen[key], a.attempt)
		k.slots[key] = SlotOf(a.location, a.at, k.seen[key])
		if oldest.IsZero() || a.at.Before(oldest) {
			oldest = a.at
		}
		clean = clean && a.attempt.Outcome == jobs.Passed
	}
	if oldest.IsZero() {
		return
	}
	n := len(k.marks)
	if clean && (n == 0 || k.marks[n-1].Quiet && !oldest.Before(k.marks[n-1].At)) {
		k.fast++
		return
	}
	k.slow++
	var before, after *Mark
	keep := 0
	for i := range k.marks {
		if !k.marks[i].At.After(oldest) {
			before, keep = &k.marks[i], i+1
		} else if after == nil {
			after = &k.marks[i]
		}
	}
	from, since := k.book.Start(oldest, before, after)
	var slots []Slot
	for _, s := range k.slots {
		if !s.At.Before(since) {
			slots = append(slots, s)
		}
	}
	h := Replay(k.book, from, slots)
	if before != nil && !before.Quiet {
		keep-- // its place is taken by what follows, unless it is on the hour
		if before.At.Equal(before.At.Truncate(markGrain)) {
			keep++
		}
	}
	k.marks = append(slices.Clip(k.marks[:keep]), h.Marks...)
	first := slices.IndexFunc(k.told, func(i Told) bool { return i.Open() || !i.Closed.Before(h.From) })
	if first < 0 {
		first = len(k.told)
	}
	k.apply(t, first, Reconcile(k.told[first:], h.Incidents))
}

func (k *keeper) apply(t *testing.T, first int, changes []Change) {
	t.Helper()
	for _, c := range changes {
		at := slices.IndexFunc(k.told, func(i Told) bool { return i.ID == c.ID })
		switch {
		case c.Kind == Opened:
			k.ids++
			k.told = append(k.told, Told{fmt.Sprint(k.ids), c.Incident})
		case at < first:
			t.Fatalf("%s of %q, which is not among those told", c.Kind, c.ID)
		case c.Kind == Retracted:
			k.told = slices.Delete(k.told, at, at+1)
		default:
			k.told[at].Incident = c.Incident
		}
	}
	slices.SortFunc(k.told, func(a, b Told) int { return a.Opened.Compare(b.Opened) })
}

func (k *keeper) incidents() []Incident {
	var is []Incident
	for _, i := range k.told {
		is = append(is, i.Incident)
	}
	return is
}

// story makes up the attempts of a check over some hours: outages of all
// locations and of one, flapping, degraded times, missing, inconclusive and
// retried slots, and slots whose retry is waited for while nothing else comes
// from their locations and other locations go on.
func story(r *rand.Rand, book Rulebook, from time.Time, length time.Duration) []arrival {
	var all []arrival
	mood, began, until := 0, from, from
	rules := book.At(from)
	for at := from; at.Before(from.Add(length)); at = at.Add(rules.Every) {
		if !at.Before(until) {
			mood = []int{0, 0, 0, 1, 2, 3, 4, 5, 6}[r.IntN(9)]
			began, until = at, at.Add(time.Duration(1+r.IntN(90))*time.Minute)
			if mood == 6 {
				until = at.Add(time.Duration(4+r.IntN(6)) * rules.Every)
			}
		}
		for i, l := range []string{"a", "b", "c"} {
			slot := at.Add(time.Duration(i) * 7 * time.Second)
			o := jobs.Passed
			switch {
			case mood == 1 || mood == 2 && l == "a" || mood == 3 && r.IntN(2) == 0:
				o = jobs.Failed
			case mood == 4 && r.IntN(3) == 0:
				o = jobs.Degraded
			case mood == 5 && r.IntN(3) > 0:
				o = []jobs.Outcome{jobs.Inconclusive, jobs.Expired, ""}[r.IntN(3)]
			}
			switch r.IntN(40) {
			case 0:
				o = jobs.Failed
			case 1:
				o = ""
			}
			hanging := mood == 6 && l != "c"
			switch {
			case hanging && at.Equal(began):
				o = jobs.Failed
			case hanging:
				o = ""
			}
			if o == "" {
				continue // it is missing
			}
			a := Attempt{ID: fmt.Sprint(l, slot.Unix(), "/1"), Number: 1, Outcome: o, Message: fmt.Sprint(o, slot)}
			if o != jobs.Passed && (hanging || r.IntN(4) == 0) {
				a.Pending = true
				if hanging == (r.IntN(5) == 0) { // else it never comes
					o = []jobs.Outcome{jobs.Passed, jobs.Failed, jobs.Expired}[r.IntN(3)]
					all = append(all, arrival{l, slot, Attempt{ID: fmt.Sprint(l, slot.Unix(), "/2"), Number: 2, Outcome: o}})
				}
			}
			all = append(all, arrival{l, slot, a})
		}
	}
	return all
}

// inTurn is a delay of nothing: then no late result has the history told anew
// from before what a mark has forgotten.
const inTurn = -1

// shuffled is all with some of it twice: in any order, in the order of the slots
// with some delay of each, or in turn.
func shuffled(r *rand.Rand, all []arrival, delay time.Duration) []arrival {
	out := slices.Clone(all)
	for range len(all) / 5 {
		out = append(out, all[r.IntN(len(all))])
	}
	if delay == inTurn {
		slices.SortStableFunc(out, func(a, b arrival) int { return a.at.Compare(b.at) })
		return out
	}
	if delay == 0 {
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	when := make([]time.Time, len(out))
	order := make([]int, len(out))
	for i, a := range out {
		order[i] = i
		when[i] = a.at.Add(time.Duration(r.Int64N(int64(delay))))
		if r.IntN(30) == 0 {
			when[i] = when[i].Add(time.Duration(r.Int64N(int64(3 * time.Hour))))
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return when[i].Compare(when[j]) })
	sorted := make([]arrival, len(out))
	for i, o := range order {
		sorted[i] = out[o]
	}
	return sorted
}

func books() []Rulebook {
	begin := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	plain := check.Check{ID: "shop", Every: 2 * time.Minute, Timeout: 10 * time.Second, Active: true, Locations: []string{"a", "b", "c"}}
	patient, share, changed := plain, plain, plain
	patient.Alert = check.Alert{Runs: 2, For: 3 * time.Minute, Locations: 2}
	share.Alert = check.Alert{Runs: 3, Share: 100}
	share.Maintenance = []check.Maintenance{{Cron: "30 2 * * *", Zone: "Europe/Berlin", For: time.Hour}}
	changed.Locations = []string{"a", "b"}
	changed.Every = 4 * time.Minute
	return []Rulebook{
		{NewRules(plain, begin)},
		{NewRules(patient, begin)},
		{NewRules(share, begin)},
		{NewRules(plain, begin), NewRules(changed, begin.Add(time.Hour)), NewRules(patient, begin.Add(2*time.Hour))},
	}
}

// However results come, how often, and in which parts: the history is the one
// that all of them tell at once.
func TestAnyOrderTellsTheSameHistory(t *testing.T) {
	shuffles := *shuffles
	begin := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	var opened, fast, slow, retracted int
	var want []Incident
	var all []arrival
	var book Rulebook
	for n := range shuffles {
		r := rand.New(rand.NewPCG(uint64(n), 6))
		if n%20 == 0 { // another story
			book = books()[n/20%len(books())]
			all = story(r, book, begin, time.Duration(2+r.IntN(4))*time.Hour)
			k := newKeeper(book)
			k.take(t, all)
			want = k.incidents()
			opened += len(want)
		}
		delay := []time.Duration{0, time.Second, 3 * time.Minute, 10 * time.Minute, inTurn}[r.IntN(5)]
		rest := shuffled(r, all, delay)
		k := newKeeper(book)
		most := []int{40, 100, 400}[r.IntN(3)]
		if n%50 == 0 || delay == inTurn && n%4 == 0 {
			most = 5
		}
		for len(rest) > 0 {
			m := min(len(rest), 1+r.IntN(most))
			k.take(t, rest[:m])
			rest = rest[m:]
		}
		if got := k.incidents(); !slices.EqualFunc(want, got, Incident.Equal) {
			t.Fatalf("shuffle %d (-all at once +in parts):\n%s", n, cmp.Diff(want, got))
		}
		fast, slow, retracted = fast+k.fast, slow+k.slow, retracted+k.ids-len(want)
	}
	t.Logf("%d shuffles of %d stories with %d incidents; %d batches needed no look, %d did; %d incidents were told too early",
		shuffles, shuffles/20, opened, fast, slow, retracted)
	if opened < shuffles/40 || fast == 0 || retracted == 0 {
		t.Error("the stories do not try what they should")
	}
}
