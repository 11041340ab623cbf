package status

import (
	"fmt"
	"slices"
	"time"
)

// Policy names a way of counting uptime. A policy never changes; another way
// gets another name.
type Policy string

// The policies.
const (
	// SlotsV1: each slot at each location counts once, by its newest conclusive
	// attempt. Passed and degraded are up, failed is down; inconclusive, expired
	// and missing slots are not measured, slots in maintenance do not count.
	SlotsV1 Policy = "slots-v1"
	// StrictV1 is SlotsV1 with degraded slots down, and with maintenance.
	StrictV1 Policy = "strict-v1"
	// QuorumV1 counts time rather than slots: down while the check had an
	// outage by its own rules (quorum, runs, minutes, flapping). The time after
	// a conclusive slot counts until the next one, at most for as long as it
	// speaks for its location; the rest is not measured. Maintenance does not
	// count.
	QuorumV1 Policy = "quorum-v1"
)

// Policies lists every policy; the first is the default.
var Policies = []Policy{SlotsV1, StrictV1, QuorumV1}

// Account is uptime over a period, with what it was counted from. Units are
// slots, or for [QuorumV1] seconds.
type Account struct {
	Policy   Policy    `json:"policy"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Unit     string    `json:"unit"`
	Expected int64     `json:"expected"` // without maintenance, where that does not count
	Up       int64     `json:"up"`
	Down     int64     `json:"down"`
	Excluded int64     `json:"excluded"` // by maintenance
}

// Uptime is the share of what was measured that was up, 0 to 1, and false where
// nothing was.
func (a Account) Uptime() (float64, bool) {
	if a.Up+a.Down == 0 {
		return 0, false
	}
	return float64(a.Up) / float64(a.Up+a.Down), true
}

// Coverage is the share of what was expected that was measured, 0 to 1; 1 where
// nothing was expected.
func (a Account) Coverage() float64 {
	if a.Expected <= 0 {
		return 1
	}
	return min(1, float64(a.Up+a.Down)/float64(a.Expected))
}

// Count counts uptime from tallies, by [SlotsV1] or [StrictV1].
func (p Policy) Count(from, to time.Time, tallies []Tally) (Account, error) {
	a := Account{Policy: p, From: from, To: to, Unit: "slots"}
	var sum Tally
	for _, t := range tallies {
		sum.Merge(t)
	}
	switch p {
	case SlotsV1:
		a.Expected = int64(sum.Expected - sum.MaintenanceExpected)
		a.Down = int64(sum.Failed - sum.Maintenance.Failed)
		a.Up = int64(sum.Conclusive()-sum.Maintenance.Conclusive()) - a.Down
		a.Excluded = int64(sum.MaintenanceExpected)
	case StrictV1:
		a.Expected = int64(sum.Expected)
		a.Up = int64(sum.Passed)
		a.Down = int64(sum.Failed + sum.Degraded)
	default:
		return a, fmt.Errorf("policy %q does not count slots; use %q or %q, or for %q the slots themselves", p, SlotsV1, StrictV1, QuorumV1)
	}
	return a, nil
}

// CountQuorum counts uptime by [QuorumV1] over the slots of a check. slots are
// all that is stored from the [Rulebook.Memory] before from on and before to,
// in any order; what came before is not known, so that an outage that was there
// at first is noticed with the first slots.
func CountQuorum(book Rulebook, from, to time.Time, slots []Slot) Account {
	a := Account{Policy: QuorumV1, From: from, To: to, Unit: "seconds"}
	slots = decided(inOrder(slots))
	slots = slices.DeleteFunc(slots, func(s Slot) bool { return s.Pending || !s.By.Outcome.Conclusive() })
	f := &Fold{}
	var up, down, excluded time.Duration
	for i, s := range slots {
		by := book.At(s.At)
		f.Add(by, s)
		end := s.At.Add(by.Fresh())
		if i+1 < len(slots) && slots[i+1].At.Before(end) {
			end = slots[i+1].At
		}
		begin := s.At
		if begin.Before(from) {
			begin = from
		}
		if to.Before(end) {
			end = to
		}
		if !begin.Before(end) {
			continue
		}
		_, maintained := by.Maintenance(s.At)
		switch span := end.Sub(begin); {
		case maintained:
			excluded += span
		case f.Level == Outage:
			down += span
		default:
			up += span
		}
	}
	a.Up, a.Down, a.Excluded = seconds(up), seconds(down), seconds(excluded)
	a.Expected = seconds(to.Sub(from)) - a.Excluded
	return a
}

func seconds(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }
