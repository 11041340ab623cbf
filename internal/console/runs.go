package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// runs is what the console needs to know of what was measured, and of what is
// to be measured at once.
type runs interface {
	// Runs lists attempts, the newest slot first, without their data.
	Runs(ctx context.Context, f RunFilter) ([]StoredRun, error)
	// Run is one attempt with its data.
	Run(ctx context.Context, id string) (StoredRun, bool, error)
	// Statuses are the active checks with their newest runs.
	Statuses(ctx context.Context) ([]status.Check, error)
	AddTriggers(ctx context.Context, r TriggerRequest) error
	// Triggered lists the runs of a request, none where there is no such one.
	Triggered(ctx context.Context, id string) ([]TriggeredRun, error)
	PruneTriggers(ctx context.Context, before time.Time) error
}

// Run is one attempt.
type Run struct {
	ID       string       `json:"id" doc:"Of the attempt."`
	RunID    string       `json:"run_id" doc:"Of the slot: all attempts of a slot have the same."`
	Check    string       `json:"check"`
	Location string       `json:"location"`
	Slot     time.Time    `json:"slot" doc:"When it was due."`
	Attempt  int          `json:"attempt"`
	Kind     string       `json:"kind"`
	Outcome  jobs.Outcome `json:"outcome" enum:"passed,degraded,failed,inconclusive,expired"`
	Fault    *Fault       `json:"fault,omitempty" doc:"Why it did not pass."`
	// StartedAt is absent where it was not started.
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	LatencyMS  float64    `json:"latency_ms"`
	Worker     string     `json:"worker"`
	// Version and Result are there where a single run was asked for.
	Version int             `json:"version,omitempty" doc:"Of the JSON in result."`
	Result  json.RawMessage `json:"result,omitempty" doc:"The whole result with verdicts, timings and evidence; of a single run only."`
}

// Fault is why a run did not pass.
type Fault struct {
	Class   jobs.FaultClass `json:"class"`
	Message string          `json:"message"`
}

// Runs is the answer of GET /api/v1/runs.
type Runs struct {
	Runs []Run     `json:"runs" nullable:"false"`
	From time.Time `json:"from" doc:"The list was looked for from here on..."`
	To   time.Time `json:"to" doc:"... up to here."`
	Next string    `json:"next,omitempty" doc:"Ask again with this as after for older ones; absent at the end."`
}

func showRun(s StoredRun) Run {
	r := Run{
		ID: s.ID, RunID: s.RunID, Check: s.CheckID, Location: s.Location, Slot: s.Slot.UTC(), Attempt: s.Attempt, Kind: s.Kind,
		Outcome: s.Outcome, StartedAt: moment(s.StartedAt), FinishedAt: moment(s.FinishedAt),
		LatencyMS: float64(s.Latency.Microseconds()) / 1000, Worker: s.Worker,
	}
	if s.FaultClass != "" || s.FaultMessage != "" {
		r.Fault = &Fault{s.FaultClass, s.FaultMessage}
	}
	if len(s.Data) > 0 {
		r.Version, r.Result = s.DataVersion, s.Data
	}
	return r
}

func (e *endpoints) runs() {
	c := e.console
	register(e, operation{
		id: "list-runs", method: http.MethodGet, path: "/runs", scope: access.RunsRead, tag: "runs",
		summary: "List runs", description: "Attempts by the time of their slots, the newest first; those of the last hour where no time is given. Runs that were asked for are not among them.",
		errors: []int{http.StatusUnprocessableEntity},
	}, c.listRuns)
	register(e, operation{
		id: "get-run", method: http.MethodGet, path: "/runs/{id}", scope: access.RunsRead, tag: "runs",
		summary: "Show a run", description: "With its whole result: verdicts, timings, evidence.", errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *struct {
		ID string `path:"id" maxLength:"36"`
	},
	) (*out[Run], error) {
		found, ok, err := c.o.Runs.Run(ctx, in.ID)
		switch {
		case err != nil:
			return nil, c.failed("reading the run", err)
		case !ok:
			return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no run %q: runs are kept for a while only; /api/v1/runs lists them", in.ID))
		}
		return answer(showRun(found)), nil
	})
	register(e, operation{
		id: "get-status", method: http.MethodGet, path: "/status", scope: access.RunsRead, tag: "runs",
		summary: "Show the state of every active check", description: "As the status page judges it, checks that are not public included.",
	}, c.status)
}

