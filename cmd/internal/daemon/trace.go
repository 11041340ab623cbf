package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/probefleet/probefleet/internal/tracing"
)

// traceEnd is how long spans that are left may take to be sent at the end.
const traceEnd = 3 * time.Second

// Tracer makes the tracer of a service where the environment asks for one, nil
// otherwise. end sends what is left.
func Tracer(ctx context.Context, p Process, service string, log *slog.Logger) (t *tracing.Tracer, end func(), err error) {
	if !tracing.Wanted(p.Getenv) {
		return nil, func() {}, nil
	}
	t, close, err := tracing.Open(ctx, service, Build(), log)
	if err != nil {
		return nil, nil, &UsageError{err}
	}
	return t, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceEnd)
		defer cancel()
		if err := close(ctx); err != nil {
			log.Warn("sending the last traces", "err", err)
		}
	}, nil
}
