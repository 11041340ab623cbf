package queue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// down makes every call of op fail.
func down(op queuetest.Op) queuetest.Faults {
	return queuetest.Faults{Call: func(o queuetest.Op) queuetest.Fault {
		if o == op {
			return queuetest.Fault{Err: errors.New("connection refused")}
		}
		return queuetest.Fault{}
	}}
}

func TestReceiveErrors(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		var pulse queue.Pulse
		s := watch(&queuetest.Queue{Faults: down(queuetest.Receive)})
		if pulse.Check(time.Minute) == nil {
			t.Error("a pulse before the start")
		}
		stop := start(t, s, func(context.Context, queue.Message) error { return nil },
			queue.Options{Slots: 50, Pulse: &pulse, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		pass(10 * time.Minute)
		if n := s.Polls(); n < 5*30 || n > 5*80 {
			t.Errorf("%d receives by 5 pollers in 10 minutes of outage", n)
		}
		if err := pulse.Check(time.Minute); err == nil || !strings.Contains(err.Error(), "queue jobs") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("pulse says %v", err)
		}
		s.Put("x")
		s.SetFaults(queuetest.Faults{})
		pass(21 * time.Second)
		if !s.Empty() {
			t.Error("not received within 21 s of the outage's end")
		}
		if err := pulse.Check(time.Minute); err != nil {
			t.Errorf("pulse says %v", err)
		}
		stop()
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "receiving again") {
			t.Errorf("log has %d lines, want one for the outage and one for its end:\n%s", n, log.String())
		}
	})
}

// hanging is a receiver whose calls end with their context only.
type hanging struct {
	*queuetest.Queue
	calls atomic.Int64
}

func (h *hanging) Receive(ctx context.Context, _ int, _, _ time.Duration) ([]queue.Message, error) {
	h.calls.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestReceiveIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := &hanging{Queue: &queuetest.Queue{}}
		start(t, h, nil, queue.Options{Slots: 1})
		pass(2 * time.Minute)
		if n := h.calls.Load(); n < 3 {
			t.Errorf("%d receives in 2 minutes: one that hangs stops the poller", n)
		}
	})
}

func TestReadyHoldsReceivesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := watch(&queuetest.Queue{})
		var away, blocked atomic.Bool
		gate := make(chan struct{})
		var handled atomic.Int64
		start(t, s, func(context.Context, queue.Message) error {
			idle(time.Minute)
			handled.Add(1)
			return nil
		}, queue.Options{Slots: 2, Wait: time.Second, Ready: func(ctx context.Context) error {
			if blocked.Load() {
				select {
				case <-gate:
				case <-ctx.Done():
				}
			}
			if away.Load() {
				return errors.New("database is away")
			}
			return nil
		}})
		s.Put("first")
		pass(2 * time.Second)
		away.Store(true)
		pass(2 * time.Second)
		polls := s.Polls()
		s.Put("second")
		pass(5 * time.Minute)
		if s.Polls() != polls {
			t.Errorf("%d receives while not ready", s.Polls()-polls)
		}
		if handled.Load() != 1 {
			t.Error("what had been received did not go on")
		}
		blocked.Store(true)
		away.Store(false)
		pass(time.Minute)
		if s.Polls() != polls {
			t.Error("received while Ready was blocked")
		}
		blocked.Store(false)
		close(gate)
		pass(2 * time.Minute)
		if handled.Load() != 2 || !s.Empty() {
			t.Error("second message was not handled")
		}
	})
}

func TestPulseOfBusyLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var pulse queue.Pulse
		q := &queuetest.Queue{}
		q.Put("a", "b")
		start(t, q, func(context.Context, queue.Message) error { idle(10 * time.Minute); return nil },
			queue.Options{Slots: 1, Pulse: &pulse})
		for range 25 {
			pass(time.Minute)
			if err := pulse.Check(time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A handler that ignores its cancellation holds its slot for ever.
func TestPulseOfStuckLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var pulse queue.Pulse
		q := &queuetest.Queue{}
		q.Put("a")
		release := make(chan struct{})
		start(t, q, func(context.Context, queue.Message) error { <-release; return nil },
			queue.Options{Slots: 1, Pulse: &pulse, MaxExtension: 5 * time.Minute})
		pass(time.Hour)
		if err := pulse.Check(time.Minute); err == nil || !strings.Contains(err.Error(), "busy") {
			t.Errorf("pulse says %v", err)
		}
		close(release)
	})
}

func TestMetrics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		q := &queuetest.Queue{}
		q.Put("good", "bad", "later", "panics")
		stop := start(t, q, func(_ context.Context, m queue.Message) error {
			switch m.Body {
			case "bad":
				return errors.New("no")
			case "later":
				return queue.RetryAfter(errors.New("later"), time.Hour)
			case "panics":
				panic("no")
			}
			return nil
		}, queue.Options{Metrics: queue.NewMetrics(reg)})
		pass(2 * time.Second)
		stop()
		if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP probefleet_queue_handled_total Messages by how their handling ended: done, retry, error, panic, lost, released.
# TYPE probefleet_queue_handled_total counter
probefleet_queue_handled_total{outcome="done",queue="jobs"} 1
probefleet_queue_handled_total{outcome="error",queue="jobs"} 1
probefleet_queue_handled_total{outcome="panic",queue="jobs"} 1
probefleet_queue_handled_total{outcome="retry",queue="jobs"} 1
# HELP probefleet_queue_received_total Messages received.
# TYPE probefleet_queue_received_total counter
probefleet_queue_received_total{queue="jobs"} 4
# HELP probefleet_queue_slots_busy Messages that are being worked on.
# TYPE probefleet_queue_slots_busy gauge
probefleet_queue_slots_busy{queue="jobs"} 0
`), "probefleet_queue_handled_total", "probefleet_queue_received_total", "probefleet_queue_slots_busy"); err != nil {
			t.Error(err)
		}
		if ps, err := testutil.GatherAndLint(reg); err != nil || len(ps) > 0 {
			t.Errorf("lint: %v %v", ps, err)
		}
	})
}
