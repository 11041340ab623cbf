package queuetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

const visibility = 30 * time.Second

// idle lets simulated time go by.
func idle(d time.Duration) {
	time.Sleep(d) // simulated: every caller runs under synctest
}

// receive takes what is there without waiting.
func receive(t *testing.T, q *queuetest.Queue) []queue.Message {
	t.Helper()
	ms, err := q.Receive(t.Context(), queue.MaxBatch, 0, visibility)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

func TestMessageIsHiddenThenComesBackUnderAnotherHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queuetest.Queue
		q.Put("x")
		first := receive(t, &q)
		if len(first) != 1 || first[0].Receives != 1 || len(receive(t, &q)) != 0 {
			t.Fatalf("received %+v, then again while hidden", first)
		}
		if d, ok := q.NextVisible(); !ok || d != visibility {
			t.Errorf("comes back in %s, %t", d, ok)
		}
		idle(visibility)
		second := receive(t, &q)
		if len(second) != 1 || second[0].Receives != 2 || second[0].Handle == first[0].Handle {
			t.Fatalf("received %+v after %+v", second, first)
		}
		// As SQS answers: success, and nothing is done.
		if errs, err := q.DeleteBatch(t.Context(), first); err != nil || errs[0] != nil || q.Empty() {
			t.Errorf("delete by a stale handle: %v, %v, empty %t", errs, err, q.Empty())
		}
		if _, err := q.ExtendBatch(t.Context(), []queue.Extension{{Message: first[0]}}); err != nil || len(receive(t, &q)) != 0 {
			t.Errorf("extension by a stale handle: %v", err)
		}
		if _, err := q.ExtendBatch(t.Context(), []queue.Extension{{Message: second[0]}}); err != nil {
			t.Fatal(err)
		}
		third := receive(t, &q)
		if len(third) != 1 {
			t.Fatal("visibility 0 does not release")
		}
		if _, err := q.DeleteBatch(t.Context(), third); err != nil || !q.Empty() {
			t.Errorf("delete: %v, empty %t", err, q.Empty())
		}
	})
}

func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queuetest.Queue
		begin := time.Now()
		poll := func() int {
			ms, err := q.Receive(t.Context(), 1, queue.MaxWait, visibility)
			if err != nil {
				t.Error(err)
			}
			return len(ms)
		}
		if n := poll(); n != 0 || time.Since(begin) != queue.MaxWait {
			t.Errorf("%d messages of an empty queue after %s", n, time.Since(begin))
		}
		time.AfterFunc(3*time.Second, func() { q.Put("x") })
		if n := poll(); n != 1 || time.Since(begin) != queue.MaxWait+3*time.Second {
			t.Errorf("%d messages after %s: a message wakes the poll", n, time.Since(begin))
		}
		if n := poll() + poll(); n != 1 || time.Since(begin) != queue.MaxWait+3*time.Second+visibility {
			t.Errorf("%d messages after %s: a message that comes back wakes the poll", n, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.AfterFunc(time.Second, func() { q.Put("y") })
		if ms, err := q.Receive(ctx, 1, queue.MaxWait, visibility); len(ms) > 0 != (err == nil) {
			t.Errorf("a cancelled poll gave %v, %v", ms, err)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queuetest.Queue{MaxReceives: 2}
		q.Put("x")
		for range 3 {
			receive(t, &q)
			idle(visibility)
		}
		if dead := q.Dead(); len(dead) != 1 || dead[0].Receives != 2 || !q.Empty() {
			t.Errorf("dead letters %+v, empty %t", dead, q.Empty())
		}
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accepted := 0
		q := queuetest.Queue{OnAccept: func(queue.Outgoing) { accepted++ }}
		var call queuetest.Fault
		q.Faults.Call = func(queuetest.Op) queuetest.Fault { return call }
		q.Faults.Entry = func(op queuetest.Op, body string) queuetest.Fault {
			switch {
			case op == queuetest.Send && body != "fine":
				return queuetest.Fault{Err: queuetest.ErrInjected, After: body == "after"}
			case op == queuetest.Receive && body == "after":
				return queuetest.Fault{Twice: true}
			}
			return queuetest.Fault{}
		}
		errs, err := q.SendBatch(t.Context(), []queue.Outgoing{{Body: "fine"}, {Body: "before"}, {Body: "after"}})
		if err != nil || errs[0] != nil || errs[1] == nil || errs[2] == nil || accepted != 2 {
			t.Errorf("answers %v, %v, %d accepted; want the first and the last", errs, err, accepted)
		}
		if n, again := len(receive(t, &q)), receive(t, &q); n != 2 || len(again) != 1 || again[0].Body != "after" {
			t.Errorf("received %d, then %+v; want a duplicate of the last", n, again)
		}
		q.Put("y")
		call = queuetest.Fault{Err: queuetest.ErrInjected}
		if _, err := q.Receive(t.Context(), 10, 0, visibility); !errors.Is(err, queuetest.ErrInjected) {
			t.Errorf("error %v", err)
		}
		visible, _ := q.Len()
		call.After = true // the answer is lost, the messages are hidden
		if ms, err := q.Receive(t.Context(), 10, 0, visibility); err == nil || len(ms) > 0 {
			t.Errorf("a lost answer gave %v, %v", ms, err)
		}
		if left, _ := q.Len(); visible != 2 || left != 1 {
			t.Errorf("%d visible before, %d after; want 2, and the duplicate", visible, left)
		}
	})
}

func TestLimits(t *testing.T) {
	var q queuetest.Queue
	big := queue.Outgoing{Body: string(make([]byte, queue.MaxBytes/2+1))}
	if _, err := q.SendBatch(t.Context(), []queue.Outgoing{big, big}); err == nil {
		t.Error("a batch over the limit")
	}
	if _, err := q.SendBatch(t.Context(), make([]queue.Outgoing, 11)); err == nil {
		t.Error("a batch of eleven")
	}
	if _, err := q.Receive(t.Context(), 11, 0, visibility); err == nil {
		t.Error("a receive of eleven")
	}
}
