package recorder

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/rollout"
)

// registry is where the recorder keeps who is in the fleet.
type registry interface {
	WorkerSaid(ctx context.Context, a jobs.Announcement) error
	WorkerWorked(ctx context.Context, a jobs.Announcement) error
	RecorderSaid(ctx context.Context, r rollout.Recorder) error
}

// registryTimeout bounds one call to the registry.
const registryTimeout = 5 * time.Second

// announced keeps what a worker says of itself. It is back in the queue where
// the database is away; what is stale by then does no harm.
func (r *Recorder) announced(ctx context.Context, m queue.Message) error {
	a, err := codec.DecodeAnnouncement([]byte(m.Body))
	if err != nil {
		return r.unreadable(err)
	}
	if r.o.Registry == nil {
		return nil
	}
	r.heard.note(a.Worker.ID, time.Now().Add(rollout.Alive))
	ctx, cancel := context.WithTimeout(ctx, registryTimeout)
	defer cancel()
	if err := r.o.Registry.WorkerSaid(ctx, a); err != nil {
		return queue.RetryAfter(err, between(againMin, againMax))
	}
	r.o.Metrics.announcements.Inc()
	return nil
}

// worked notes the workers of results, of which some may belong to a release
// that does not announce itself. Only the first versions can be expected of
// those.
func (r *Recorder) worked(ctx context.Context, results []jobs.Result) {
	if r.o.Registry == nil {
		return
	}
	for _, res := range results {
		now := time.Now()
		if res.Worker.ID == "" || !r.heard.silent(res.Worker.ID, now) {
			continue
		}
		a := codec.NewAnnouncement(res.Worker, res.Location, now, now)
		a.Reads, a.Writes = 1, 1
		for _, class := range jobs.Classes { // it may serve the other class as well
			a.Lanes = append(a.Lanes, jobs.LaneState{Class: class})
		}
		limited, cancel := context.WithTimeout(ctx, registryTimeout)
		err := r.o.Registry.WorkerWorked(limited, a)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("noting a worker that does not announce itself", "worker", res.Worker.ID, "err", err)
		}
	}
}

// keepRegistered says that this recorder is there, and which results it reads,
// until ctx ends; then that it leaves.
func (r *Recorder) keepRegistered(ctx context.Context) {
	if r.o.Registry == nil {
		return
	}
	self := rollout.Recorder{ID: r.o.Identity.ID, Build: r.o.Identity.Build, Reads: codec.ResultVersion}
	say := func(ctx context.Context) {
		limited, cancel := context.WithTimeout(ctx, registryTimeout)
		defer cancel()
		if err := r.o.Registry.RecorderSaid(limited, self); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("saying that this recorder is there", "err", err)
		}
	}
	for ctx.Err() == nil {
		say(ctx)
		sleep(ctx, rollout.AnnounceEvery)
	}
	self.Left = true
	say(context.WithoutCancel(ctx))
}

// unreadable counts a message that this build cannot read, and says what
// becomes of it: what is too new comes back later, everything else at once, and
// at last both lie among the dead letters.
func (r *Recorder) unreadable(err error) error {
	if _, ok := errors.AsType[*codec.UnsupportedVersionError](err); ok {
		r.o.Metrics.unreadable.WithLabelValues("unsupported_version").Inc()
		return queue.RetryAfter(err, between(newerMin, newerMax))
	}
	r.o.Metrics.unreadable.WithLabelValues("decode").Inc()
	return err
}

// heard remembers until when a worker needs no further note: those that
// announce themselves, and silent ones that were noted a moment ago.
type heard struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (h *heard) note(worker string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until == nil {
		h.until = map[string]time.Time{}
	}
	h.until[worker] = until
}

// silent reports whether the worker is to be noted by its result, and that it
// was.
func (h *heard) silent(worker string, now time.Time) bool {
	h.mu.Lock()
	known := now.Before(h.until[worker])
	if len(h.until) > 10_000 { // names come and go
		clear(h.until)
	}
	h.mu.Unlock()
	if !known {
		h.note(worker, now.Add(rollout.AnnounceEvery))
	}
	return !known
}
