// Package tracing makes OpenTelemetry traces of runs: one trace for each slot of
// a check at a location, from the scheduler through the worker to the recorder.
// Its id is the run's id without hyphens, so that whoever knows a run finds its
// trace. It owns what the spans are called and what they say; it refuses to
// know queues and databases. A nil *Tracer makes no spans and costs nothing.
package tracing

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Tracer makes the spans of one service.
type Tracer struct{ tracer trace.Tracer }

// Wanted reports whether the environment asks for traces: an endpoint of the
// OTLP exporter is set, and OTEL_TRACES_EXPORTER is not `none`. The names are
// those of the OpenTelemetry specification.
func Wanted(getenv func(string) string) bool {
	if getenv("OTEL_SDK_DISABLED") == "true" || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" || getenv("OTEL_TRACES_EXPORTER") == "otlp"
}

// Open makes the tracer of a service that sends its spans by OTLP over HTTP, as
// OTEL_EXPORTER_OTLP_* and OTEL_TRACES_SAMPLER say. close sends what is left
// and has to be called. A receiver that is away costs spans and one line in the
// log each time, never a run.
func Open(ctx context.Context, service, build string, log *slog.Logger) (t *Tracer, close func(context.Context) error, err error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("sending traces", "err", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w; see OTEL_EXPORTER_OTLP_ENDPOINT", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "probefleet-"+service), attribute.String("service.version", build)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w; see OTEL_RESOURCE_ATTRIBUTES", err)
	}
	t, close = New(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return t, close, nil
}

// New makes a tracer with the options of the SDK, for tests and other exporters.
func New(options ...sdktrace.TracerProviderOption) (t *Tracer, close func(context.Context) error) {
	provider := sdktrace.NewTracerProvider(append(options, sdktrace.WithIDGenerator(ids{}))...)
	return &Tracer{provider.Tracer("github.com/probefleet/probefleet")}, provider.Shutdown
}

// ids draws ids, except that a trace has the one of its run.
type ids struct{}

type runKey struct{}

func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := ctx.Value(runKey{}).(trace.TraceID)
	if !ok {
		_, _ = rand.Read(id[:]) // never fails
	}
	return id, g.NewSpanID(ctx, id)
}

func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	_, _ = rand.Read(id[:])
	return id
}

// TraceID is the id of a run's trace, "" where runID is none.
func TraceID(runID string) string {
	if id, ok := traceID(runID); ok {
		return id.String()
	}
	return ""
}

func traceID(runID string) (id trace.TraceID, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(runID, "-", ""))
	if err != nil || len(b) != len(id) {
		return id, false
	}
	id = trace.TraceID(b)
	return id, id.IsValid()
}

// under is a context whose spans belong to parent, a W3C trace context, or else
// begin the trace of a run.
func under(ctx context.Context, parent, runID string) context.Context {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	}
	if id, ok := traceID(runID); ok {
		ctx = context.WithValue(ctx, runKey{}, id)
	}
	return ctx
}

// parentOf is the W3C trace context of a span, "" where it is not sampled.
func parentOf(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	c := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, c)
	return c["traceparent"]
}

// of are the attributes that every span of an attempt has.
func of(checkID, location string, slot time.Time, attempt int) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("probefleet.check.id", checkID),
		attribute.String("probefleet.location", location),
		attribute.String("probefleet.slot", slot.UTC().Format(time.RFC3339Nano)),
		attribute.Int("probefleet.attempt", attempt),
	}
}

// Sending is the sending of a job.
type Sending struct{ span trace.Span }

// Send begins the span of a job that is about to be sent, and writes into the
// job whose child it is for whoever works on it.
func (t *Tracer) Send(j *jobs.Job) Sending {
	if t == nil {
		return Sending{}
	}
	ctx, span := t.tracer.Start(under(context.Background(), "", j.RunID), "send job", trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(append(of(j.Check.ID, j.Location, j.Slot, j.Attempt), attribute.String("messaging.system", "aws_sqs"))...))
	j.TraceParent = parentOf(ctx)
	return Sending{span}
}

// End ends it; err is nil where the queue has accepted the job.
func (s Sending) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// Stored makes the span of a result that the recorder has committed; duplicate
// effects are suppressed there, so a result may have several.
func (t *Tracer) Stored(r jobs.Result, begun, ended time.Time) {
	if t == nil {
		return
	}
	_, span := t.tracer.Start(under(context.Background(), r.TraceParent, r.RunID), "store result", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithTimestamp(begun), trace.WithAttributes(of(r.CheckID, r.Location, r.Slot, r.Attempt)...))
	span.End(trace.WithTimestamp(ended))
}
