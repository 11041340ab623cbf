package simulate

import (
	"context"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Row sums up the runs of one policy, one a seed.
type Row struct {
	Policy string `json:"policy"`
	// Late is the share of what arrived that was late, expired or overdue.
	Late      Spread `json:"late"`
	P99       Spread `json:"p99_seconds"`
	TaskHours Spread `json:"task_hours"`
	Cost      Spread `json:"cost"`
	Actions   Spread `json:"actions"`
	Busy      Spread `json:"busy"`
	// Jobs, Dead and Redelivered are sums over all runs.
	Jobs        int      `json:"jobs"`
	Dead        int      `json:"dead"`
	Redelivered int      `json:"redelivered"`
	Runs        []Result `json:"runs"`
}

// Spread is a value over several runs.
type Spread struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

func spread(runs []Result, of func(Result) float64) Spread {
	s := Spread{Min: math.Inf(1), Max: math.Inf(-1)}
	for _, r := range runs {
		v := of(r)
		s.Mean += v / float64(len(runs))
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	return s
}

// Compare plays the scenario once for each policy and seed, on all processors,
// and sums up by policy, in the order of makers. The runs of a row are in the
// order of seeds.
func Compare(ctx context.Context, s Scenario, p Promise, makers []Maker, seeds []uint64) ([]Row, error) {
	rows := make([]Row, len(makers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range makers {
		rows[i] = Row{Policy: m.Name, Runs: make([]Result, len(seeds))}
		for j, seed := range seeds {
			g.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				r, err := Run(ctx, s, m.Make(p), seed)
				rows[i].Runs[j] = r
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].sum()
	}
	return rows, nil
}

func (r *Row) sum() {
	r.Late = spread(r.Runs, Result.LateShare)
	r.P99 = spread(r.Runs, func(r Result) float64 { return r.P99.Seconds() })
	r.TaskHours = spread(r.Runs, func(r Result) float64 { return r.TaskHours })
	r.Cost = spread(r.Runs, func(r Result) float64 { return r.Cost })
	r.Actions = spread(r.Runs, func(r Result) float64 { return float64(r.Actions()) })
	r.Busy = spread(r.Runs, func(r Result) float64 { return r.Busy })
	for _, run := range r.Runs {
		r.Jobs, r.Dead, r.Redelivered = r.Jobs+run.Arrived, r.Dead+run.Dead, r.Redelivered+run.Redelivered
	}
}

// Seeds are n seeds from the first on.
func Seeds(first uint64, n int) []uint64 {
	list := make([]uint64, n)
	for i := range list {
		list[i] = first + uint64(i)
	}
	return list
}

// OthersBusy is the share of busy slots that policies aim at which have none of
// their own: the usual target of a fleet that scales by a metric.
const OthersBusy = 0.75

// Reference is the scenario of docs/scaling-simulation.md: four hours of
// browser checks, thirty minutes of which a fifth of the attempts run into
// their timeout of 30 s; metrics come every minute and a minute late.
func Reference() (Scenario, Promise) {
	s := Scenario{
		Length: 4 * time.Hour, Allowed: 30 * time.Second,
		Checks:  []Group{Checks(5000, 5*time.Minute, "local", false)},
		Service: BrowserTimes(),
		Fleet: Fleet{
			Slots: 4, Min: 1, Max: 1000, Boot: time.Minute, BootSpread: 15 * time.Second,
			Drain: 90 * time.Second, Notice: 2 * time.Minute, Kills: 1, Spot: 1, Price: 0.04,
		},
		Queue:    Queue{Visibility: 30 * time.Second, Receives: 5, Poison: 0.0001},
		Signal:   Signal{Every: time.Minute, Delay: time.Minute, Loss: 0.02},
		Incident: Incident{At: 90 * time.Minute, For: 30 * time.Minute, Share: 0.2, Timeout: 30 * time.Second},
	}
	p := PromiseOf(s, OthersBusy)
	s.Fleet.Start = p.Quiet(s.Rate())
	return s, p
}

// PromiseOf is what policies are given for a scenario.
func PromiseOf(s Scenario, busy float64) Promise {
	return Promise{Slots: s.Fleet.Slots, Busy: busy, Allowed: s.Allowed, Service: s.Service.Mean(), Min: s.Fleet.Min, Max: s.Fleet.Max}
}

// Quiet is the number of tasks that a rate needs in quiet times.
func (p Promise) Quiet(rate float64) int {
	return int(math.Ceil(rate * p.Service.Seconds() / p.Busy / float64(p.Slots)))
}

// Median is the run in the middle by lateness, then by task-hours: the one to
// draw.
func (r Row) Median() Result {
	list := slices.Clone(r.Runs)
	slices.SortStableFunc(list, func(a, b Result) int {
		switch {
		case a.LateShare() != b.LateShare():
			if a.LateShare() < b.LateShare() {
				return -1
			}
			return 1
		case a.TaskHours < b.TaskHours:
			return -1
		}
		return 0
	})
	return list[len(list)/2]
}
