package status

import (
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// Tally counts the slots of a check at a location over a period: what was due,
// what came of it, and how long it took. Tallies of parts add up to that of the
// whole. It is a function of the stored attempts and of the definitions of the
// check, and of nothing else.
type Tally struct {
	// Expected slots were due. Counts are of those of which something is
	// stored, each once; what was not due any more and came all the same is in
	// Counts only.
	Expected int
	Counts
	// Of these, the ones in maintenance.
	MaintenanceExpected int
	Maintenance         Counts
	// Latency is of the passed and degraded slots, those in maintenance too.
	Latency Histogram
}

// Missing counts slots that were due and of which nothing is stored.
func (t Tally) Missing() int { return max(0, t.Expected-t.all()) }

func (t Tally) all() int { return t.Conclusive() + t.Inconclusive + t.Expired }

// Merge adds o.
func (t *Tally) Merge(o Tally) {
	t.Expected += o.Expected
	t.Counts = t.Counts.Add(o.Counts)
	t.MaintenanceExpected += o.MaintenanceExpected
	t.Maintenance = t.Maintenance.Add(o.Maintenance)
	t.Latency.Merge(o.Latency)
}

// count adds one slot with an outcome.
func (c *Counts) count(o jobs.Outcome) {
	switch o {
	case jobs.Passed:
		c.Passed++
	case jobs.Degraded:
		c.Degraded++
	case jobs.Failed:
		c.Failed++
	case jobs.Inconclusive:
		c.Inconclusive++
	case jobs.Expired:
		c.Expired++
	}
}

// TimedSlot is a slot with the latency of the attempt by which it is known.
type TimedSlot struct {
	Slot
	Latency time.Duration
}

// TallyOf counts the slots of a check from a time on and before another, by
// location. slots are all that is stored of that time, in any order; one that
// is there twice counts twice.
func TallyOf(book Rulebook, from, before time.Time, slots []TimedSlot) map[string]*Tally {
	tallies := map[string]*Tally{}
	at := func(location string) *Tally {
		if tallies[location] == nil {
			tallies[location] = &Tally{}
		}
		return tallies[location]
	}
	for i, r := range book {
		begin, end := from, before
		if i > 0 && r.Since.After(begin) {
			begin = r.Since
		}
		if i+1 < len(book) && book[i+1].Since.Before(end) {
			end = book[i+1].Since
		}
		if i == 0 && r.Since.After(begin) {
			begin = r.Since // before it there was no check
		}
		if !r.Active || !begin.Before(end) {
			continue
		}
		for _, l := range r.Locations {
			t := at(l)
			t.Expected += Expected(r.CheckID, l, r.Every, begin, end)
			if len(r.Windows) == 0 {
				continue
			}
			for slot := range schedule.Slots(r.CheckID, l, r.Every, begin.Add(-1), end.Add(-1)) {
				if _, in := r.Maintenance(slot); in {
					t.MaintenanceExpected++
				}
			}
		}
	}
	for _, s := range slots {
		t := at(s.Location)
		o := s.By.Outcome
		t.count(o)
		if _, in := book.At(s.At).Maintenance(s.At); in {
			t.Maintenance.count(o)
		}
		if o == jobs.Passed || o == jobs.Degraded {
			t.Latency.Add(s.Latency, 1)
		}
	}
	return tallies
}
