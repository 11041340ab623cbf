package recorder_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Notes on dead letters come among the results, and wait for the database as
// they do.
func TestNotesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.queue.MaxReceives = 5
		note := jobs.DeadLetter{Queue: "jobs", MessageID: "m", Reason: jobs.DeadPanic, Error: "nil map", Worker: "w", At: slot}
		sent, err := codec.EncodeDeadLetter(note)
		if err != nil {
			t.Fatal(err)
		}
		b.ledger.away = true
		b.queue.Put(body(t, resultAt(slot)), string(sent), `{"type":"probefleet.unheard","v":1,"min":1,"id":"x","data":{}}`)
		b.start(t)
		after(10 * time.Minute)
		b.ledger.setAway(false)
		after(time.Hour)
		if d := cmp.Diff([]jobs.DeadLetter{note}, b.ledger.notes); d != "" || b.ledger.count() != 1 {
			t.Errorf("%d results, notes (-want +got):\n%s", b.ledger.count(), d)
		}
		if dead := b.queue.Dead(); len(dead) != 1 || !b.queue.Empty() {
			t.Errorf("dead letters %v; want the message of a type that nobody knows", dead)
		}
		b.metric(t, `# HELP probefleet_recorder_dead_letters_total Dead letters of which workers told, by reason.
# TYPE probefleet_recorder_dead_letters_total counter
probefleet_recorder_dead_letters_total{reason="panic"} 1
`, "probefleet_recorder_dead_letters_total")
	})
}
