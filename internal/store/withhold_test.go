package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// hushing is a store whose recorder, by its own role, tries in vain to tell of a
// check that is down, until a window begins.
type hushing struct {
	*clocked
	url    string
	begin  time.Time
	window time.Time // its beginning
}

func refuses(alert.Delivery) alert.Outcome { return alert.Outcome{Status: 500, Error: "500"} }

// newHushing makes the checks a and b, of which a has a window of ten minutes
// that begins in two.
func newHushing(t *testing.T) *hushing {
	t.Helper()
	s, url := open(t)
	quick := alert.Span(0)
	if _, err := s.ApplyChannels(t.Context(), []alert.Channel{hook("ops", func(c *alert.Channel) { c.Group = &quick })}, "", false); err != nil {
		t.Fatal(err)
	}
	h := &hushing{&clocked{as(t, url, store.RecorderRole), t, time.Now().UTC().Truncate(time.Second).Add(time.Second)}, url, lately(), time.Time{}}
	h.window = h.now.Add(2 * time.Minute)
	a, b := shopLogin(), shopLogin()
	a.ID, b.ID = "a", "b"
	apply(t, s, store.Applied{Created: []string{"a", "b"}}, a, b)
	planned := status.Planned{Title: "Move", Checks: []string{"a"}, Maintenance: check.Maintenance{From: h.window, To: h.window.Add(10 * time.Minute)}}
	if _, err := s.PlanMaintenance(t.Context(), planned); err != nil {
		t.Fatal(err)
	}
	return h
}

// sees records what is seen of a check, minutes after the begin.
func (h *hushing) sees(id string, minute int, o jobs.Outcome) {
	h.t.Helper()
	c := shopLogin()
	c.ID = id
	record(h.t, h.Store, store.Recorded{Stored: 1}, result(c, c.Locations[0], h.begin.Add(time.Duration(minute)*time.Minute), o, time.Second))
}

func (h *hushing) wants(what string, got []string, want ...string) {
	h.t.Helper()
	if !slices.Equal(got, want) {
		h.t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

// newest is the state of the newest message, and why it was not sent.
func (h *hushing) newest() (alert.Fate, string) {
	h.t.Helper()
	return alert.Fate(ask[string](h.t, h.url, `SELECT state FROM deliveries ORDER BY seq DESC LIMIT 1`)), ask[string](h.t, h.url, `SELECT error FROM deliveries ORDER BY seq DESC LIMIT 1`)
}

// A check enters a window while its message is being tried: it pages nobody. What
// lasts longer than the window is told then.
func TestAWindowBeginsBetweenTries(t *testing.T) {
	h := newHushing(t)
	h.sees("a", 0, jobs.Failed)
	h.wants("while the service refuses", h.pass(2*time.Minute, refuses))
	h.wants("in the window", h.pass(9*time.Minute, arrives))
	if state, why := h.newest(); state != alert.Withheld || !strings.Contains(why, "in maintenance") {
		t.Errorf("the message is %s: %s", state, why)
	}
	h.wants("after the window", h.pass(3*time.Minute, arrives), "ops: opened a")
	h.sees("a", 1, jobs.Passed)
	h.wants("when it is over", h.pass(time.Minute, arrives), "ops: closed a")
}

// It recovers in the window: whoever may have got a try that we think has failed
// is told so.
func TestARecoveryIsToldAfterATry(t *testing.T) {
	h := newHushing(t)
	h.sees("a", 0, jobs.Failed)
	h.wants("while the service refuses", h.pass(2*time.Minute, refuses))
	h.wants("in the window", h.pass(5*time.Minute, arrives))
	h.sees("a", 1, jobs.Passed)
	h.wants("when it is over", h.pass(time.Minute, arrives), "ops: closed a")
	h.wants("after the window", h.pass(8*time.Minute, arrives))
	if n := ask[int](t, h.url, `SELECT count(*) FROM alerts WHERE NOT finished`); n != 0 {
		t.Errorf("%d alerts are not finished", n)
	}
}

// A recovery that waits for its next try is not held up by a window, and neither
// is what the same message tells of other checks.
func TestAWindowTakesItsOwnOnly(t *testing.T) {
	h := newHushing(t)
	h.sees("a", 0, jobs.Failed)
	h.wants("at once", h.pass(10*time.Second, arrives), "ops: opened a")
	h.sees("a", 1, jobs.Passed)
	h.wants("while the service refuses", h.pass(2*time.Minute, refuses))
	h.wants("in the window", h.pass(5*time.Minute, arrives), "ops: closed a")

	h = newHushing(t)
	h.sees("a", 0, jobs.Failed)
	h.sees("b", 0, jobs.Failed)
	h.wants("both, while the service refuses", h.pass(2*time.Minute, refuses))
	h.wants("both, in the window", h.pass(5*time.Minute, arrives), "ops: opened b")
	h.wants("both, after the window", h.pass(7*time.Minute, arrives), "ops: opened a")
}

// What was never tried leaves no trace: it begins and ends in silence.
func TestWhatWasNeverTriedIsSilent(t *testing.T) {
	h := newHushing(t)
	h.sees("a", 0, jobs.Failed)
	if _, err := h.PlanAlerts(t.Context(), h.now); err != nil {
		t.Fatal(err)
	}
	h.now = h.window.Add(time.Second) // every recorder was away
	h.wants("in the window", h.pass(time.Minute, arrives))
	h.sees("a", 1, jobs.Passed)
	h.wants("when it is over", h.pass(12*time.Minute, arrives))
}
