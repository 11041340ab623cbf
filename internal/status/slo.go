package status

import (
	"fmt"
	"time"
)

// Objective is a promise: Target of what is measured over a Window is up.
type Objective struct {
	Target float64 // more than 0, less than 1
	Window time.Duration
	Policy Policy
}

// Fault says what is wrong with the objective, "" where nothing is.
func (o Objective) Fault() string {
	switch {
	case !(o.Target > 0 && o.Target < 1):
		return fmt.Sprintf("the target %v is no share between 0 and 1; write 0.999 for 99.9 %%", o.Target)
	case o.Window < time.Hour || o.Window > 366*24*time.Hour:
		return fmt.Sprintf("the window %s is out of range; use 1h to 366 days", o.Window)
	}
	return ""
}

// Budget is what an objective leaves for failing, in the units of its account.
type Budget struct {
	// Allowed is the share of what was measured that may be down, Used what was.
	Allowed, Used float64
	// Left is the part of the budget that is left: 1 where nothing was down,
	// below 0 where the objective is missed.
	Left float64
}

// Budget compares an account over the objective's window with its target. A
// window in which nothing was measured has all of its budget.
func (o Objective) Budget(a Account) Budget {
	b := Budget{Allowed: float64(a.Up+a.Down) * (1 - o.Target), Used: float64(a.Down), Left: 1}
	if b.Allowed > 0 {
		b.Left = 1 - b.Used/b.Allowed
	}
	return b
}

// BurnRate is how many times as fast as the objective allows the budget is used
// up in an account: 1 uses up exactly all of it within the window. It is false
// where nothing was measured.
func (o Objective) BurnRate(a Account) (float64, bool) {
	up, measured := a.Uptime()
	if !measured {
		return 0, false
	}
	return (1 - up) / (1 - o.Target), true
}

// Burn is a rule of alerts: the budget burns at Rate times the allowed pace
// both over Long, which says that it matters, and over Short, which says that
// it goes on.
type Burn struct {
	Name        string
	Long, Short time.Duration
	Rate        float64
}

// Burns are the rules of every objective, the fastest first. Over thirty days
// the first takes two per cent of the budget, the second five, the others ten
// each; see chapter 5 of The Site Reliability Workbook.
var Burns = []Burn{
	{"fast", time.Hour, 5 * time.Minute, 14.4},
	{"medium", 6 * time.Hour, 30 * time.Minute, 6},
	{"slow", 24 * time.Hour, 2 * time.Hour, 3},
	{"creeping", 72 * time.Hour, 6 * time.Hour, 1},
}

// Burned is what a rule looked at.
type Burned struct {
	Burn
	// Rates are how many times as fast as allowed the budget burnt, and Covered
	// the parts of what was due that were measured.
	LongRate, ShortRate       float64
	LongCovered, ShortCovered float64
	// LongKnown and ShortKnown are whether anything was measured in each, Known
	// whether in both, Met whether both rates are reached. What is not known is
	// neither burnt nor saved.
	LongKnown, ShortKnown, Known, Met bool
}

// Judge looks at every rule, given the account of each time that ends now.
func (o Objective) Judge(account func(length time.Duration) Account) []Burned {
	list := make([]Burned, len(Burns))
	for i, b := range Burns {
		long, short := account(b.Long), account(b.Short)
		j := Burned{Burn: b, LongCovered: long.Coverage(), ShortCovered: short.Coverage()}
		j.LongRate, j.LongKnown = o.BurnRate(long)
		j.ShortRate, j.ShortKnown = o.BurnRate(short)
		j.Known = j.LongKnown && j.ShortKnown
		j.Met = j.Known && reached(j.LongRate, b.Rate) && reached(j.ShortRate, b.Rate)
		list[i] = j
	}
	return list
}

// reached compares rates beyond what shares of counts are exact to.
func reached(rate, limit float64) bool { return rate >= limit*(1-1e-9) }

// Burning is the fastest rule that is met; ok is false where none is. known is
// false where none is and some rule could not be judged: nobody can say that it
// is over.
func Burning(rules []Burned) (met Burned, ok, known bool) {
	known = true
	for _, r := range rules {
		if r.Met {
			return r, true, true
		}
		known = known && r.Known
	}
	return Burned{}, false, known
}
