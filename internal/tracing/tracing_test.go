package tracing_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/tracing"
)

var slot = time.Date(2026, 3, 14, 15, 9, 0, 0, time.UTC)

func job() jobs.Job {
	return jobs.New(check.Check{ID: "shop", Spec: &check.API{}}, "paris", slot, 1, slot, slot.Add(time.Minute))
}

// recorded makes the spans of one attempt whose result is finished by edit.
func recorded(t *testing.T, edit func(*jobs.Result), options ...sdktrace.TracerProviderOption) (jobs.Job, map[string]tracetest.SpanStub) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tracer, _ := tracing.New(append(options, sdktrace.WithSyncer(spans))...)
	j := job()
	tracer.Send(&j).End(nil)
	work := tracer.Work(j, slot.Add(time.Second))
	r := jobs.ResultFor(j)
	r.StartedAt, r.FinishedAt = slot.Add(2*time.Second), slot.Add(3*time.Second)
	edit(&r)
	work.Ran(&r)
	work.End(nil)
	tracer.Stored(r, slot.Add(4*time.Second), slot.Add(5*time.Second))
	byName := map[string]tracetest.SpanStub{}
	for _, s := range spans.GetSpans() {
		byName[s.Name] = s
	}
	return j, byName
}

func TestStatusSaysWhoseDoingItWas(t *testing.T) {
	for outcome, want := range map[jobs.Outcome]codes.Code{
		jobs.Passed: codes.Ok, jobs.Degraded: codes.Ok, jobs.Failed: codes.Error, jobs.Inconclusive: codes.Unset,
	} {
		_, spans := recorded(t, func(r *jobs.Result) {
			r.Outcome = outcome
			if outcome == jobs.Failed {
				r.Fault = &jobs.Fault{Class: jobs.FaultAssertion, Message: "status == 200 (got 503)"}
			}
		})
		run := spans["run check"]
		if run.Status.Code != want {
			t.Errorf("%s: status %s, want %s", outcome, run.Status.Code, want)
		}
		if outcome == jobs.Failed && run.Status.Description != "status == 200 (got 503)" {
			t.Errorf("the failed run says %q", run.Status.Description)
		}
	}
}

func TestAnExpiredJobHasNoRun(t *testing.T) {
	_, spans := recorded(t, func(r *jobs.Result) { r.Outcome, r.StartedAt = jobs.Expired, time.Time{} })
	if _, ok := spans["run check"]; ok || len(spans) != 3 {
		t.Errorf("spans of a job that was not run: %v", spans)
	}
}

func TestPhasesAndStepsAreAtTheirTimes(t *testing.T) {
	_, spans := recorded(t, func(r *jobs.Result) {
		r.Outcome = jobs.Passed
		r.Timings = jobs.Timings{DNS: 10 * time.Millisecond, Connect: 20 * time.Millisecond, FirstByte: 30 * time.Millisecond, Total: 60 * time.Millisecond}
		r.Steps = []jobs.StepResult{{Name: "open", At: 100 * time.Millisecond, Duration: 50 * time.Millisecond, OK: true}}
	})
	begun := slot.Add(2 * time.Second)
	for name, want := range map[string][2]time.Duration{
		"dns": {0, 10}, "connect": {10, 30}, "first byte": {30, 60}, "step": {100, 150},
	} {
		s := spans[name]
		if got := [2]time.Duration{s.StartTime.Sub(begun) / time.Millisecond, s.EndTime.Sub(begun) / time.Millisecond}; got != want {
			t.Errorf("%s from %d to %d ms, want %d to %d", name, got[0], got[1], want[0], want[1])
		}
	}
	if _, ok := spans["tls"]; ok {
		t.Error("there is a span of a phase that did not happen")
	}
}

func TestATraceHasTheIDOfItsRun(t *testing.T) {
	j, spans := recorded(t, func(r *jobs.Result) { r.Outcome = jobs.Passed })
	want := strings.ReplaceAll(j.RunID, "-", "")
	if id := tracing.TraceID(j.RunID); id != want {
		t.Errorf("trace id %q of run %s", id, j.RunID)
	}
	for name, s := range spans {
		if s.SpanContext.TraceID().String() != want {
			t.Errorf("%s is of trace %s, want %s", name, s.SpanContext.TraceID(), want)
		}
	}
	if tracing.TraceID("no id") != "" {
		t.Error("there is a trace id of what is no run")
	}
}

func TestWhatIsNotSampledIsNotInTheMessage(t *testing.T) {
	j, spans := recorded(t, func(r *jobs.Result) { r.Outcome = jobs.Passed }, sdktrace.WithSampler(sdktrace.NeverSample()))
	if j.TraceParent != "" || len(spans) != 0 {
		t.Errorf("trace context %q and %d spans of a run that is not sampled", j.TraceParent, len(spans))
	}
}

func TestWithoutATracerNothingHappens(t *testing.T) {
	var tracer *tracing.Tracer
	j := job()
	tracer.Send(&j).End(errors.New("x"))
	work := tracer.Work(j, slot)
	var r jobs.Result
	work.Ran(&r)
	work.End(nil)
	tracer.Stored(r, slot, slot)
	if j.TraceParent != "" || r.TraceParent != "" {
		t.Error("there is a trace context without a tracer")
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, false},
	} {
		if got := tracing.Wanted(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%v: %t", c.env, got)
		}
	}
}
