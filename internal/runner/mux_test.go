package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
)

type runFunc func(context.Context, jobs.Job) (jobs.Result, error)

func (f runFunc) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) { return f(ctx, j) }

func job(spec check.Spec) jobs.Job {
	slot := time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
	c := check.Check{ID: "shop", Timeout: 10 * time.Second, Every: time.Minute, Spec: spec}
	return jobs.New(c, "local", slot, 1, slot, slot.Add(time.Minute))
}

// mux runs API checks by f; what is logged goes to log.
func mux(f runFunc, log *bytes.Buffer) *runner.Mux {
	return runner.NewMux(map[check.Kind]runner.Runner{check.KindAPI: f}, time.Now, slog.New(slog.NewTextHandler(log, nil)))
}

func passed(_ context.Context, j jobs.Job) (jobs.Result, error) {
	res := jobs.ResultFor(j)
	res.Conclude()
	return res, nil
}

func TestStampsAndIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job(&check.API{})
		m := mux(func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
			<-time.After(time.Second)
			return passed(ctx, j)
		}, &bytes.Buffer{})
		start := time.Now().UTC()
		got, err := m.Run(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		want := jobs.ResultFor(j)
		want.Outcome, want.StartedAt, want.FinishedAt = jobs.Passed, start, start.Add(time.Second)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func TestKindWithoutRunner(t *testing.T) {
	m := mux(passed, &bytes.Buffer{})
	for class, spec := range map[jobs.FaultClass]check.Spec{
		jobs.FaultNoBrowser: &check.Browser{},
		jobs.FaultInternal:  nil,
	} {
		j := job(spec)
		got, err := m.Run(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome != jobs.Inconclusive || got.Fault.Class != class || got.JobID != j.ID || got.FinishedAt.IsZero() {
			t.Errorf("%s: got %+v, fault %+v", class, got, got.Fault)
		}
	}
}

func TestPanicIsAResult(t *testing.T) {
	var log bytes.Buffer
	m := mux(func(context.Context, jobs.Job) (jobs.Result, error) {
		var empty []int
		_ = empty[3]
		return jobs.Result{}, nil
	}, &log)
	got, err := m.Run(t.Context(), job(&check.API{}))
	if err != nil || got.Outcome != jobs.Inconclusive || got.Fault.Class != jobs.FaultInternal ||
		!strings.Contains(got.Fault.Message, "index out of range") {
		t.Errorf("got %+v, fault %+v, %v", got, got.Fault, err)
	}
	if !strings.Contains(log.String(), "mux_test.go") {
		t.Errorf("the log lacks the stack: %s", &log)
	}
}

func TestRunnerIsHeldToItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mux(func(ctx context.Context, _ jobs.Job) (jobs.Result, error) {
			<-ctx.Done()
			return jobs.Result{}, ctx.Err()
		}, &bytes.Buffer{})
		start := time.Now()
		got, err := m.Run(t.Context(), job(&check.API{}))
		if err != nil || got.Outcome != jobs.Inconclusive || got.Fault.Class != jobs.FaultInternal {
			t.Errorf("got %+v, fault %+v, %v", got, got.Fault, err)
		}
		if took := time.Since(start); took != 10*time.Second+runner.Grace {
			t.Errorf("ended after %s", took)
		}
	})
}

// A drain is no verdict on the target and none on the runner: the job must
// come back.
func TestCancellationFromAboveIsAnError(t *testing.T) {
	m := mux(func(ctx context.Context, _ jobs.Job) (jobs.Result, error) {
		<-ctx.Done()
		return jobs.Result{}, context.Cause(ctx)
	}, &bytes.Buffer{})
	drain := errors.New("draining")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(drain)
	if _, err := m.Run(ctx, job(&check.API{})); !errors.Is(err, drain) {
		t.Errorf("err = %v, want the drain", err)
	}
}

func TestErrorOfARunnerIsKept(t *testing.T) {
	broken := errors.New("no sockets")
	m := mux(func(context.Context, jobs.Job) (jobs.Result, error) { return jobs.Result{}, broken }, &bytes.Buffer{})
	if _, err := m.Run(t.Context(), job(&check.API{})); !errors.Is(err, broken) {
		t.Errorf("err = %v", err)
	}
}

func TestResultCanBeStored(t *testing.T) {
	m := mux(func(_ context.Context, j jobs.Job) (jobs.Result, error) {
		res := jobs.ResultFor(j)
		res.Fail(jobs.FaultAssertion, "got \x00 and \xff\xfe")
		res.Verdicts = []jobs.Verdict{{Expr: "body == 'a'", Message: "got \xc3\x28"}}
		res.Steps = []jobs.StepResult{{Name: "a\x00", Error: "\xff"}}
		res.Evidence = jobs.Evidence{
			Response: &jobs.Response{URL: "http://a/\xff", Excerpt: "\x00\xf0\x9f", Headers: map[string]string{"x-a": "\xe9"}, TLS: &jobs.TLS{Issuer: "\xff"}},
			Page:     &jobs.Page{Title: "\xff\x00"},
			Console:  []jobs.ConsoleEntry{{Text: "\x00"}},
		}
		return res, nil
	}, &bytes.Buffer{})
	got, err := m.Run(t.Context(), job(&check.API{}))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %+v %+v %+v", got, got.Fault, got.Evidence.Response, got.Evidence.Page); !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		t.Errorf("not clean: %q", text)
	}
	if got.Fault.Message != "got \uFFFD and \uFFFD" || got.Evidence.Response.Headers["x-a"] != "\uFFFD" {
		t.Errorf("got %q, %v", got.Fault.Message, got.Evidence.Response.Headers)
	}
}

func TestEvidenceIsCappedAndSaysSo(t *testing.T) {
	big := strings.Repeat("<é\"", 20_000)
	m := mux(func(_ context.Context, j jobs.Job) (jobs.Result, error) {
		res := jobs.ResultFor(j)
		res.Fail(jobs.FaultStep, big)
		headers := map[string]string{}
		for i := range 100 {
			headers[fmt.Sprintf("x-%03d", i)] = big
			res.Evidence.Console = append(res.Evidence.Console, jobs.ConsoleEntry{Level: "error", Text: big})
		}
		res.Evidence.Response = &jobs.Response{Headers: headers, Excerpt: strings.Repeat("<p>", 1300)}
		return res, nil
	}, &bytes.Buffer{})
	got, err := m.Run(t.Context(), job(&check.API{}))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > runner.EvidenceCap+4096 {
		t.Errorf("the result takes %d bytes", len(data))
	}
	for _, words := range []string{"… (cut)", "more headers were cut", "100 more entries were cut"} {
		if !bytes.Contains(data, []byte(words)) {
			t.Errorf("the result does not say %q", words)
		}
	}
	if n := len(got.Evidence.Response.Excerpt); n != 3900 {
		t.Errorf("the excerpt has %d bytes", n)
	}
}

func TestSmallEvidenceIsUntouched(t *testing.T) {
	var want jobs.Result
	m := mux(func(ctx context.Context, j jobs.Job) (jobs.Result, error) {
		res, err := passed(ctx, j)
		res.Evidence.Response = &jobs.Response{Status: 200, Headers: map[string]string{"a": "b"}, Excerpt: "hällo <b>", TLS: &jobs.TLS{Version: "TLS 1.3"}}
		res.Evidence.Console = []jobs.ConsoleEntry{{Level: "warning", Text: "slow"}}
		want = res
		return res, err
	}, &bytes.Buffer{})
	got, err := m.Run(t.Context(), job(&check.API{}))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Evidence, got.Evidence); d != "" {
		t.Error(d)
	}
}
