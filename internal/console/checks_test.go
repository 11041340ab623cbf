package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

func newConsole(t *testing.T) (*shelf, http.Handler) {
	t.Helper()
	s := &shelf{checks: map[string]check.Check{}}
	c := New(Options{
		Store: s, Tokens: newRing(), Logger: slog.New(slog.DiscardHandler),
		Ready: func(context.Context) error { return nil },
	})
	return s, c.Handler()
}

func ask(h http.Handler, method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func home(id string) check.Check {
	return check.Check{
		ID: id, Name: id, Every: time.Minute, Timeout: time.Second, Locations: []string{"local"}, Active: true,
		Spec: &check.Browser{Width: 800, Height: 600, Expect: []string{"title != ''"}, Steps: []check.Step{{Action: check.ActionOpen, Value: "http://example.com/"}}},
	}
}

func body(t *testing.T, checks ...check.Check) string {
	t.Helper()
	ds, err := Define(checks)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(Wanted{Checks: ds})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestApplyAndList(t *testing.T) {
	_, h := newConsole(t)
	for i, want := range []Applied{
		{Created: []string{"a", "b"}, Changed: []string{}, Unchanged: []string{}, Deleted: []string{}},
		{Created: []string{}, Changed: []string{}, Unchanged: []string{"a", "b"}, Deleted: []string{}},
	} {
		w := ask(h, "PUT", "/api/v1/checks", testToken, body(t, home("a"), home("b")))
		var got Applied
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
			t.Fatalf("apply %d: %d %s", i, w.Code, w.Body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("apply %d (-want +got):\n%s", i, d)
		}
	}
	w := ask(h, "GET", "/api/v1/checks", testToken, "")
	var ds Definitions
	if err := json.Unmarshal(w.Body.Bytes(), &ds); err != nil || len(ds.Checks) != 2 || ds.Revision != 7 {
		t.Errorf("list: %d %s", w.Code, w.Body)
	}
	// What is listed can be applied as it is.
	checks, faults := new(Console).readChecks(ds.Checks)
	if len(faults) > 0 || len(checks) != 2 {
		t.Errorf("listed checks: %v", faults)
	}
}

func TestTokenIsNeeded(t *testing.T) {
	s, h := newConsole(t)
	for _, method := range []string{"PUT", "GET"} {
		for _, token := range []string{"", "wrong", testToken + "x"} {
			w := ask(h, method, "/api/v1/checks", token, body(t, home("a")))
			if w.Code != http.StatusUnauthorized || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s with token %q: %d %s", method, token, w.Code, w.Body)
			}
		}
	}
	nobody := New(Options{Store: s, Tokens: &ring{}, Logger: slog.New(slog.DiscardHandler)}).Handler()
	if w := ask(nobody, "PUT", "/api/v1/checks", "", body(t, home("a"))); w.Code != http.StatusUnauthorized {
		t.Errorf("a console without a token takes changes: %d", w.Code)
	}
	if len(s.checks) > 0 {
		t.Errorf("checks were applied without the token: %v", s.checks)
	}
}

func TestBadApplies(t *testing.T) {
	s, h := newConsole(t)
	broken := home("broken")
	broken.Every = time.Millisecond
	untyped := home("untyped")
	untyped.Spec.(*check.Browser).Expect = []string{"titel == ''"}
	for name, row := range map[string]struct {
		body  string
		code  int
		words []string
	}{
		"not JSON":          {"checks:", http.StatusBadRequest, []string{"body"}},
		"another key":       {`{"cheks": []}`, http.StatusUnprocessableEntity, []string{"cheks"}},
		"not a check":       {`{"checks": [{"version": 1, "check": {"id": 3}}]}`, http.StatusUnprocessableEntity, []string{"checks[0]"}},
		"newer version":     {`{"checks": [{"version": 99, "check": {}}]}`, http.StatusUnprocessableEntity, []string{"99"}},
		"faults, all":       {body(t, broken, untyped, home("fine")), http.StatusUnprocessableEntity, []string{`check "broken": every`, `check "untyped": titel`}},
		"the same id twice": {body(t, home("a"), home("a")), http.StatusUnprocessableEntity, []string{`check "a" is there twice`}},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(h, "PUT", "/api/v1/checks", testToken, row.body)
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != row.code || p.Status != row.code {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			said := p.Detail + strings.Join(p.Faults, "\n")
			for _, word := range row.words {
				if !strings.Contains(said, word) {
					t.Errorf("%q does not say %q", said, word)
				}
			}
		})
	}
	if len(s.checks) > 0 {
		t.Errorf("something was applied: %v", s.checks)
	}
	if w := ask(h, "PUT", "/api/v1/checks", testToken, `{"checks": [`+string(bytes.Repeat([]byte(" "), MaxApplyBytes+1))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the cap: %d %s", w.Code, w.Body)
	}
}

func TestDatabaseAway(t *testing.T) {
	s, h := newConsole(t)
	s.away = errors.New("connection to 10.1.2.3 refused")
	for _, method := range []string{"PUT", "GET"} {
		w := ask(h, method, "/api/v1/checks", testToken, body(t, home("a")))
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "10.1.2.3") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

func TestHealth(t *testing.T) {
	s := &shelf{checks: map[string]check.Check{"a": home("a")}}
	var sick error
	c := New(Options{Store: s, Tokens: newRing(), Ready: func(context.Context) error { return sick }, Logger: slog.New(slog.DiscardHandler)})
	if h := c.Health(t.Context()); h.Faults != nil || h.Active != 1 || h.Revision != 7 {
		t.Errorf("well: %+v", h)
	}
	sick = errors.New("recorder: the database is away\nqueue: gone")
	if h := c.Health(t.Context()); !slices.Equal(h.Faults, []string{"recorder: the database is away", "queue: gone"}) {
		t.Errorf("sick: %q", h.Faults)
	}
}

// What was right once is remembered, byte by byte; what was wrong never is.
func TestWhatWasWrongStaysWrong(t *testing.T) {
	s, h := newConsole(t)
	good, bad := home("a"), home("a")
	bad.Spec.(*check.Browser).Expect = []string{"titel != ''"}
	for i, step := range []struct {
		check check.Check
		want  int
	}{{bad, 422}, {bad, 422}, {good, 200}, {good, 200}, {bad, 422}, {good, 200}} {
		if w := ask(h, "PUT", "/api/v1/checks", testToken, body(t, step.check)); w.Code != step.want {
			t.Errorf("apply %d is answered %d: %s", i+1, w.Code, w.Body)
		}
	}
	if len(s.checks) != 1 {
		t.Errorf("%d checks are there", len(s.checks))
	}
}
