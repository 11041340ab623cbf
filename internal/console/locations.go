package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// fleet is what the console needs to know of the places that measure.
type fleet interface {
	Locations(ctx context.Context) ([]status.Location, error)
	// Coverage answers nothing where there is no such check.
	Coverage(ctx context.Context, checkID string, since time.Time) ([]status.Coverage, error)
}

// Locations is the answer of GET /api/v1/locations.
type Locations struct {
	Locations []Location `json:"locations" nullable:"false"`
}

// Location is a place from which checks are run. Where it is not healthy, what
// its workers see says nothing about the targets.
type Location struct {
	Location string `json:"location"`
	// Checks counts the active checks that name it.
	Checks  int    `json:"checks"`
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"`
	// Since is when Healthy last changed, NewestSlot that of the newest run;
	// absent where there was none.
	Since      *time.Time `json:"since,omitempty"`
	NewestSlot *time.Time `json:"newest_slot,omitempty"`
	// Events are the last changes, newest first, up to 20.
	Events []LocationEvent `json:"events" nullable:"false"`
}

// LocationEvent is one change of a location's health.
type LocationEvent struct {
	At      time.Time `json:"at"`
	Healthy bool      `json:"healthy"`
	Reason  string    `json:"reason"`
}

func (e *endpoints) locations() {
	c := e.console
	register(e, operation{
		id: "list-locations", method: http.MethodGet, path: "/locations", scope: access.FleetRead, tag: "fleet",
		summary: "List locations", description: "The places from which checks are run, and whether they are healthy.",
	}, c.listLocations)
	register(e, operation{
		id: "get-coverage", method: http.MethodGet, path: "/coverage", scope: access.RunsRead, tag: "runs",
		summary: "Compare the schedule of a check with what was recorded", errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, c.coverage)
}

func (c *Console) listLocations(ctx context.Context, _ *struct{}) (*out[Locations], error) {
	all, err := c.o.Fleet.Locations(ctx)
	if err != nil {
		return nil, c.failed("reading the locations", err)
	}
	list := Locations{Locations: []Location{}}
	for _, l := range all {
		out := Location{
			Location: l.Name, Checks: l.Checks, Healthy: l.Healthy, Reason: l.Reason,
			Since: moment(l.Since), NewestSlot: moment(l.NewestSlot), Events: []LocationEvent{},
		}
		for _, e := range l.Events {
			out.Events = append(out.Events, LocationEvent{e.At.UTC(), e.Healthy, e.Reason})
		}
		list.Locations = append(list.Locations, out)
	}
	return answer(list), nil
}

// moment is t for JSON, nil where it is the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Coverage is the answer of GET /api/v1/coverage.
type Coverage struct {
	Check     string             `json:"check"`
	Locations []LocationCoverage `json:"locations" nullable:"false"`
}

// LocationCoverage compares the slots that a check had at a location with
// those of which something is recorded.
type LocationCoverage struct {
	Location string `json:"location"`
	// From and To bound the slots; To is not among them. The newest slots are
	// left out while their runs may still be under way.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Missing slots have no result at all; the others are recorded, and of
	// those the conclusive ones say something about the target.
	Expected   int `json:"expected"`
	Recorded   int `json:"recorded"`
	Conclusive int `json:"conclusive"`
	Missing    int `json:"missing"`
	// Coverage is the share of the expected slots that is conclusive, 0 to 1.
	Coverage float64 `json:"coverage"`
}

const (
	defaultSince = 24 * time.Hour
	// maxSince bounds how far one question goes back: it reads every run.
	maxSince = 31 * 24 * time.Hour
)

type coverageInput struct {
	Check string `query:"check" required:"true" doc:"The check's id."`
	Since string `query:"since" doc:"From this time on, as 2026-03-14T12:00:00Z or as a duration before now, such as 24h; a day where it is absent, at most 31 days."`
}

func (c *Console) coverage(ctx context.Context, in *coverageInput) (*out[Coverage], error) {
	if !check.ValidID(in.Check) {
		return nil, newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("%q is no id of a check; ask for /api/v1/coverage?check=ID&since=24h", in.Check))
	}
	since, err := parseMoment("since", in.Since, time.Now(), defaultSince)
	if err != nil {
		return nil, newProblem(http.StatusUnprocessableEntity, err.Error())
	}
	found, err := c.o.Fleet.Coverage(ctx, in.Check, since)
	if err != nil {
		return nil, c.failed("comparing the schedule with the results", err)
	}
	if found == nil {
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no active check %q; /api/v1/checks lists them", in.Check))
	}
	all := Coverage{Check: in.Check, Locations: []LocationCoverage{}}
	for _, f := range found {
		all.Locations = append(all.Locations, LocationCoverage{
			Location: f.Location, From: f.From.UTC(), To: f.To.UTC(),
			Expected: f.Expected, Recorded: f.Recorded, Conclusive: f.Conclusive, Missing: f.Missing(), Coverage: f.Share(),
		})
	}
	return answer(all), nil
}

// parseMoment reads a time (RFC 3339) or a duration before now; "" is so long
// ago as the default says.
func parseMoment(name, text string, now time.Time, fallback time.Duration) (time.Time, error) {
	at := now.Add(-fallback)
	if text != "" {
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			at = now.Add(-d)
		} else if at, err = time.Parse(time.RFC3339, text); err != nil {
			return at, fmt.Errorf("%s=%q is neither a time such as 2026-03-14T12:00:00Z nor a duration such as 24h", name, text)
		}
	}
	switch {
	case at.After(now):
		return at, fmt.Errorf("%s=%q is in the future", name, text)
	case now.Sub(at) > maxSince:
		return at, fmt.Errorf("%s=%q is more than %d days ago; ask for less", name, text, maxSince/(24*time.Hour))
	}
	return at.UTC(), nil
}
