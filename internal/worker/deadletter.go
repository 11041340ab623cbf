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

// noteTimeout bounds the sending of one note: the message waits for it.
const noteTimeout = time.Second

// maxNote is the number of bytes kept of an error in a note.
const maxNote = 2 << 10

// errElsewhere is why a job is not this worker's.
var errElsewhere = errors.New("the job is for another location")

// lastWords says why a message that was delivered for the last time becomes a
// dead letter. A panic goes on after it. Nothing is said where the message is
// somebody else's by now, and nobody is told where the note does not get
// through: the dead letter itself is not lost.
func (w *Worker) lastWords(ctx context.Context, l *lane, m queue.Message, panicked any, err error) {
	if panicked != nil {
		defer panic(panicked)
	}
	last := l.MaxReceives > 0 && m.Receives >= l.MaxReceives
	if !last || panicked == nil && err == nil || errors.Is(context.Cause(ctx), queue.ErrLeaseLost) {
		return
	}
	note := jobs.DeadLetter{
		Queue: l.Queue, MessageID: m.ID, Reason: jobs.DeadPanic, Error: fmt.Sprint(panicked),
		Worker: w.Identity.ID, At: time.Now().UTC(),
	}
	if panicked == nil {
		note.Reason, note.Error = deadReason(err), err.Error()
	}
	note.Error = note.Error[:min(len(note.Error), maxNote)]
	w.Metrics.deadLetters.WithLabelValues(string(l.class), string(note.Reason)).Inc()
	w.Logger.Error("message was delivered for the last time and becomes a dead letter", "queue", l.Queue, "message", m.ID, "reason", note.Reason, "err", note.Error)
	body, err := codec.EncodeDeadLetter(note)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
		defer cancel()
		err = w.Results.Send(ctx, queue.Outgoing{Body: string(body), Attributes: codec.Attributes(body)})
	}
	if err != nil {
		w.Logger.Warn("sending the reason of a dead letter", "message", m.ID, "err", err)
	}
}

func deadReason(err error) jobs.DeadReason {
	if _, ok := errors.AsType[*codec.UnsupportedVersionError](err); ok {
		return jobs.DeadVersion
	}
	if _, ok := errors.AsType[*codec.DecodeError](err); ok {
		return jobs.DeadDecode
	}
	if errors.Is(err, errElsewhere) {
		return jobs.DeadLocation
	}
	return jobs.DeadHandler
}
