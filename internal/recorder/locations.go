package recorder

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// locationBook is what is known of locations.
type locationBook interface {
	// LocationSamples are those of the locations that need a look.
	LocationSamples(ctx context.Context) ([]status.LocationSample, error)
	// DeclareLocation reports whether this is news; of several recorders that
	// say the same, one is told so.
	DeclareLocation(ctx context.Context, location string, healthy bool, reason string) (changed bool, err error)
	// PruneRetries forgets what was to be made again before a time.
	PruneRetries(ctx context.Context, before time.Time) error
}

const (
	// locationsEvery is how often locations are looked at, and with it how
	// late an alert can be.
	locationsEvery = 5 * time.Second
	// locationsTimeout bounds one look.
	locationsTimeout = 10 * time.Second
	// retriesKept is how long it is known where attempts were made again.
	retriesKept = 2 * day
)

// watchLocations declares locations unhealthy, and healthy again, until ctx
// ends.
func (r *Recorder) watchLocations(ctx context.Context) {
	var pruneAt time.Time
	for sleep(ctx, locationsEvery); ctx.Err() == nil; sleep(ctx, locationsEvery) {
		if r.breaker.state() != nil {
			continue // the database is away
		}
		if err := r.lookAtLocations(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("looking at the locations", "err", err)
		}
		if now := time.Now(); !now.Before(pruneAt) {
			pruneAt = now.Add(time.Hour)
			if err := r.o.Locations.PruneRetries(ctx, now.Add(-retriesKept)); err != nil && ctx.Err() == nil {
				r.o.Logger.Warn("forgetting old retries", "err", err)
			}
		}
	}
}

func (r *Recorder) lookAtLocations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, locationsTimeout)
	defer cancel()
	samples, err := r.o.Locations.LocationSamples(ctx)
	if err != nil {
		return err
	}
	for _, s := range samples {
		healthy := s.Judge()
		gauge := 0.0
		if !healthy {
			gauge = 1
		}
		r.o.Metrics.unhealthy.WithLabelValues(s.Location).Set(gauge)
		if healthy == s.Healthy {
			continue
		}
		changed, err := r.o.Locations.DeclareLocation(ctx, s.Location, healthy, s.Reason())
		switch {
		case err != nil:
			return err
		case !changed: // another recorder was first, and said so
		case healthy:
			r.o.Logger.Info("location is healthy again", "location", s.Location, "reason", s.Reason())
		default:
			r.o.Metrics.alerts.WithLabelValues(s.Location).Inc()
			r.o.Logger.Warn("location is unhealthy: what its workers see says nothing about the targets", "location", s.Location, "reason", s.Reason())
		}
	}
	return nil
}
