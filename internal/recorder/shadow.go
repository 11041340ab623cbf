package recorder

import (
	"context"
	"fmt"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// shadowBook keeps what candidate workers found, apart from what counts.
type shadowBook interface {
	RecordShadow(ctx context.Context, r jobs.Result) error
}

// Shadow is where results of candidate workers come from and go to: a queue of
// their own, so that no recorder, whatever its release, can take one for a
// result that counts.
type Shadow struct {
	Queue    string
	Receiver queue.Receiver
	Book     shadowBook
}

// shadowSlots is the number of results of candidates in hand.
const shadowSlots = 20

// consumeShadow stores results of candidates until ctx ends, then those in
// hand.
func (r *Recorder) consumeShadow(ctx context.Context) {
	err := queue.Consume(ctx, r.o.Shadow.Receiver, r.handleShadow, queue.Options{
		Name: r.o.Shadow.Queue, Slots: shadowSlots, Visibility: r.o.Visibility, DrainBudget: r.o.DrainBudget,
		Hurry: r.o.Hurry, Ready: r.breaker.check, Logger: r.o.Logger, Metrics: r.o.Queues,
	})
	if err != nil {
		r.o.Logger.Error("results of candidate workers are not stored", "queue", r.o.Shadow.Queue, "err", err)
	}
}

// handleShadow stores one result of a candidate. What else a worker says there
// is of no interest: a candidate belongs to no fleet.
func (r *Recorder) handleShadow(ctx context.Context, m queue.Message) error {
	switch codec.TypeOf([]byte(m.Body)) {
	case codec.TypeWorker, codec.TypeDeadLetter:
		return nil
	}
	res, err := codec.DecodeResult([]byte(m.Body))
	if err != nil {
		return r.unreadable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	if err := r.o.Shadow.Book.RecordShadow(ctx, res); err != nil {
		return queue.RetryAfter(fmt.Errorf("storing a candidate's result of job %q of check %q: %w", res.JobID, res.CheckID, err), between(againMin, againMax))
	}
	r.o.Metrics.shadow.Inc()
	return nil
}
