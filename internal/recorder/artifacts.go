package recorder

import (
	"cmp"
	"context"
	"time"
)

// DefaultKeepArtifacts is how long artifacts are kept: as long as the runs
// that they belong to.
const DefaultKeepArtifacts = 30 * 24 * time.Hour

// pruneEvery is how often old artifacts are looked for.
const pruneEvery = time.Hour

// artifacts is where workers keep what is too large for results.
type artifacts interface {
	// Prune removes the artifacts of days that had ended at before.
	Prune(ctx context.Context, before time.Time) (days int, err error)
}

// pruneArtifacts removes old artifacts, at the start and then every hour.
// Several recorders may do so at once: what is removed twice is gone.
func (r *Recorder) pruneArtifacts(ctx context.Context) {
	keep := cmp.Or(r.o.KeepArtifacts, DefaultKeepArtifacts)
	again := time.NewTicker(pruneEvery)
	defer again.Stop()
	for {
		days, err := r.o.Artifacts.Prune(ctx, time.Now().Add(-keep))
		switch {
		case err != nil && ctx.Err() == nil:
			r.o.Logger.Warn("old artifacts not removed", "err", err)
		case days > 0:
			r.o.Logger.Info("old artifacts removed", "days", days)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
