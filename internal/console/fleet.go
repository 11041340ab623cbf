package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// registry is what the console needs to know of workers, recorders and pins.
type registry interface {
	// Fleet answers everyone who was heard of lately.
	Fleet(ctx context.Context) (rollout.Fleet, error)
	// OverridePin sets a pin by hand; 0 gives it back to the scheduler.
	OverridePin(ctx context.Context, t rollout.Target, version int) error
}

// Fleet is the answer of GET /api/v1/fleet.
type Fleet struct {
	Workers   []Worker   `json:"workers" nullable:"false"`
	Recorders []Recorder `json:"recorders" nullable:"false"`
	Pins      []Pin      `json:"pins" nullable:"false"`
	// Held are checks that are not sent, as not everyone who would get their
	// jobs or their results reads a version that has room for them.
	Held []Held `json:"held" nullable:"false"`
}

// Worker is one worker that was heard of in the last day.
type Worker struct {
	ID       string `json:"id"`
	Location string `json:"location"`
	Build    string `json:"build"`
	Browser  string `json:"browser,omitempty"`
	Alive    bool   `json:"alive"`
	// Silent workers are known by their results only.
	Silent bool   `json:"silent,omitempty"`
	Reads  int    `json:"reads"`
	Writes int    `json:"writes"`
	Lanes  []Lane `json:"lanes" nullable:"false"`
	// StartedAt is by the worker's clock.
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"`
}

// Lane is one class of jobs that a worker serves.
type Lane struct {
	Class string `json:"class"`
	Slots int    `json:"slots"`
	Busy  int    `json:"busy"`
}

// Recorder is one recorder that was heard of in the last day.
type Recorder struct {
	ID     string    `json:"id"`
	Build  string    `json:"build"`
	Alive  bool      `json:"alive"`
	Reads  int       `json:"reads"`
	SeenAt time.Time `json:"seen_at"`
}

// Pin is the version in which jobs of a class at a location are written, or
// results, where Type says so.
type Pin struct {
	Type     string `json:"type"`
	Location string `json:"location,omitempty"`
	Class    string `json:"class,omitempty"`
	Version  int    `json:"version"`
	Computed int    `json:"computed"`
	// Override is what a person has set, absent where nobody has.
	Override int `json:"override,omitempty"`
}

// Held is a check at a location that waits.
type Held struct {
	Check    string `json:"check"`
	Location string `json:"location"`
	Class    string `json:"class"`
	// NeedsJobs and NeedsResults are the versions that must be read.
	NeedsJobs    int `json:"needs_jobs"`
	NeedsResults int `json:"needs_results"`
}

// Override is the body of PUT /api/v1/fleet/pins. Location and class are empty
// for results. Version 0 takes an override away.
type Override struct {
	Location string `json:"location,omitempty"`
	Class    string `json:"class,omitempty"`
	Version  int    `json:"version" required:"false" doc:"0 takes an override away."`
}

func (e *endpoints) fleet() {
	c := e.console
	register(e, operation{
		id: "get-fleet", method: http.MethodGet, path: "/fleet", scope: access.FleetRead, tag: "fleet",
		summary: "Show workers, recorders and message versions", description: "Everybody who was heard of in the last day, and the checks that wait for newer ones.",
	}, func(ctx context.Context, _ *struct{}) (*out[Fleet], error) { return c.fleet(ctx) })
	register(e, operation{
		id: "set-pin", method: http.MethodPut, path: "/fleet/pins", scope: access.FleetAdmin, tag: "fleet", maxBody: maxOverride,
		summary: "Set a message version by hand", errors: []int{http.StatusUnprocessableEntity},
	}, c.override)
}

func (c *Console) fleet(ctx context.Context) (*out[Fleet], error) {
	checks, _, err := c.activeChecks(ctx)
	if err != nil && len(checks) == 0 {
		return nil, c.failed("reading the checks", err)
	}
	fleet, err := c.readFleet(ctx, checks)
	if err != nil {
		return nil, c.failed("reading the registry", err)
	}
	return answer(fleet), nil
}

func (c *Console) readFleet(ctx context.Context, checks []check.Check) (Fleet, error) {
	f, err := c.o.Registry.Fleet(ctx)
	if err != nil {
		return Fleet{}, err
	}
	pins := f.Decide() // as the scheduler does, so that the page is not behind it
	versions := rollout.Versions(pins)
	out := Fleet{Workers: []Worker{}, Recorders: []Recorder{}, Pins: []Pin{}, Held: []Held{}}
	for _, w := range f.Workers {
		lanes := []Lane{}
		for _, l := range w.Lanes {
			lanes = append(lanes, Lane{string(l.Class), l.Slots, l.Busy})
		}
		out.Workers = append(out.Workers, Worker{
			ID: w.Worker.ID, Location: w.Location, Build: w.Worker.Build, Browser: w.Worker.Browser,
			Alive: f.Alive(w), Silent: w.Silent, Reads: w.Reads, Writes: w.Writes, Lanes: lanes,
			StartedAt: w.StartedAt.UTC(), SeenAt: w.Seen.UTC(),
		})
	}
	for _, r := range f.Recorders {
		out.Recorders = append(out.Recorders, Recorder{r.ID, r.Build, f.RecorderAlive(r), r.Reads, r.Seen.UTC()})
	}
	for _, p := range pins {
		pin := Pin{Type: codec.TypeJob, Location: p.Location, Class: string(p.Class), Version: versions.Jobs(p.Target), Computed: p.Computed, Override: p.Override}
		if p.Target == rollout.Recorders {
			pin.Type, pin.Version = codec.TypeResult, versions.Results()
		}
		out.Pins = append(out.Pins, pin)
	}
	for _, h := range versions.Held(checks) {
		out.Held = append(out.Held, Held{h.Check, h.Target.Location, string(h.Target.Class), h.NeedsJob, h.NeedsResult})
	}
	return out, nil
}

// maxOverride caps the body of a PUT of a pin.
const maxOverride = 4 << 10

func (c *Console) override(ctx context.Context, in *struct{ Body Override }) (*out[Fleet], error) {
	o := in.Body
	if fault := o.fault(); fault != "" {
		return nil, newProblem(http.StatusUnprocessableEntity, fault)
	}
	target := rollout.Target{Location: o.Location, Class: jobs.Class(o.Class)}
	if err := c.o.Registry.OverridePin(ctx, target, o.Version); err != nil {
		return nil, c.failed("setting the pin", err)
	}
	c.o.Logger.Info("pin set by hand", "location", o.Location, "class", o.Class, "version", o.Version, "by", holder(ctx).Name)
	return c.fleet(ctx)
}

// fault says what is wrong with an override, or "".
func (o Override) fault() string {
	highest := codec.JobVersion
	switch {
	case o.Location == "" && o.Class == "":
		highest = codec.ResultVersion
	case !check.ValidID(o.Location):
		return fmt.Sprintf("%q is not a location; leave location and class out to pin results", o.Location)
	case !slices.Contains(jobs.Classes, jobs.Class(o.Class)):
		return fmt.Sprintf("%q is not a class; use one of %q", o.Class, jobs.Classes)
	}
	if o.Version < 0 || o.Version > highest {
		return fmt.Sprintf("version %d is not known here; use 1 to %d, or 0 to let the scheduler choose", o.Version, highest)
	}
	return ""
}
