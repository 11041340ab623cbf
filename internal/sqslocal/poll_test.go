package sqslocal

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A poll that is cancelled in the moment in which it is woken wakes the next.
func TestWakeOfACancelledPollGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		q := newQueue("q", defaultSettings(), s)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan []delivery, 1)
		go func() {
			_, err := q.receive(ctx, s.done, 1, maxWait, time.Minute)
			first <- err
		}()
		synctest.Wait()
		go func() {
			ds, err := q.receive(t.Context(), s.done, 1, maxWait, time.Minute)
			if err != nil {
				t.Error(err)
			}
			second <- ds
		}()
		synctest.Wait()
		began := time.Now()
		q.mu.Lock() // so that neither poll sees one without the other
		cancel()
		m := &message{content: &content{id: "x", sent: began}, seq: 1}
		q.messages[m.seq] = m
		q.ready.push(m)
		q.settle()
		q.mu.Unlock()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first poll ended with %v", err)
		}
		if ds := <-second; len(ds) != 1 || ds[0].receives != 1 || time.Since(began) != 0 {
			t.Errorf("the second poll got %+v after %s, want the message at once", ds, time.Since(began))
		}
	})
}
