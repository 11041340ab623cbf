package recorder

import (
	"context"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/jobs"
)

// workBook keeps what workers were busy with, for whoever says how many are
// wanted.
type workBook interface {
	AddWork(ctx context.Context, recorder string, work map[capacity.Place]capacity.Work) error
}

const (
	// workEvery is how often work is handed over: the delay with which a
	// slower target shows in the wanted number of workers.
	workEvery = 10 * time.Second
	// workTimeout bounds one call.
	workTimeout = 5 * time.Second
)

// served adds up what workers were busy with, between two calls to the book.
// What a recorder that dies has not handed over is lost: it is a measurement,
// not a record.
type served struct {
	mu   sync.Mutex
	work map[capacity.Place]capacity.Work
}

// note adds what the results tell of workers. A result that is stored for the
// second time counts again: somebody was busy twice.
func (s *served) note(results []jobs.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		if r.Kind.Jobless() || r.ReceivedAt.IsZero() {
			continue
		}
		w := capacity.Work{Received: 1}
		if !r.SentAt.IsZero() {
			w.Waited = max(0, r.ReceivedAt.Sub(r.SentAt)) // two machines' clocks
		}
		if !r.StartedAt.IsZero() {
			w.Runs, w.Busy = 1, max(0, r.FinishedAt.Sub(r.ReceivedAt))
			if r.Attempt > 1 {
				w.Again = 1
			}
		}
		if s.work == nil {
			s.work = map[capacity.Place]capacity.Work{}
		}
		p := capacity.Place{Location: r.Location, Class: jobs.ClassOf(r.Kind)}
		s.work[p] = s.work[p].Add(w)
	}
}

// take is what was noted since the last call.
func (s *served) take() map[capacity.Place]capacity.Work {
	s.mu.Lock()
	defer s.mu.Unlock()
	work := s.work
	s.work = nil
	return work
}

// handOverWork tells the book what workers were busy with, until ctx ends.
func (r *Recorder) handOverWork(ctx context.Context) {
	for sleep(ctx, workEvery); ctx.Err() == nil; sleep(ctx, workEvery) {
		work := r.served.take()
		if len(work) == 0 || r.breaker.state() != nil {
			continue // nothing to tell, or nobody to tell it to
		}
		limited, cancel := context.WithTimeout(ctx, workTimeout)
		err := r.o.Work.AddWork(limited, r.o.Identity.ID, work)
		cancel()
		if err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("telling what workers were busy with; the wanted capacity does without it", "err", err)
		}
	}
}
