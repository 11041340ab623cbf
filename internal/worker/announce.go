package worker

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/queue"
)

// announceTimeout bounds one announcement. What does not get through is not
// repeated: the next one says the same.
const announceTimeout = 5 * time.Second

// announce says that this worker is there until done ends, and then that it
// leaves. The first word is said before it returns, so that whoever pins
// versions knows of this worker before it sees its first result.
func (w *Worker) announce(ctx context.Context, done <-chan struct{}) (farewell func()) {
	if w.AnnounceEvery <= 0 {
		return func() {}
	}
	ctx = context.WithoutCancel(ctx) // a worker that drains is still there
	started := time.Now()
	w.say(ctx, started, false)
	said := make(chan struct{})
	go func() {
		defer close(said)
		t := time.NewTicker(w.AnnounceEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				w.say(ctx, started, false)
			case <-done:
				return
			}
		}
	}()
	return func() {
		<-said
		w.say(ctx, started, true)
	}
}

func (w *Worker) say(ctx context.Context, started time.Time, leaving bool) {
	a := codec.NewAnnouncement(w.Identity, w.Location, started, time.Now())
	a.Leaving = leaving
	if seen := w.browser.Load(); seen != nil {
		a.Worker.Browser = *seen
	}
	for _, l := range w.lanes {
		a.Lanes = append(a.Lanes, l.state())
	}
	body, err := codec.EncodeAnnouncement(a)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, announceTimeout)
		defer cancel()
		err = w.Results.Send(ctx, queue.Outgoing{Body: string(body), Attributes: codec.Attributes(body)})
	}
	if err != nil {
		w.Logger.Warn("announcing this worker; jobs come in the version that is known to be read here", "err", err)
	}
}
