package console

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/shadow"
)

// pairs are three hundred jobs of a build that agrees, and three of one that
// does not.
type pairs struct{}

func (pairs) ShadowBuilds(context.Context, time.Time) ([]string, error) {
	return []string{"v3", "v2"}, nil
}

func (pairs) ShadowPairs(_ context.Context, build, location string, since time.Time) (list []shadow.Pair, err error) {
	n, o := 300, jobs.Passed
	if build == "v3" {
		n, o = 3, jobs.Failed
	}
	for i := range n {
		list = append(list, shadow.Pair{JobID: fmt.Sprint(i), CheckID: "a", Location: location, Slot: since, Old: jobs.Passed, New: o, OldTook: time.Second, NewTook: time.Second, Why: "no"})
	}
	return list, nil
}

func TestShadows(t *testing.T) {
	c := New(Options{Store: &shelf{}, Tokens: newRing(), Runs: nil, Shadows: pairs{}, Logger: slog.New(slog.DiscardHandler)})
	got, err := c.compareShadows(t.Context(), &shadowInput{Location: "here"})
	if err != nil {
		t.Fatal(err)
	}
	r := got.Body.Reports
	if len(r) != 2 || r[0].Build != "v3" || r[0].Worse != 3 || len(r[0].Disagreements) != 3 || r[0].Disagreements[0].Location != "here" {
		t.Fatalf("%+v", r)
	}
	if v2 := r[1]; v2.Pairs != 300 || v2.Rate != 0 || v2.RateHigh >= 0.01 || v2.Ratio != 1 || len(v2.Disagreements) != 0 {
		t.Errorf("%+v", v2)
	}
	if data, err := json.Marshal(r[1]); err != nil || !strings.Contains(string(data), `"disagreements":[]`) {
		t.Errorf("%s, %v", data, err)
	}
	if one, err := c.compareShadows(t.Context(), &shadowInput{Build: "v2"}); err != nil || len(one.Body.Reports) != 1 {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := c.compareShadows(t.Context(), &shadowInput{Since: "yesterday"}); err == nil {
		t.Error("yesterday is a time")
	}
	// Nobody reads it without a token.
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/shadow", nil))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", w.Code)
	}
}
