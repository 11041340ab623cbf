package browserrunner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/recording"
)

// recordingsEnv names the folder of cases for `make conformance`.
const recordingsEnv = "PROBEFLEET_RECORDINGS"

// TestConformance runs the cases of a folder of recordings: flows with what
// their pages have to be like afterwards, selectors with the element that each
// finds, and recordings that are refused. The project has none of its own; its
// tests have recordings written for it.
func TestConformance(t *testing.T) {
	dir := os.Getenv(recordingsEnv)
	if dir == "" {
		t.Skip("runs by `make conformance RECORDINGS=FOLDER`")
	}
	site := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "resources"))))
	defer site.Close()
	port := site.URL[strings.LastIndexByte(site.URL, ':'):]
	addresses := strings.NewReplacer("{{HTTP}}", "http://localhost"+port, "{{OOPIF}}", "http://oopifdomain"+port)
	r := isolated(t)

	t.Run("flows", func(t *testing.T) { conformFlows(t, r, dir, addresses) })
	t.Run("selectors", func(t *testing.T) { conformSelectors(t, r, dir) })
	t.Run("parsing", func(t *testing.T) { conformParsing(t, dir) })
}

// isolated runs a browser in which every site has a process of its own, and
// oopifdomain is this machine.
func isolated(t *testing.T) *Runner {
	t.Helper()
	browser, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder(t), "browser.sh")
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\" --site-per-process '--host-resolver-rules=MAP oopifdomain 127.0.0.1'\n", browser)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r, _ := own(t, func(o *Options) { o.Path = path })
	r.browsers.unguarded = true // else names are resolved outside of the browser
	return r
}

// cases reads a file of cases.
func cases[T any](t *testing.T, dir, name string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal("the folder of recordings is not whole:", err)
	}
	var cs []T
	if err := json.Unmarshal(data, &cs); err != nil || len(cs) == 0 {
		t.Fatalf("%s: %d cases, %v", name, len(cs), err)
	}
	return cs
}

// tally prints a line for each case and the total.
type tally struct{ passed, all int }

func (c *tally) line(t *testing.T, name string, err error) {
	t.Helper()
	c.all++
	if err != nil {
		t.Errorf("FAIL %s: %v", name, err)
		return
	}
	c.passed++
	t.Logf("ok   %s", name)
}

func (c *tally) total(t *testing.T, what string) { t.Logf("%s: %d of %d", what, c.passed, c.all) }

func conformFlows(t *testing.T, r *Runner, dir string, addresses *strings.Replacer) {
	type flowCase struct {
		Name    string
		Flow    json.RawMessage
		Asserts []struct {
			Expr   string
			Equals any
		}
		FrameURL string
		Fails    bool
	}
	var count tally
	for _, c := range cases[flowCase](t, dir, "runner-cases.json") {
		err := func() error {
			rec, faults := recording.Parse([]byte(addresses.Replace(string(c.Flow))))
			if len(faults) > 0 {
				return faults[0]
			}
			return played(t, r, rec.Steps, func(ctx context.Context, f *flow, failure error) error {
				if step := new(stepError); c.Fails && errors.As(failure, &step) {
					return nil
				} else if c.Fails || failure != nil {
					return fmt.Errorf("fails %t, ended with %w", c.Fails, failure)
				}
				for _, a := range c.Asserts {
					if err := asserted(ctx, f.tab, a.Expr, a.Equals); err != nil {
						return err
					}
				}
				if url := addresses.Replace(c.FrameURL); url != "" && !hasFrame(f.tab, url) {
					return fmt.Errorf("no frame is at %s", url)
				}
				return nil
			})
		}()
		count.line(t, c.Name, err)
	}
	count.total(t, "flows")
}

// played runs steps in a tab of their own and lets look see it afterwards.
func played(t *testing.T, r *Runner, steps []check.Step, look func(ctx context.Context, f *flow, failure error) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := r.browsers.acquire(ctx)
	if err != nil {
		return err
	}
	tb, err := openTab(ctx, b, 800, 600)
	defer r.dispose(ctx, b, tb)
	if err != nil {
		return err
	}
	spec := &check.Browser{Steps: steps, Width: 800, Height: 600}
	f := newFlow(ctx, r, tb, check.Check{Timeout: 50 * time.Second, Spec: spec})
	var res jobs.Result
	failure := f.run(&res, spec)
	return look(ctx, f, failure)
}

