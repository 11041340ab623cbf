package console

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

func TestTriggersAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, p, c := whole(t)
		a := home("a")
		a.Locations = []string{"here", "there"}
		s.checks["a"], s.checks["b"] = a, home("b")
		paused := home("paused")
		paused.Active = false
		s.checks["paused"] = paused
		made := api[Trigger](t, c, 200, "POST", "/api/v1/triggers", `{"checks":["a","b","a"]}`)
		if len(made.Runs) != 3 || made.RequestedBy != "test" || made.Done || len(p.requests) != 1 || len(p.requests[0].Runs) != 3 {
			t.Fatalf("%+v %+v", made, p.requests)
		}
		for _, r := range p.requests[0].Runs {
			if r.AttemptID != jobs.AttemptID(r.CheckID, r.Location, r.Slot, 1) || !r.ExpiresAt.Equal(r.Slot.Add(triggerLasts)) || r.Slot.Nanosecond()%1000 != 0 {
				t.Errorf("%+v", r)
			}
		}
		runs := p.requests[0].Runs
		p.give(runs[0].AttemptID, jobs.FateSent, jobs.Failed)
		p.give(runs[1].AttemptID, jobs.FateSent, "")
		p.give(runs[2].AttemptID, jobs.FateGone, "")
		states := func() (all []string) {
			now := api[Trigger](t, c, 200, "GET", "/api/v1/triggers/"+made.ID, "")
			for _, r := range now.Runs {
				all = append(all, r.State)
				if (r.State == TriggerLost) != (r.Reason != "") || (r.State == TriggerDone) != (r.Run != nil && r.Run.Result != nil) {
					t.Errorf("%+v", r)
				}
			}
			if now.Done {
				all = append(all, "all done")
			}
			return all
		}
		if d := cmp.Diff([]string{"done", "sent", "lost"}, states()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		p.give(runs[1].AttemptID, jobs.FateWaiting, "")
		if d := cmp.Diff([]string{"done", "waiting", "lost"}, states()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		// Nobody follows for ever what nobody will answer.
		time.Sleep(triggerLasts + lostAfter + time.Minute)
		if d := cmp.Diff([]string{"done", "lost", "lost", "all done"}, states()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for body, status := range map[string]int{
			`{"checks":["unknown"]}`: 404, `{"checks":["paused"]}`: 404, `{"checks":["b"],"locations":["mars"]}`: 404, `{"checks":[]}`: 422, `{}`: 422,
		} {
			api[Problem](t, c, status, "POST", "/api/v1/triggers", body)
		}
		api[Problem](t, c, 404, "GET", "/api/v1/triggers/unknown", "")
		if one := api[Trigger](t, c, 200, "POST", "/api/v1/triggers", `{"checks":["a"],"locations":["there"]}`); len(one.Runs) != 1 || one.Runs[0].Location != "there" {
			t.Errorf("%+v", one)
		}
	})
}

// What was asked for must not be taken for a slot of the schedule.
func TestTriggersAreNoSlots(t *testing.T) {
	slot := apart("a", "here", time.Second, time.Now().Truncate(time.Second))
	for range 5000 {
		slot = slot.Add(time.Millisecond)
		if got := apart("a", "here", time.Second, slot); got.Equal(slot) == (schedule.Count("a", "here", time.Second, slot.Add(-1), slot) == 1) {
			t.Fatalf("%s became %s", slot, got)
		}
	}
}

func TestOldTriggersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &past{}
		c := New(Options{Store: &shelf{}, Tokens: newRing(), Runs: p, Logger: slog.New(slog.DiscardHandler)})
		c.prune(t.Context(), time.Now())
		if !p.pruned.Equal(time.Now().Add(-30 * 24 * time.Hour)) {
			t.Errorf("before %s", p.pruned)
		}
	})
}

// The job of a heartbeat is not ours to run, and that is said.
func TestHeartbeatsAreNotTriggered(t *testing.T) {
	s, _, p, c := whole(t)
	beat := home("beat")
	beat.Locations, beat.Spec = []string{check.HeartbeatLocation}, &check.Heartbeat{Period: time.Minute, Grace: time.Second}
	s.checks["a"], s.checks["beat"] = home("a"), beat
	w := ask(c.Handler(), "POST", "/api/v1/triggers", testToken, `{"checks":["a","beat"]}`)
	if w.Code != 404 || !strings.Contains(w.Body.String(), `check \"beat\" is a heartbeat: its job calls the console`) || len(p.requests) != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