type listRunsInput struct {
	Check    string `query:"check" maxLength:"63" doc:"Only of this check."`
	Location string `query:"location" maxLength:"63" doc:"Only from there."`
	Outcome  string `query:"outcome" doc:"Only with one of these outcomes, separated by commas."`
	Since    string `query:"since" doc:"From this time on, as 2026-03-14T12:00:00Z or as a duration before now, such as 24h; the last hour where it is absent, at most 31 days."`
	Until    string `query:"until" doc:"Up to this time; now where it is absent."`
	After    string `query:"after" doc:"Continue the list: next of the answer before."`
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (c *Console) listRuns(ctx context.Context, in *listRunsInput) (*out[Runs], error) {
	now := time.Now().UTC()
	f := RunFilter{Check: in.Check, Location: in.Location, Until: now.Add(time.Minute), Limit: in.Limit + 1}
	var faults []string
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err.Error())
		}
	}
	var err error
	f.Since, err = parseMoment("since", in.Since, now, time.Hour)
	fault(err)
	if in.Until != "" {
		f.Until, err = parseMoment("until", in.Until, now, 0)
		fault(err)
	}
	f.Outcomes, err = parseOutcomes(in.Outcome)
	fault(err)
	if in.After != "" {
		f.Before, f.BeforeID, err = parseCursor(in.After)
		fault(err)
	}
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "the runs cannot be listed: mend what is listed under faults", faults...)
	}
	found, err := c.o.Runs.Runs(ctx, f)
	if err != nil {
		return nil, c.failed("reading runs", err)
	}
	list := Runs{Runs: []Run{}, From: f.Since, To: f.Until}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		last := found[in.Limit-1]
		list.Next = cursor(last.Slot, last.ID)
	}
	for _, r := range found {
		list.Runs = append(list.Runs, showRun(r))
	}
	return answer(list), nil
}

func parseOutcomes(text string) ([]jobs.Outcome, error) {
	if text == "" {
		return nil, nil
	}
	var found []jobs.Outcome
	for _, word := range strings.Split(text, ",") {
		o := jobs.Outcome(strings.TrimSpace(word))
		if !slices.Contains(jobs.Outcomes, o) {
			return nil, fmt.Errorf("outcome: %q is not one; use some of %q, separated by commas", o, jobs.Outcomes)
		}
		found = append(found, o)
	}
	return found, nil
}

// cursor writes where a list of runs goes on. It is nobody's business what is
// in it.
func cursor(slot time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(slot.UTC().Format(time.RFC3339Nano) + " " + id))
}

func parseCursor(text string) (slot time.Time, id string, err error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	at, id, ok := strings.Cut(string(data), " ")
	if err == nil && ok && len(id) == 36 && strings.Trim(id, "0123456789abcdef-") == "" {
		slot, err = time.Parse(time.RFC3339Nano, at)
	} else {
		ok = false
	}
	if err != nil || !ok {
		return slot, "", fmt.Errorf("after: %.100q is not next of an answer; begin anew without it", text)
	}
	return slot, id, nil
}

// Status is the answer of GET /api/v1/status.
type Status struct {
	State  status.State  `json:"state" doc:"The worst of all checks." enum:"operational,degraded,outage,not_measured"`
	At     time.Time     `json:"at"`
	Checks []CheckStatus `json:"checks" nullable:"false"`
}

// CheckStatus is the state of one check.
type CheckStatus struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	Group     string           `json:"group,omitempty"`
	Kind      string           `json:"kind"`
	State     status.State     `json:"state" enum:"operational,degraded,outage,not_measured"`
	Locations []LocationStatus `json:"locations" nullable:"false"`
}

// LocationStatus is the newest conclusive run of a check at a location. Fresh
// is whether it still speaks for it.
type LocationStatus struct {
	Location string       `json:"location"`
	Fresh    bool         `json:"fresh"`
	Outcome  jobs.Outcome `json:"outcome,omitempty"`
	Slot     *time.Time   `json:"slot,omitempty"`
	Fault    *Fault       `json:"fault,omitempty"`
}

func (c *Console) status(ctx context.Context, _ *struct{}) (*out[Status], error) {
	found, err := c.o.Runs.Statuses(ctx)
	if err != nil {
		return nil, c.failed("reading the states", err)
	}
	now := time.Now().UTC()
	s := Status{At: now, Checks: []CheckStatus{}}
	var states []status.State
	for _, ch := range found {
		one := CheckStatus{ID: ch.ID, Name: ch.Name, Group: ch.Group, Kind: string(ch.Kind), State: ch.State(now), Locations: []LocationStatus{}}
		for _, l := range ch.Locations {
			at := LocationStatus{Location: l}
			for _, r := range ch.Conclusive {
				if r.Location != l {
					continue
				}
				at.Fresh, at.Outcome, at.Slot = ch.Fresh(r.Slot, now), r.Outcome, moment(r.Slot)
				if r.FaultMessage != "" {
					at.Fault = &Fault{r.FaultClass, r.FaultMessage}
				}
			}
			one.Locations = append(one.Locations, at)
		}
		states = append(states, one.State)
		s.Checks = append(s.Checks, one)
	}
	s.State = status.Overall(states)
	return answer(s), nil
}
