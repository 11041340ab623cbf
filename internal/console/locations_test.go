package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// places are the locations of a test.
type places struct {
	away  error
	since time.Time // of the last question for coverage
}

var changed = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func (p *places) Locations(context.Context) ([]status.Location, error) {
	return []status.Location{
		{Name: "here", Checks: 3, Healthy: false, Reason: "9 of the last 10 checks were inconclusive", Since: changed, NewestSlot: changed,
			Events: []status.LocationEvent{{At: changed, Reason: "9 of the last 10 checks were inconclusive"}}},
		{Name: "there", Checks: 2, Healthy: true},
	}, p.away
}

func (p *places) Coverage(_ context.Context, checkID string, since time.Time) ([]status.Coverage, error) {
	p.since = since
	if checkID != "home" {
		return nil, p.away
	}
	return []status.Coverage{{Location: "here", From: changed, To: changed.Add(time.Hour), Expected: 60, Recorded: 50, Conclusive: 30}}, p.away
}

func fleetConsole(t *testing.T) (*places, http.Handler) {
	t.Helper()
	p := &places{}
	return p, New(Options{
		Store: &shelf{checks: map[string]check.Check{}}, Fleet: p, Tokens: newRing(), Logger: slog.New(slog.DiscardHandler),
		Ready: func(context.Context) error { return nil },
	}).Handler()
}

func TestSickLocationsAreFaults(t *testing.T) {
	p := &places{}
	c := New(Options{Store: &shelf{}, Tokens: newRing(), Fleet: p, Ready: func(context.Context) error { return nil }, Logger: slog.New(slog.DiscardHandler)})
	want := []string{"location here is unhealthy since 14 Mar 12:00 UTC: 9 of the last 10 checks were inconclusive"}
	if got := c.Health(t.Context()).Faults; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestLocations(t *testing.T) {
	p, h := fleetConsole(t)
	w := ask(h, "GET", "/api/v1/locations", testToken, "")
	var got Locations
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	const reason = "9 of the last 10 checks were inconclusive"
	want := Locations{[]Location{
		{Location: "here", Checks: 3, Reason: reason, Since: &changed, NewestSlot: &changed, Events: []LocationEvent{{changed, false, reason}}},
		{Location: "there", Checks: 2, Healthy: true, Events: []LocationEvent{}},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	p.away = errors.New("gone")
	if w := ask(h, "GET", "/api/v1/locations", testToken, ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a database: %d", w.Code)
	}
}

func TestCoverage(t *testing.T) {
	p, h := fleetConsole(t)
	w := ask(h, "GET", "/api/v1/coverage?check=home&since=2h", testToken, "")
	var got Coverage
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := Coverage{"home", []LocationCoverage{{
		Location: "here", From: changed, To: changed.Add(time.Hour), Expected: 60, Recorded: 50, Conclusive: 30, Missing: 10, Coverage: 0.5,
	}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if age := time.Since(p.since); age < 2*time.Hour || age > 2*time.Hour+time.Minute {
		t.Errorf("since %s ago", age)
	}
	for query, want := range map[string]int{
		"check=home": http.StatusOK,
		"check=home&since=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339): http.StatusOK,
		"check=unknown":                         http.StatusNotFound,
		"":                                      http.StatusUnprocessableEntity,
		"check=NO!":                             http.StatusUnprocessableEntity,
		"check=home&since=yesterday":            http.StatusUnprocessableEntity,
		"check=home&since=-1h":                  http.StatusUnprocessableEntity,
		"check=home&since=10000h":               http.StatusUnprocessableEntity,
		"check=home&since=2999-01-01T00:00:00Z": http.StatusUnprocessableEntity,
	} {
		if w := ask(h, "GET", "/api/v1/coverage?"+query, testToken, ""); w.Code != want {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestThePlacesAreNotPublic(t *testing.T) {
	_, h := fleetConsole(t)
	for _, path := range []string{"/api/v1/locations", "/api/v1/coverage?check=home"} {
		if w := ask(h, "GET", path, "wrong", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
