package status

import (
	"sort"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// ObjectiveOf is what is promised of a check; false where nothing is.
func ObjectiveOf(c check.Check) (Objective, bool) {
	o := c.Objective
	return Objective{Target: o.Share(), Window: o.Window, Policy: Policy(o.Policy)}, !o.IsZero()
}

// burnStep is how often [BurnsOver] looks, as recorders do.
const burnStep = time.Minute

// BurnsOver counts how often people would have been told that the budget of an
// objective burns, had the slots of a check come as they did: begins of times in
// which some rule is met, seen each minute from a time on and before another.
// Times before `from` are not known, and count neither way.
func (o Objective) BurnsOver(rules Rules, from, to time.Time, slots []Slot) int {
	type moment struct {
		at       time.Time
		up, down int64 // so far
	}
	kept := make([]moment, 0, len(slots)+1)
	sorted := inOrder(slots)
	m := moment{}
	for _, s := range sorted {
		if _, maintained := rules.Maintenance(s.At); !s.By.Outcome.Conclusive() || maintained && o.Policy != StrictV1 {
			continue
		}
		var one Tally
		one.count(s.By.Outcome)
		a, err := o.Policy.Count(s.At, s.At, []Tally{one})
		if err != nil {
			return 0 // its slots are not counted
		}
		m = moment{s.At, m.up + a.Up, m.down + a.Down}
		kept = append(kept, m)
	}
	before := func(t time.Time) moment { // what came before t
		i := sort.Search(len(kept), func(i int) bool { return !kept[i].at.Before(t) })
		if i == 0 {
			return moment{}
		}
		return kept[i-1]
	}
	told, burning := 0, false
	for now := from; now.Before(to); now = now.Add(burnStep) {
		end := before(now)
		_, met, known := Burning(o.Judge(func(length time.Duration) Account {
			begin := before(now.Add(-length))
			return Account{Up: end.up - begin.up, Down: end.down - begin.down}
		}))
		switch {
		case met && !burning:
			told, burning = told+1, true
		case !met && known:
			burning = false
		}
	}
	return told
}
