package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Working is a worker's work on a job.
type Working struct {
	t    *Tracer
	ctx  context.Context
	span trace.Span
}

// Work begins the span of a job in a worker, at the time at which it was
// received.
func (t *Tracer) Work(j jobs.Job, receivedAt time.Time) Working {
	if t == nil {
		return Working{}
	}
	ctx, span := t.tracer.Start(under(context.Background(), j.TraceParent, j.RunID), "work on job", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithTimestamp(receivedAt), trace.WithAttributes(append(of(j.Check.ID, j.Location, j.Slot, j.Attempt),
			attribute.String("messaging.system", "aws_sqs"), attribute.String("probefleet.check.kind", string(j.Check.Kind())))...))
	return Working{t, ctx, span}
}

// Ran makes the spans of what was seen: the run, its steps and phases, at their
// own times and with a status that tells whose doing it was. Passed and
// degraded are OK, failed is an error; what is inconclusive or expired says
// nothing about the target, and has no status. It writes into the result whose
// child it is for the recorder.
func (w Working) Ran(r *jobs.Result) {
	if w.span == nil {
		return
	}
	r.TraceParent = parentOf(w.ctx)
	if r.StartedAt.IsZero() { // it was not run
		w.span.SetAttributes(attribute.String("probefleet.outcome", string(r.Outcome)))
		return
	}
	attributes := append(of(r.CheckID, r.Location, r.Slot, r.Attempt),
		attribute.String("probefleet.check.kind", string(r.Kind)), attribute.String("probefleet.outcome", string(r.Outcome)))
	if r.Fault != nil {
		attributes = append(attributes, attribute.String("probefleet.fault.class", string(r.Fault.Class)))
	}
	if a := r.Evidence.Response; a != nil && a.Status > 0 {
		attributes = append(attributes, attribute.Int("http.response.status_code", a.Status))
	}
	ctx, run := w.t.tracer.Start(w.ctx, "run check", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(r.StartedAt), trace.WithAttributes(attributes...))
	switch r.Outcome {
	case jobs.Passed, jobs.Degraded:
		run.SetStatus(codes.Ok, "")
	case jobs.Failed:
		why := ""
		if r.Fault != nil {
			why = r.Fault.Message
		}
		run.SetStatus(codes.Error, why)
	}
	w.phases(ctx, r.StartedAt, r.Timings)
	w.steps(ctx, r)
	run.End(trace.WithTimestamp(r.FinishedAt))
}

// steps makes a span of each step. Those of API checks follow each other.
func (w Working) steps(ctx context.Context, r *jobs.Result) {
	next := r.StartedAt
	for _, s := range r.Steps {
		begun := next
		if s.At > 0 {
			begun = r.StartedAt.Add(s.At)
		}
		next = begun.Add(s.Duration)
		of := []attribute.KeyValue{attribute.String("probefleet.step", s.Name)}
		if s.Action != "" {
			of = append(of, attribute.String("probefleet.action", string(s.Action)))
		}
		in, span := w.t.tracer.Start(ctx, "step", trace.WithTimestamp(begun), trace.WithAttributes(of...))
		switch {
		case s.OK:
			span.SetStatus(codes.Ok, "")
		case !s.Optional:
			span.SetStatus(codes.Error, s.Error)
		}
		w.phases(in, begun, s.Timings)
		span.End(trace.WithTimestamp(next))
	}
}

// phases makes a span of each phase that happened, one after the other.
func (w Working) phases(ctx context.Context, begun time.Time, t jobs.Timings) {
	for _, p := range []struct {
		name string
		took time.Duration
	}{{"dns", t.DNS}, {"connect", t.Connect}, {"tls", t.TLS}, {"first byte", t.FirstByte}, {"download", t.Download}} {
		if p.took <= 0 {
			continue
		}
		_, span := w.t.tracer.Start(ctx, p.name, trace.WithTimestamp(begun))
		begun = begun.Add(p.took)
		span.End(trace.WithTimestamp(begun))
	}
}

// End ends the work; err is nil where the result was handed over and the job
// may be deleted.
func (w Working) End(err error) {
	if w.span == nil {
		return
	}
	if err != nil {
		w.span.SetStatus(codes.Error, err.Error())
	}
	w.span.End()
}
