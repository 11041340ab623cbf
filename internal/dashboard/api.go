package dashboard

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// The shapes of the public API, version 1. Fields are added, never changed.
// Times are RFC 3339 in UTC; null where something is not known.

// apiHead says when an answer was made, and of what.
type apiHead struct {
	GeneratedAt time.Time `json:"generated_at"`
	// AsOf is when the data was read. Where it is old, stale is true, and
	// states fade to not_measured as the last runs cease to speak for them.
	AsOf  time.Time `json:"as_of"`
	Stale bool      `json:"stale"`
}

type apiStatus struct {
	apiHead
	State    status.State `json:"state"`
	Sentence string       `json:"sentence"`
	Checks   []apiCheck   `json:"checks"`
}

type apiCheck struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	Group string       `json:"group"`
	Kind  check.Kind   `json:"kind"`
	State status.State `json:"state"`
	// LastKnownState is set where the state is not_measured but once was.
	LastKnownState *status.State `json:"last_known_state"`
	// Outcome is that of the newest run.
	Outcome   *jobs.Outcome `json:"outcome"`
	LastRunAt *time.Time    `json:"last_run_at"`
	LatencyMS *float64      `json:"latency_ms"`
	// Uptime24h is 0 to 1, over conclusive runs; Coverage24h is the share of
	// the expected runs that was conclusive.
	Uptime24h   *float64      `json:"uptime_24h"`
	Coverage24h float64       `json:"coverage_24h"`
	EverySecs   float64       `json:"every_seconds"`
	Locations   []apiLocation `json:"locations"`
	Reason      string        `json:"reason"`
}

type apiLocation struct {
	ID        string        `json:"id"`
	State     status.State  `json:"state"`
	Outcome   *jobs.Outcome `json:"outcome"`
	LastRunAt *time.Time    `json:"last_run_at"`
	LatencyMS *float64      `json:"latency_ms"`
}

type apiCheckStatus struct {
	apiHead
	apiCheck
	// RunsAsOf is when the runs were read, null where they could not be.
	RunsAsOf *time.Time `json:"runs_as_of"`
	Runs     []apiRun   `json:"runs"`
}

type apiRun struct {
	ID         string          `json:"id"`
	Location   string          `json:"location"`
	Slot       time.Time       `json:"slot"`
	Attempt    int             `json:"attempt"`
	Outcome    jobs.Outcome    `json:"outcome"`
	FinishedAt *time.Time      `json:"finished_at"`
	LatencyMS  *float64        `json:"latency_ms"`
	FaultClass jobs.FaultClass `json:"fault_class"`
	Reason     string          `json:"reason"`
}

func (d *Dashboard) serveStatus(w http.ResponseWriter, r *http.Request) {
	f := d.frameOf(r)
	if f == nil {
		d.serveAPIError(w, r, http.StatusServiceUnavailable, "status data is not available yet: try again in a few seconds")
		return
	}
	d.serve(w, r, func() (*page, error) {
		return f.page("api status", func() (*page, error) {
			s := apiStatus{apiHead: newAPIHead(f), State: f.overall.state, Sentence: f.overall.Sentence, Checks: []apiCheck{}}
			for _, j := range f.checks {
				s.Checks = append(s.Checks, newAPICheck(f, j))
			}
			return encode(http.StatusOK, s)
		})
	})
}

func (d *Dashboard) serveCheckStatus(w http.ResponseWriter, r *http.Request) {
	f := d.frameOf(r)
	if f == nil {
		d.serveAPIError(w, r, http.StatusServiceUnavailable, "status data is not available yet: try again in a few seconds")
		return
	}
	id := r.PathValue("id")
	j, ok := f.check(id)
	if !ok {
		d.serveAPIError(w, r, http.StatusNotFound, fmt.Sprintf("no public check has the id %q: /api/v1/status lists those there are", id))
		return
	}
	more := f.site.shown(d.details.get(r.Context(), f, j.Check, d.now()))
	d.serve(w, r, func() (*page, error) {
		return f.page("api check "+id, func() (*page, error) {
			return encode(http.StatusOK, newAPICheckStatus(f, j, more))
		})
	})
}

// serveNoAPI answers addresses of the API that lead nowhere.
func (d *Dashboard) serveNoAPI(w http.ResponseWriter, r *http.Request) {
	d.serveAPIError(w, r, http.StatusNotFound, "there is no such address: use /api/v1/status or /api/v1/checks/{id}")
}

func (d *Dashboard) serveAPIError(w http.ResponseWriter, r *http.Request, code int, text string) {
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(5))
	}
	d.serve(w, r, func() (*page, error) { return encode(code, map[string]string{"error": text}) })
}

func encode(code int, v any) (*page, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding JSON: %w", err)
	}
	return newPage(code, kindJSON, append(body, '\n')), nil
}

func newAPIHead(f *frame) apiHead {
	return apiHead{GeneratedAt: f.now.UTC(), AsOf: f.snap.asOf.UTC(), Stale: f.stale()}
}

func newAPICheck(f *frame, j judged) apiCheck {
	rec := newRecord(j.Check, hourly, f.past(hourly, j.ID), f.now)
	c := apiCheck{
		ID: j.ID, Name: j.Name, Group: j.Group, Kind: j.Kind, State: j.state, LatencyMS: millis(j.latency),
		Coverage24h: round(rec.coverage), EverySecs: j.Every.Seconds(), Locations: []apiLocation{}, Reason: j.reason(1000),
	}
	if j.state == status.NotMeasured && j.known != status.NotMeasured {
		c.LastKnownState = &j.known
	}
	if j.ran {
		c.Outcome, c.LastRunAt = &j.newest.Outcome, moment(when(j.newest))
	}
	if u, ok := rec.total.Uptime(); ok && !f.hides(statuspage.Uptime) {
		u = round(u)
		c.Uptime24h = &u
	}
	for _, l := range j.locations {
		a := apiLocation{ID: l.id, State: l.state}
		if l.ran {
			a.Outcome, a.LastRunAt, a.LatencyMS = &l.last.Outcome, moment(when(l.last)), millis(l.last.Latency)
		}
		c.Locations = append(c.Locations, a)
	}
	return c
}

func newAPICheckStatus(f *frame, j judged, more detail) apiCheckStatus {
	s := apiCheckStatus{apiHead: newAPIHead(f), apiCheck: newAPICheck(f, j), RunsAsOf: moment(more.asOf), Runs: []apiRun{}}
	for _, r := range more.runs {
		if r.FaultClass == notTold {
			r.FaultClass = ""
		}
		s.Runs = append(s.Runs, apiRun{
			ID: r.RunID, Location: r.Location, Slot: r.Slot.UTC(), Attempt: r.Attempt, Outcome: r.Outcome,
			FinishedAt: moment(r.FinishedAt), LatencyMS: millis(r.Latency), FaultClass: r.FaultClass, Reason: r.FaultMessage,
		})
	}
	return s
}

// moment is t in UTC, nil where it is not set.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// millis is a latency in milliseconds with one decimal, nil where there is
// none.
func millis(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	ms := math.Round(float64(d)/float64(time.Microsecond)/100) / 10
	return &ms
}

// round rounds a share down to six decimals, so that only all is 1.
func round(share float64) float64 { return math.Floor(share*1e6+1e-6) / 1e6 }
