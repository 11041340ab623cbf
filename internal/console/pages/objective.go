package pages

import (
	"fmt"
	"math"
	"time"

	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// promiseView is how the objective of a check is kept.
type promiseView struct {
	Promised string // the sentence
	Left     string // of the budget, in words
	Missed   bool
	Covered  string
	Burning  string // what burns too fast, "" where nothing does
	Rules    []burnRow
}

type burnRow struct {
	Long, Short, Rate   string
	LongRate, ShortRate string
	Met                 bool
}

func newPromiseView(p kept.Promise) *promiseView {
	b := p.Budget(p.Account)
	v := &promiseView{
		Promised: fmt.Sprintf("%v %% of what is measured over %d days is up, counted by %s.",
			math.Round(p.Target*1e6)/1e4, p.Window/(24*time.Hour), p.Policy),
		Left:    fmt.Sprintf("%.1f %% of the error budget left", 100*b.Left),
		Missed:  b.Left < 0,
		Covered: "Nothing was measured yet.",
	}
	if v.Missed {
		v.Left = fmt.Sprintf("Missed: %.1f times the error budget is used", b.Used/b.Allowed)
	}
	if up, measured := p.Account.Uptime(); measured {
		v.Covered = fmt.Sprintf("%.3f %% of %d measured slots were up; %.1f %% of what was due was measured, the rest neither burns nor saves.",
			math.Floor(1e5*up)/1e3, p.Account.Up+p.Account.Down, 100*p.Account.Coverage())
	}
	if rule, met, _ := status.Burning(p.Rules); met {
		v.Burning = fmt.Sprintf("The budget burns %.1f times as fast as allowed.", rule.LongRate)
	}
	for _, r := range p.Rules {
		row := burnRow{Long: spanWords(r.Long), Short: spanWords(r.Short), Rate: fmt.Sprintf("%g", r.Rate), LongRate: "not measured", ShortRate: "not measured", Met: r.Met}
		if r.LongKnown {
			row.LongRate = fmt.Sprintf("%.1f", r.LongRate)
		}
		if r.ShortKnown {
			row.ShortRate = fmt.Sprintf("%.1f", r.ShortRate)
		}
		v.Rules = append(v.Rules, row)
	}
	return v
}

func spanWords(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}
