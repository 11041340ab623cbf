package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

const (
	// MaxTriggered is the number of runs of one request.
	MaxTriggered = 1000
	// triggerLasts is how long a run that was asked for waits for a worker.
	triggerLasts = 2 * time.Minute
	// triggersKept is how long their results are kept.
	triggersKept = 30 * 24 * time.Hour
)

// NewTrigger is the body of POST /api/v1/triggers.
type NewTrigger struct {
	Checks    []string `json:"checks" minItems:"1" maxItems:"1000" nullable:"false" doc:"Ids of active checks."`
	Locations []string `json:"locations,omitempty" maxItems:"100" doc:"Only there; everywhere where each check runs, where it is absent."`
}

// Trigger is a request for runs, and how far they are.
type Trigger struct {
	ID          string    `json:"id"`
	RequestedBy string    `json:"requested_by" doc:"Name of the token."`
	RequestedAt time.Time `json:"requested_at"`
	// Done is whether every run has ended, in whatever way.
	Done bool        `json:"done"`
	Runs []Triggered `json:"runs" nullable:"false"`
}

// The states of a run that was asked for.
const (
	TriggerWaiting = "waiting" // for the scheduler
	TriggerSent    = "sent"    // to the workers
	TriggerDone    = "done"    // there is a result
	TriggerLost    = "lost"    // there will be none; Reason says why
)

// Triggered is one run that was asked for.
type Triggered struct {
	Check    string `json:"check"`
	Location string `json:"location"`
	State    string `json:"state" enum:"waiting,sent,done,lost"`
	Reason   string `json:"reason,omitempty" doc:"Why there will be no result."`
	Run      *Run   `json:"run,omitempty" doc:"With its whole result, where there is one."`
}

func (e *endpoints) triggers() {
	c := e.console
	register(e, operation{
		id: "trigger", method: http.MethodPost, path: "/triggers", scope: access.RunsTrigger, tag: "runs",
		summary:     "Run checks now",
		description: "At their locations, through the scheduler. Such runs are apart from the schedule: they count in no history, no state and no coverage, and are not retried.",
		errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, c.trigger)
	register(e, operation{
		id: "get-trigger", method: http.MethodGet, path: "/triggers/{id}", scope: access.RunsRead, tag: "runs",
		summary: "Follow runs that were asked for", description: "Their results are kept for 30 days.", errors: []int{http.StatusNotFound},
	}, c.getTrigger)
}

func (c *Console) trigger(ctx context.Context, in *struct{ Body NewTrigger }) (*out[Trigger], error) {
	active := true
	found, _, err := c.o.Store.Catalogue(ctx, CheckFilter{IDs: in.Body.Checks, Active: &active})
	if err != nil {
		return nil, c.failed("reading the checks", err)
	}
	known := map[string]StoredCheck{}
	for _, s := range found {
		known[s.ID] = s
	}
	request := TriggerRequest{ID: uuid.NewString(), RequestedBy: holder(ctx).Name}
	var faults []string
	seen := map[string]bool{}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for _, id := range in.Body.Checks {
		s, there := known[id]
		switch {
		case seen[id]:
			continue
		case !there:
			faults = append(faults, fmt.Sprintf("there is no active check %q", id))
			continue
		}
		seen[id] = true
		runs, fault := runsOf(s, in.Body.Locations, now)
		if fault != "" {
			faults = append(faults, fault)
		}
		request.Runs = append(request.Runs, runs...)
	}
	switch {
	case len(faults) > 0:
		return nil, newProblem(http.StatusNotFound, "nothing was triggered: mend what is listed under faults; /api/v1/checks lists the checks", faults...)
	case len(request.Runs) > MaxTriggered:
		return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("these would be %d runs; ask for at most %d at a time", len(request.Runs), MaxTriggered))
	}
	if err := c.o.Runs.AddTriggers(ctx, request); err != nil {
		return nil, c.failed("writing down what is to be run", err)
	}
	c.o.Logger.Info("runs triggered", "trigger", request.ID, "runs", len(request.Runs), "by", request.RequestedBy)
	t := Trigger{ID: request.ID, RequestedBy: request.RequestedBy, RequestedAt: now, Runs: []Triggered{}}
	for _, r := range request.Runs {
		t.Runs = append(t.Runs, Triggered{Check: r.CheckID, Location: r.Location, State: TriggerWaiting})
	}
	return answer(t), nil
}

