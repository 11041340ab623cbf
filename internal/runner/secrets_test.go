package runner_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/template"
)

// vault is a store of secrets.
type vault map[string]string

func (v vault) Get(name string) (string, bool) { s, ok := v[name]; return s, ok }

// blabber is a runner that repeats what it was given in every part of a result.
type blabber struct{ ran int }

func (b *blabber) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	b.ran++
	text, err := template.From(ctx).Fill("{{ secrets.token }} {{ sha256(secrets.token) }}")
	if err != nil {
		return jobs.Result{}, err
	}
	res := jobs.ResultFor(j)
	res.Fail(jobs.FaultStep, text)
	res.Verdicts = []jobs.Verdict{{Expr: "title == 'x'", Message: text}}
	res.Steps = []jobs.StepResult{{Name: text, Error: text}}
	res.Evidence = jobs.Evidence{
		Response:  &jobs.Response{Headers: map[string]string{text: text}, Excerpt: text, URL: text, TLS: &jobs.TLS{Subject: text}},
		Page:      &jobs.Page{URL: text, Title: text},
		Console:   []jobs.ConsoleEntry{{Text: text, URL: text}},
		Artifacts: []jobs.Artifact{{Name: text, Key: "runs/a.png"}},
	}
	return res, nil
}

func secretJob(url string) jobs.Job {
	spec := check.OneRequest(check.Request{Method: "GET", URL: url, MaxBody: 1}, nil, nil)
	spec.Templates = true
	slot := time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
	return jobs.New(check.Check{ID: "shop", Timeout: time.Second, Every: time.Minute, Spec: spec}, "local", slot, 1, slot, slot.Add(time.Minute))
}

// Whatever a runner puts into a result, secrets and what came of them are not
// in it any more when it leaves the worker.
func TestSecretsAreInNoPartOfAResult(t *testing.T) {
	mux := runner.NewMux(map[check.Kind]runner.Runner{check.KindAPI: &blabber{}}, time.Now, slog.New(slog.DiscardHandler))
	mux.Use(vault{"token": "canary-s3cr3t"})
	res, err := mux.Run(t.Context(), secretJob("https://a.example/{{ secrets.token }}"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"canary", "e9a0aee0"} {
		if strings.Contains(string(all), hidden) {
			t.Errorf("%s is in %s", hidden, all)
		}
	}
	if n := strings.Count(string(all), "(redacted) (redacted)"); n != 14 {
		t.Errorf("%d parts are hidden, want 14: %s", n, all)
	}
	if res.Evidence.Artifacts[0].Key != "runs/a.png" {
		t.Error("the key of an artifact has changed")
	}
}

// A secret that is not here is nobody's downtime, and nothing is run.
func TestMissingSecretIsInconclusive(t *testing.T) {
	b := &blabber{}
	mux := runner.NewMux(map[check.Kind]runner.Runner{check.KindAPI: b}, time.Now, slog.New(slog.DiscardHandler))
	for _, known := range []vault{nil, {"token": "canary-s3cr3t"}} {
		mux.Use(known)
		res, err := mux.Run(t.Context(), secretJob("https://a.example/{{ secrets.token + secrets.other }}"))
		if err != nil {
			t.Fatal(err)
		}
		if res.Outcome != jobs.Inconclusive || res.Fault.Class != jobs.FaultSecret || !strings.Contains(res.Fault.Message, "other") || b.ran > 0 {
			t.Errorf("%s, %+v, ran %d times", res.Outcome, res.Fault, b.ran)
		}
	}
	res, err := mux.Run(t.Context(), secretJob("https://a.example/{{ secrets.token }}"))
	if err != nil || res.Outcome != jobs.Failed || b.ran != 1 {
		t.Errorf("%s %+v, %v: the runner was not asked", res.Outcome, res.Fault, err)
	}
}
