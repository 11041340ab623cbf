package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

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
	Locations []Location `json:"locations"`
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
	Events []LocationEvent `json:"events"`
}

// LocationEvent is one change of a location's health.
type LocationEvent struct {
	At      time.Time `json:"at"`
	Healthy bool      `json:"healthy"`
	Reason  string    `json:"reason"`
}

func (c *Console) locations(w http.ResponseWriter, r *http.Request) {
	all, err := c.o.Fleet.Locations(r.Context())
	if err != nil {
		c.failed(w, "reading the locations", err)
		return
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
	answer(w, list)
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
	Locations []LocationCoverage `json:"locations"`
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

func (c *Console) coverage(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("check")
	if !check.ValidID(id) {
		problem(w, http.StatusBadRequest, fmt.Sprintf("%q is no id of a check; ask for /api/v1/coverage?check=ID&since=24h", id), nil)
		return
	}
	since, err := parseSince(r.URL.Query().Get("since"), time.Now())
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error(), nil)
		return
	}
	found, err := c.o.Fleet.Coverage(r.Context(), id, since)
	if err != nil {
		c.failed(w, "comparing the schedule with the results", err)
		return
	}
	if found == nil {
		problem(w, http.StatusNotFound, fmt.Sprintf("there is no active check %q; /api/v1/checks lists them", id), nil)
		return
	}
	out := Coverage{Check: id, Locations: []LocationCoverage{}}
	for _, f := range found {
		out.Locations = append(out.Locations, LocationCoverage{
			Location: f.Location, From: f.From.UTC(), To: f.To.UTC(),
			Expected: f.Expected, Recorded: f.Recorded, Conclusive: f.Conclusive, Missing: f.Missing(), Coverage: f.Share(),
		})
	}
	answer(w, out)
}

// parseSince reads a time (RFC 3339) or a duration before now; "" is a day.
func parseSince(text string, now time.Time) (time.Time, error) {
	since := now.Add(-defaultSince)
	if text != "" {
		if d, err := time.ParseDuration(text); err == nil && d > 0 {
			since = now.Add(-d)
		} else if since, err = time.Parse(time.RFC3339, text); err != nil {
			return since, fmt.Errorf("since=%q is neither a time such as 2026-03-14T12:00:00Z nor a duration such as 24h", text)
		}
	}
	switch {
	case since.After(now):
		return since, fmt.Errorf("since=%q is in the future", text)
	case now.Sub(since) > maxSince:
		return since, fmt.Errorf("since=%q is more than %d days ago; ask for less", text, maxSince/(24*time.Hour))
	}
	return since, nil
}