// runsOf are the runs of a check at some of its locations, at all with none.
func runsOf(s StoredCheck, locations []string, now time.Time) (runs []jobs.Trigger, fault string) {
	ch, err := codec.DecodeCheck(s.Version, s.Spec)
	if err != nil {
		return nil, fmt.Sprintf("check %q cannot be read by this console: %v", s.ID, err)
	}
	if ch.Kind().Jobless() {
		return nil, fmt.Sprintf("check %q is a heartbeat: its job calls the console when it runs, and cannot be run from here", s.ID)
	}
	for _, l := range ch.Locations {
		if len(locations) > 0 && !slices.Contains(locations, l) {
			continue
		}
		at := apart(ch.ID, l, ch.Every, now)
		runs = append(runs, jobs.Trigger{
			AttemptID: jobs.AttemptID(ch.ID, l, at, 1), CheckID: ch.ID, Location: l, Slot: at, ExpiresAt: at.Add(triggerLasts),
		})
	}
	if len(runs) == 0 {
		return nil, fmt.Sprintf("check %q does not run at %q; it runs at %q", s.ID, locations, ch.Locations)
	}
	return runs, ""
}

// apart is now, or a microsecond later where that is a slot of the schedule:
// what was asked for must not be taken for it.
func apart(id, location string, every time.Duration, now time.Time) time.Time {
	if schedule.Next(id, location, every, now.Add(-time.Microsecond)).Equal(now) {
		return now.Add(time.Microsecond)
	}
	return now
}

func (c *Console) getTrigger(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"36"`
},
) (*out[Trigger], error) {
	found, err := c.o.Runs.Triggered(ctx, in.ID)
	switch {
	case err != nil:
		return nil, c.failed("reading what was asked for", err)
	case len(found) == 0:
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no trigger %q; what was asked for is kept for 30 days", in.ID))
	}
	t := Trigger{ID: in.ID, RequestedBy: found[0].RequestedBy, RequestedAt: found[0].RequestedAt.UTC(), Done: true, Runs: []Triggered{}}
	for _, f := range found {
		one := showTriggered(f, time.Now())
		t.Done = t.Done && (one.State == TriggerDone || one.State == TriggerLost)
		t.Runs = append(t.Runs, one)
	}
	return answer(t), nil
}

// lostAfter is how long after its expiry a job that was sent may still be
// answered: it may have been started at the last moment, and run for the
// longest timeout there is.
const lostAfter = 11 * time.Minute

func showTriggered(f TriggeredRun, now time.Time) Triggered {
	t := Triggered{Check: f.Run.CheckID, Location: f.Run.Location, State: TriggerWaiting}
	lost := func(reason string) { t.State, t.Reason = TriggerLost, reason }
	switch {
	case f.Run.Outcome != "":
		run := showRun(f.Run)
		t.State, t.Run = TriggerDone, &run
	case f.Fate == jobs.FateGone:
		lost("the check was paused, moved or removed")
	case f.Fate == jobs.FateHeld:
		lost("the check waits for newer workers or recorders; see `probefleet fleet`")
	case f.Fate == jobs.FateExpired:
		lost("no queue took the job; the scheduler's log says more")
	case f.Fate == jobs.FateSent && now.After(f.ExpiresAt.Add(lostAfter)):
		lost("no worker answered; see `probefleet fleet` and `probefleet dlq list`")
	case f.Fate == jobs.FateSent:
		t.State = TriggerSent
	case now.After(f.ExpiresAt.Add(time.Minute)):
		lost("no scheduler saw to it; is one running?")
	}
	return t
}