func asserted(ctx context.Context, tb *tab, expression string, want any) error {
	value, err := tb.evaluate(ctx, tb.top.root, expression)
	if err != nil {
		return err
	}
	var got any
	if err := json.Unmarshal(value.Value, &got); err != nil {
		return fmt.Errorf("%s is %s: %w", expression, describe(value), err)
	}
	if d := cmp.Diff(want, got); d != "" {
		return fmt.Errorf("%s (-want +got):\n%s", expression, d)
	}
	return nil
}

func hasFrame(tb *tab, url string) bool {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for _, fr := range tb.frames {
		if fr.url == url {
			return true
		}
	}
	return false
}

func conformSelectors(t *testing.T, r *Runner, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "golden-upstream.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct{ Matched string }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	var count tally
	for _, c := range cases[struct {
		Selector json.RawMessage
		Content  string
	}](t, dir, "selector-cases.json") {
		var compact bytes.Buffer
		if err := json.Compact(&compact, c.Selector); err != nil {
			t.Fatal(err)
		}
		want := golden["selector/"+compact.String()].Matched
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprint(w, c.Content)
		}))
		text := fmt.Sprintf(`{"title": "x", "steps": [{"type": "navigate", "url": %q}, {"type": "waitForElement", "selectors": [%s]}]}`, site.URL, c.Selector)
		rec, faults := recording.Parse([]byte(text))
		err := fmt.Errorf("refused: %v", faults)
		if len(faults) == 0 {
			err = played(t, r, rec.Steps, func(ctx context.Context, f *flow, failure error) error {
				if failure != nil {
					return failure
				}
				got, err := matched(ctx, f.newStep(rec.Steps[1]))
				if err == nil && (got != want || want == "") {
					err = fmt.Errorf("found %q, want %q", got, want)
				}
				return err
			})
		}
		site.Close()
		count.line(t, compact.String(), err)
	}
	count.total(t, "selectors")
}

// matched names the element of a step, as DIV#id.
func matched(ctx context.Context, s *stepRun) (string, error) {
	fr := s.tab.top.root
	w := s.want(opInner)
	rest, given, _, err := s.tab.resolve(ctx, fr, w)
	if err != nil {
		return "", err
	}
	w.Paths = rest
	object, err := s.tab.element(ctx, fr, w, given)
	if err != nil || object == "" {
		return "nothing", err
	}
	res, err := call(ctx, s.tab.session, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: "function() { return this.nodeName + '#' + this.id }", ObjectID: object, ReturnByValue: ptr(true),
	})
	if err != nil {
		return "", err
	}
	var name string
	return name, unmarshal(res.Result.Value, &name)
}

// sameMeaning has, by the words of a case, what ours say of the same fault.
var sameMeaning = map[string]string{
	"Recording is missing `title`":                                   "the recording has no title",
	"Recording is missing `steps`":                                   "the recording has no steps",
	"Recording `steps` is not an array":                              "the recording's steps are an object, not an array",
	"Timeout is not between 1 and 30000 milliseconds":                "is not between 1 and 30000 milliseconds",
	"WaitForElement step's attribute is not a dictionary of strings": "attributes are texts",
	"WaitForElement step's attribute is not an object":               "properties is null, not an object",
}

func conformParsing(t *testing.T, dir string) {
	var count tally
	for _, c := range cases[struct {
		Input json.RawMessage
		Error string
	}](t, dir, "parse-error-cases.json") {
		words := sameMeaning[c.Error]
		err := fmt.Errorf("no fault says %q", words)
		_, faults := recording.Parse(c.Input)
		for _, f := range faults {
			if words != "" && strings.Contains(f.Message, words) && f.Line > 0 && f.Column > 0 {
				err = nil
			}
		}
		count.line(t, fmt.Sprintf("%s ← %v", c.Error, faults), err)
	}
	count.total(t, "refused recordings")
}
