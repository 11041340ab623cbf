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

// Burns are the rules for an objective over thirty days, and in proportion over
// others: two per cent of the budget within an hour, five within six hours, ten
// within three days; see chapter 5 of The Site Reliability Workbook.
func (o Objective) Burns() []Burn {
	scale := float64(o.Window) / float64(30*24*time.Hour)
	burn := func(name string, long time.Duration, budget float64) Burn {
		l := time.Duration(float64(long) * scale)
		return Burn{Name: name, Long: l, Short: l / 12, Rate: budget * float64(o.Window) / float64(l)}
	}
	return []Burn{burn("fast", time.Hour, .02), burn("medium", 6*time.Hour, .05), burn("slow", 72*time.Hour, .10)}
}

// Burning lists the rules that are met, given the account of each time that
// ends now.
func (o Objective) Burning(account func(length time.Duration) Account) []Burn {
	var met []Burn
	for _, b := range o.Burns() {
		long, known := o.BurnRate(account(b.Long))
		if !known || long < b.Rate {
			continue
		}
		if short, known := o.BurnRate(account(b.Short)); known && short >= b.Rate {
			met = append(met, b)
		}
	}
	return met
}
