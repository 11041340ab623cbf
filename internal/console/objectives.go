package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// Objective is how an objective is kept.
type Objective struct {
	Check      string        `json:"check"`
	At         time.Time     `json:"at"`
	Target     float64       `json:"target" doc:"The promised share, such as 0.999."`
	WindowDays int           `json:"window_days"`
	Policy     status.Policy `json:"policy" doc:"How is counted."`
	Expected   int64         `json:"expected" doc:"Slots that were due in the window and are known of, without maintenance."`
	Up         int64         `json:"up"`
	Down       int64         `json:"down"`
	Excluded   int64         `json:"excluded" doc:"By maintenance."`
	Uptime     *float64      `json:"uptime,omitempty" doc:"Share of what was measured that was up; absent where nothing was."`
	Coverage   float64       `json:"coverage" doc:"Share of what was due that was measured. The rest burns no budget, and is no success either."`
	Budget     Budget        `json:"budget"`
	Burning    string        `json:"burning,omitempty" doc:"The fastest rule that is met; absent where none is."`
	Burn       []BurnRule    `json:"burn" nullable:"false" doc:"The rules of its alerts."`
}

// Budget is what an objective leaves for failing, in slots.
type Budget struct {
	Allowed float64 `json:"allowed" doc:"Slots of those measured that may be down."`
	Used    float64 `json:"used"`
	Left    float64 `json:"left" doc:"Share of the budget that is left; below 0 where the objective is missed."`
}

// BurnRule is one rule of the alerts of a budget.
type BurnRule struct {
	Name          string  `json:"name"`
	Rate          float64 `json:"rate" doc:"How many times the allowed pace is too fast."`
	LongSeconds   int64   `json:"long_seconds"`
	LongRate      float64 `json:"long_rate"`
	LongCoverage  float64 `json:"long_coverage"`
	ShortSeconds  int64   `json:"short_seconds"`
	ShortRate     float64 `json:"short_rate"`
	ShortCoverage float64 `json:"short_coverage"`
	Known         bool    `json:"known" doc:"Whether anything was measured in both times."`
	Met           bool    `json:"met"`
}

func (e *endpoints) objectives() {
	c := e.console
	register(e, operation{
		id: "get-objective", method: http.MethodGet, path: "/checks/{id}/objective", scope: access.RunsRead, tag: "runs",
		summary: "Show how the objective of a check is kept", description: "Its error budget, how fast that burns, and how much of it was measured.",
		errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"63"`
	},
	) (*out[Objective], error) {
		found, err := c.o.Meters.Promises(ctx, time.Now().UTC(), []string{in.ID})
		switch {
		case err != nil:
			return nil, c.failed("counting what the objective has left", err)
		case len(found) == 0:
			return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no active check %q with an objective; write `objective: 99.9%%` into its file and apply it", in.ID))
		}
		return answer(showObjective(found[0])), nil
	})
}

func showObjective(p kept.Promise) Objective {
	b := p.Budget(p.Account)
	o := Objective{
		Check: p.CheckID, At: p.At, Target: p.Target, WindowDays: int(p.Window / (24 * time.Hour)), Policy: p.Policy,
		Expected: p.Account.Expected, Up: p.Account.Up, Down: p.Account.Down, Excluded: p.Account.Excluded, Coverage: p.Account.Coverage(),
		Budget: Budget{b.Allowed, b.Used, b.Left}, Burn: []BurnRule{},
	}
	if up, measured := p.Account.Uptime(); measured {
		o.Uptime = &up
	}
	if rule, met, _ := status.Burning(p.Rules); met {
		o.Burning = rule.Name
	}
	for _, r := range p.Rules {
		o.Burn = append(o.Burn, BurnRule{
			Name: r.Name, Rate: r.Rate, LongSeconds: int64(r.Long.Seconds()), LongRate: r.LongRate, LongCoverage: r.LongCovered,
			ShortSeconds: int64(r.Short.Seconds()), ShortRate: r.ShortRate, ShortCoverage: r.ShortCovered, Known: r.Known, Met: r.Met,
		})
	}
	return o
}
