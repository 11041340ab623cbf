package sqsqueue_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
)

func TestList(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	for _, name := range []string{"fleet-a", "fleet-b", "other"} {
		ensure(t, c, name, sqsqueue.Settings{})
	}
	for prefix, want := range map[string][]string{
		"fleet-": {"fleet-a", "fleet-a-dlq", "fleet-b", "fleet-b-dlq"}, "none": nil,
	} {
		got, err := c.List(t.Context(), prefix)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", prefix, err, d)
		}
	}
}

func TestListOfManyPages(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a thousand queues")
	}
	t.Parallel()
	c, _ := serve(t)
	const n = 510 // and as many dead-letter queues: more than a page
	for i := range n {
		if err := c.Ensure(t.Context(), fmt.Sprintf("q%d", i), sqsqueue.Settings{}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.List(t.Context(), "q"); len(got) != 2*n || err != nil {
		t.Errorf("%d of %d queues, %v", len(got), 2*n, err)
	}
}

// A dead letter is looked at, goes back to its queue, and starts anew there.
func TestMove(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	q := ensure(t, c, "jobs", sqsqueue.Settings{MaxReceives: 2})
	dead, err := c.Open(t.Context(), queue.DeadLetterName("jobs"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := q.MaxReceives(t.Context()); n != 2 || err != nil {
		t.Errorf("MaxReceives is %d, %v", n, err)
	}
	if n, err := dead.MaxReceives(t.Context()); n != 0 || err != nil {
		t.Errorf("MaxReceives of the dead-letter queue is %d, %v", n, err)
	}
	if m, err := dead.LastMove(t.Context()); m != (sqsqueue.Move{}) || err != nil {
		t.Errorf("a queue without a move answers %+v, %v", m, err)
	}
	for i := range 3 {
		send(t, q, queue.Outgoing{Body: fmt.Sprint(i), Attributes: map[string]string{"type": "t"}})
	}
	for range 2 {
		for _, m := range receive(t, q, 3) {
			if errs, err := q.ExtendBatch(t.Context(), []queue.Extension{{Message: m}}); err != nil || errs[0] != nil {
				t.Fatal(err, errs)
			}
		}
	}
	receive(t, q, 0)
	for range 3 { // more looks than the source allows receives
		got, err := queue.Scan(t.Context(), dead, 100, func(queue.Message) (bool, bool) { return false, true })
		if err != nil || got.Seen != 3 {
			t.Fatalf("scanned %+v, %v", got, err)
		}
		if d := depth(t, dead); d != (sqsqueue.Depth{Visible: 3}) {
			t.Fatalf("depth after a scan is %+v", d)
		}
	}
	if err := dead.StartMove(t.Context(), 500); err != nil {
		t.Fatal(err)
	}
	var move sqsqueue.Move
	for range 600 {
		if move, err = dead.LastMove(t.Context()); err != nil || !move.Running {
			break
		}
		<-time.After(100 * time.Millisecond)
	}
	if move != (sqsqueue.Move{Moved: 3, ToMove: 3}) || err != nil {
		t.Errorf("the move ended as %+v, %v", move, err)
	}
	for _, m := range receive(t, q, 3) {
		if m.Receives != 1 || m.Attributes["type"] != "t" {
			t.Errorf("after the move %+v, want a fresh message", m)
		}
	}
	if err := q.StartMove(t.Context(), 0); err == nil {
		t.Error("a queue that is no dead-letter queue was redriven")
	}
}
