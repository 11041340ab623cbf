package worker_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// newer finds what says a message's version.
var newer = regexp.MustCompile(`"v":\d+,"min":\d+`)

// notes are those about dead letters that were sent.
func (b *bench) notes(t *testing.T) map[string]jobs.DeadLetter {
	t.Helper()
	found := map[string]jobs.DeadLetter{}
	for _, m := range b.results.Sent() {
		if m.Attributes["type"] != codec.TypeDeadLetter {
			continue
		}
		d, err := codec.DecodeDeadLetter([]byte(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		if _, again := found[d.MessageID]; again {
			t.Errorf("two notes on message %s", d.MessageID)
		}
		found[d.MessageID] = d
	}
	return found
}

// Every message that a worker gives up for good has one note that says why;
// those that are done, or come back, have none.
func TestLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.jobs.MaxReceives = 3
		elsewhere := job("elsewhere")
		elsewhere.Location = "there"
		b.jobs.Put(
			newer.ReplaceAllString(body(t, job("newer")), `"v":99,"min":99`), // m1
			`{"no":"envelope"}`,    // m2
			body(t, elsewhere),     // m3
			body(t, job("broken")), // m4
			body(t, job("panics")), // m5
			body(t, job("second")), // m6 works at the second try
			body(t, job("well")),   // m7
		)
		second := false
		b.start(t, func(_ context.Context, j jobs.Job) (jobs.Result, error) {
			switch j.Check.ID {
			case "broken":
				return jobs.Result{}, errors.New("no\xff disk " + strings.Repeat("x", 10_000))
			case "panics":
				panic("nil map")
			case "second":
				if second = !second; second {
					return jobs.Result{}, errors.New("not yet")
				}
			}
			return pass(j), nil
		})
		after(30 * time.Minute)
		dead := map[string]bool{}
		for _, m := range b.jobs.Dead() {
			dead[m.ID] = true
		}
		notes := b.notes(t)
		for id, want := range map[string]struct {
			reason jobs.DeadReason
			says   string
		}{
			"m1": {jobs.DeadVersion, "version 99"}, "m2": {jobs.DeadDecode, "type is missing"},
			"m3": {jobs.DeadLocation, `"there"`}, "m4": {jobs.DeadHandler, "disk"}, "m5": {jobs.DeadPanic, "nil map"},
		} {
			d := notes[id]
			if !dead[id] || d.Queue != "jobs-api" || d.Reason != want.reason || !strings.Contains(d.Error, want.says) || d.Worker != "w1" || d.At.IsZero() {
				t.Errorf("%s: dead %t, note %.200v; want %s with %q", id, dead[id], d, want.reason, want.says)
			}
			if len(d.Error) > 4096 {
				t.Errorf("%s: a note of %d bytes", id, len(d.Error))
			}
		}
		if len(notes) != 5 || len(dead) != 5 || !b.jobs.Empty() {
			t.Errorf("%d notes on %d dead letters, queue empty: %t", len(notes), len(dead), b.jobs.Empty())
		}
		b.metric(t, `dead_letters_total{class="api",reason="panic"} 1`)
	})
}

// A note that does not get through changes nothing about the dead letter.
func TestNoteThatIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.jobs.MaxReceives = 2
		b.results.Faults.Call = func(queuetest.Op) queuetest.Fault { return queuetest.Fault{Err: queuetest.ErrInjected} }
		b.jobs.Put(`{}`)
		b.start(t, takes(time.Second))
		after(10 * time.Minute)
		if n := len(b.jobs.Dead()); n != 1 || !b.jobs.Empty() {
			t.Errorf("%d dead letters, queue empty: %t", n, b.jobs.Empty())
		}
	})
}
