package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

const (
	// sendBudget is how long one result is offered to a queue that refuses it.
	sendBudget = 30 * time.Second
	// sendTimeout bounds one offer.
	sendTimeout = 20 * time.Second
	// The pause of all lanes after a result that could not be handed over is
	// between these: what would be taken meanwhile would be run for nothing.
	resultHoldMin, resultHoldMax = 10 * time.Second, 20 * time.Second
)

// send hands res over, in the version that the job wants its reply in. It tries for a while, as running the job again would
// cost more, and stops trying when ctx ends.
func (w *Worker) send(ctx context.Context, l *lane, reply int, res jobs.Result) error {
	m, cut, err := outgoing(reply, res)
	if err != nil {
		return err
	}
	if cut {
		w.Metrics.trimmed.WithLabelValues(string(l.class)).Inc()
		w.Logger.Warn("result was too large; sending it without most of its evidence", "check", res.CheckID, "job", res.JobID)
	}
	deadline := time.Now().Add(sendBudget)
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		try, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
		err = w.Results.Send(try, m)
		cancel()
		if err == nil {
			return nil
		}
		w.Metrics.sendErrors.WithLabelValues(string(l.class)).Inc()
		if ctx.Err() != nil || !time.Now().Add(pause).Before(deadline) {
			w.results.hold(between(resultHoldMin, resultHoldMax))
			return err
		}
		sleep(ctx, between(pause/2, pause))
	}
}

// outgoing is res as a message that fits into the queue; cut says that it did
// not fit as it was.
func outgoing(reply int, res jobs.Result) (m queue.Outgoing, cut bool, err error) {
	m, err = encode(reply, res)
	if err == nil {
		return m, false, nil
	}
	m, err = encode(reply, trim(res))
	return m, true, err
}

// encode writes res in the version reply, 0 as 1, or in the newest where that
// one has no room for it: better a result that waits for a newer recorder than
// none. Version 1 goes without the newer evidence.
func encode(reply int, res jobs.Result) (queue.Outgoing, error) {
	if reply < 2 {
		res = res.Plain()
	}
	body, err := codec.EncodeResultAt(min(max(reply, 1), codec.ResultVersion), res)
	if _, lossy := errors.AsType[*codec.CannotDowncastError](err); lossy {
		body, err = codec.EncodeResult(res)
	}
	if err != nil {
		return queue.Outgoing{}, err
	}
	m := queue.Outgoing{Body: string(body), Attributes: codec.Attributes(body)}
	if n := m.Bytes(); n > queue.MaxBytes {
		return m, fmt.Errorf("%w: %d bytes, at most %d", queue.ErrTooLarge, n, queue.MaxBytes)
	}
	return m, nil
}
