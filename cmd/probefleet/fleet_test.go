package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
)

func TestFleet(t *testing.T) {
	answer := console.Fleet{
		Workers: []console.Worker{
			{ID: "box/1", Location: "here", Build: "v2", Alive: true, Reads: 2, Lanes: []console.Lane{{Class: "api", Slots: 20, Busy: 3}, {Class: "browser", Slots: 2}}},
			{ID: "box/2", Location: "here", Build: "v1", Silent: true, Reads: 1},
		},
		Recorders: []console.Recorder{{ID: "box/3", Build: "v2", Alive: true, Reads: 2}},
		Pins: []console.Pin{
			{Type: "probefleet.result", Version: 2, Computed: 2},
			{Type: "probefleet.job", Location: "here", Class: "api", Version: 1, Computed: 2, Override: 1},
		},
		Held: []console.Held{{Check: "steps", Location: "here", Class: "api", NeedsJobs: 2, NeedsResults: 2}},
	}
	var asked string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	do := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(context.Background(), daemon.Process{
			Args: append([]string{"fleet"}, args...), Stdout: &out, Stderr: io.Discard,
			Getenv: func(name string) string {
				return map[string]string{"PROBEFLEET_CONSOLE_TOKEN": "secret", "PROBEFLEET_CONSOLE": s.URL}[name]
			},
		})
		return out.String(), err
	}
	const table = `WORKER  LOCATION  BUILD  READS  STATE         BUSY
box/1   here      v2     2      alive         api 3/20, browser 0/2
box/2   here      v1     1      gone, silent

RECORDER  BUILD  READS  STATE
box/3     v2     2      alive

PIN            VERSION  BY HAND
results        2        no
jobs here api  1        yes, in place of 2

HELD CHECK  LOCATION  CLASS  NEEDS JOBS  NEEDS RESULTS
steps       here      api    2           2
`
	got, err := do()
	lines := strings.Split(got, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	if d := cmp.Diff(table, strings.Join(lines, "\n")); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if asked != "GET /api/v1/fleet Bearer secret " {
		t.Errorf("asked %q", asked)
	}
	text, err := do("-o", "json")
	var back console.Fleet
	if err != nil || json.Unmarshal([]byte(text), &back) != nil {
		t.Errorf("%v %s", err, text)
	}
	if d := cmp.Diff(answer, back); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for args, want := range map[string]string{
		"pin -location here -class api 1": `PUT /api/v1/fleet/pins Bearer secret {"location":"here","class":"api","version":1}`,
		"pin auto":                        `PUT /api/v1/fleet/pins Bearer secret {"version":0}`,
	} {
		if _, err := do(strings.Fields(args)...); err != nil || asked != want {
			t.Errorf("%s: asked %q, %v", args, asked, err)
		}
	}
	for args, want := range map[string]string{
		"pin": "give one version", "pin 0": "is not a version", "pin x": "is not a version", "pin 1 2": "give one version", "-o yaml": "use table or json",
	} {
		if _, err := do(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
