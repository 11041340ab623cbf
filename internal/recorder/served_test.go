package recorder

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// The simulation plays what recorders do.
func TestWorkIsHandedOverAsIsSimulated(t *testing.T) {
	if workEvery != capacity.HandedOver {
		t.Errorf("work is handed over every %s, the simulation does so every %s", workEvery, capacity.HandedOver)
	}
}

func TestNoteWork(t *testing.T) {
	sent := time.Date(2026, 3, 14, 9, 26, 0, 0, time.UTC)
	result := func(kind check.Kind, attempt int, waited, took time.Duration) jobs.Result {
		received := sent.Add(waited)
		return jobs.Result{
			Kind: kind, Location: "paris", Attempt: attempt, SentAt: sent,
			ReceivedAt: received, StartedAt: received.Add(time.Millisecond), FinishedAt: received.Add(took),
		}
	}
	expired := result(check.KindAPI, 1, time.Minute, 0)
	expired.StartedAt = time.Time{}
	var s served
	s.note([]jobs.Result{
		result(check.KindAPI, 1, time.Second, 2*time.Second),
		result(check.KindTCP, 2, 3*time.Second, time.Second),
		result(check.KindBrowser, 1, -time.Second, 9*time.Second), // the worker's clock is behind
		expired,
		{Kind: check.KindHeartbeat, Location: "paris", ReceivedAt: sent, StartedAt: sent, FinishedAt: sent.Add(time.Hour)},
	})
	want := map[capacity.Place]capacity.Work{
		{Location: "paris", Class: jobs.ClassAPI}:     {Runs: 2, Again: 1, Busy: 3 * time.Second, Waited: time.Minute, Received: 3},
		{Location: "paris", Class: jobs.ClassBrowser}: {Runs: 1, Busy: 9 * time.Second, Received: 1},
	}
	if d := cmp.Diff(want, s.take()); d != "" {
		t.Errorf("noted (-want +got):\n%s", d)
	}
	if again := s.take(); len(again) != 0 {
		t.Errorf("what was taken is there again: %v", again)
	}
}
