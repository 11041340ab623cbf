package console

import (
	"context"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/shadow"
)

// shadows knows what candidate workers found.
type shadows interface {
	ShadowBuilds(ctx context.Context, since time.Time) ([]string, error)
	ShadowPairs(ctx context.Context, build, location string, since time.Time) ([]shadow.Pair, error)
}

// Shadows is the answer of GET /api/v1/shadow.
type Shadows struct {
	Since   time.Time      `json:"since"`
	Reports []ShadowReport `json:"reports" nullable:"false" doc:"One a build, the newest first."`
}

// ShadowReport compares a candidate with what counts.
type ShadowReport struct {
	Build         string         `json:"build" doc:"Of the candidate workers."`
	Pairs         int            `json:"pairs" doc:"Jobs that both ran and of which at least one saw the target."`
	Worse         int            `json:"worse" doc:"Pairs in which the candidate alone failed or could not look."`
	Better        int            `json:"better" doc:"The reverse."`
	P             float64        `json:"p" doc:"McNemar's exact test, two-sided: how likely so large a difference is where nothing differs."`
	Rate          float64        `json:"rate" doc:"Share of pairs that disagree."`
	RateLow       float64        `json:"rate_low" doc:"Its lower bound at 95 % (Clopper and Pearson, one-sided)."`
	RateHigh      float64        `json:"rate_high" doc:"Its upper bound at 95 %."`
	Timed         int            `json:"timed" doc:"Pairs of which both durations are known and neither failed."`
	Ratio         float64        `json:"ratio" doc:"Geometric mean of the candidate's duration over the other's; 0 where fewer than two are timed."`
	RatioLow      float64        `json:"ratio_low" doc:"Lower end of its 95 % interval."`
	RatioHigh     float64        `json:"ratio_high" doc:"Upper end of its 95 % interval."`
	Disagreements []Disagreement `json:"disagreements" nullable:"false" doc:"The newest pairs that disagree, at most 20."`
}

// Disagreement is a job of which a candidate found something else.
type Disagreement struct {
	Run      string       `json:"run" doc:"Id of the attempt that counts."`
	Check    string       `json:"check"`
	Location string       `json:"location"`
	Slot     time.Time    `json:"slot"`
	Counts   jobs.Outcome `json:"counts" doc:"The outcome that counts."`
	Shadow   jobs.Outcome `json:"shadow" doc:"That of the candidate."`
	Why      string       `json:"why,omitempty" doc:"The candidate's reason."`
}

func (e *endpoints) shadows() {
	register(e, operation{
		id: "list-shadow-runs", method: http.MethodGet, path: "/shadow", scope: access.RunsRead, tag: "runs",
		summary: "Compare candidate workers with those that count", description: "Pairs of the same job, by the candidate's build. What candidates find counts nowhere else.",
		errors: []int{http.StatusUnprocessableEntity},
	}, e.console.compareShadows)
}

type shadowInput struct {
	Build    string `query:"build" maxLength:"200" doc:"Only of this build; of every one where it is absent."`
	Location string `query:"location" maxLength:"63" doc:"Only from there."`
	Since    string `query:"since" doc:"Slots from this time on, as 2026-03-14T12:00:00Z or as a duration before now, such as 24h; a day where it is absent, at most 31 days."`
}

func (c *Console) compareShadows(ctx context.Context, in *shadowInput) (*out[Shadows], error) {
	since, err := parseMoment("since", in.Since, time.Now().UTC(), defaultSince)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, "the runs cannot be compared: mend what is listed under faults", err.Error())
	}
	builds := []string{in.Build}
	if in.Build == "" {
		if builds, err = c.o.Shadows.ShadowBuilds(ctx, since); err != nil {
			return nil, c.failed("reading the builds of candidates", err)
		}
	}
	list := Shadows{Since: since, Reports: []ShadowReport{}}
	for _, build := range builds {
		pairs, err := c.o.Shadows.ShadowPairs(ctx, build, in.Location, since)
		if err != nil {
			return nil, c.failed("reading what candidates found", err)
		}
		list.Reports = append(list.Reports, showShadow(build, shadow.Compare(pairs)))
	}
	return answer(list), nil
}

func showShadow(build string, r shadow.Report) ShadowReport {
	s := ShadowReport{
		Build: build, Pairs: r.Pairs, Worse: r.Worse, Better: r.Better, P: r.P, Rate: r.Rate, RateLow: r.RateLow, RateHigh: r.RateHigh,
		Timed: r.Timed, Ratio: r.Ratio, RatioLow: r.RatioLow, RatioHigh: r.RatioHigh, Disagreements: []Disagreement{},
	}
	for _, p := range r.Disagreements {
		s.Disagreements = append(s.Disagreements, Disagreement{Run: p.JobID, Check: p.CheckID, Location: p.Location, Slot: p.Slot.UTC(), Counts: p.Old, Shadow: p.New, Why: p.Why})
	}
	return s
}
