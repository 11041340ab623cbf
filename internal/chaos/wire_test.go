package chaos

import (
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/sqslocal"
)

// The wire notes what is accepted, delivers twice, and measures redelivery,
// while a real client notices nothing.
func TestWire(t *testing.T) {
	w := NewWire(sqslocal.New(sqslocal.Options{}), NewLedger(), 1)
	server := httptest.NewServer(w)
	defer server.Close()
	client, err := sqsqueue.NewAt(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Ensure(t.Context(), "q", sqsqueue.Settings{}); err != nil {
		t.Fatal(err)
	}
	q, err := client.Open(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	body, err := codec.EncodeJob(jobs.New(simulatedChecks(Plan{})[0], location, now, 1, now, now.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	if errs, err := q.SendBatch(t.Context(), []queue.Outgoing{{Body: string(body)}}); err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	if n := w.Ledger.Accepted(); n != 1 {
		t.Errorf("%d jobs accepted, want 1", n)
	}
	receive := func() queue.Message {
		ms, err := q.Receive(t.Context(), 10, 0, time.Minute)
		if err != nil || len(ms) != 1 {
			t.Fatalf("%d messages received: %v", len(ms), err)
		}
		return ms[0]
	}
	w.Twice = 1
	receive()
	w.Twice = 0
	m := receive() // although it is hidden for a minute
	if w.Duplicated() != 1 || m.Receives != 2 {
		t.Errorf("%d messages duplicated, delivery %d", w.Duplicated(), m.Receives)
	}
	if n, slowest := w.Redelivery(); n != 0 || slowest != 0 {
		t.Errorf("%d releases within %s before any", n, slowest)
	}
	if errs, err := q.ExtendBatch(t.Context(), []queue.Extension{{Message: m}}); err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	receive()
	if n, slowest := w.Redelivery(); n != 1 || slowest <= 0 || slowest > 10*time.Second {
		t.Errorf("%d releases within %s, want 1", n, slowest)
	}
	if n, err := w.Held("q"); err != nil || n != 1 {
		t.Errorf("%d messages held: %v", n, err)
	}
	if bodies, err := w.Drain("q"); err != nil || len(bodies) != 0 {
		t.Errorf("drained %d hidden messages: %v", len(bodies), err)
	}
}

// The cutter passes everything on but the answers of commits, and only as many
// of these as it was told to cut.
func TestCommitCutter(t *testing.T) {
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	const answers = "Z\x00\x00\x00\x05IC\x00\x00\x00\x0bCOMMIT\x00T\x00\x00\x00\x06xy"
	go func() {
		for {
			c, err := upstream.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, answers)
			_ = c.Close()
		}
	}()
	cutter, err := NewCommitCutter(upstream.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer cutter.Close()
	cutter.Arm(1)
	for _, want := range []string{answers[:strings.Index(answers, "C\x00")], answers} {
		c, err := net.Dial("tcp", cutter.Addr())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != want {
			t.Errorf("passed on %q and %v, want %q", got, err, want)
		}
		_ = c.Close()
	}
	if cutter.Cuts() != 1 {
		t.Errorf("%d answers cut, want 1", cutter.Cuts())
	}
}
