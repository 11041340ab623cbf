package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/store"
)

func announcement(id string, sent time.Time) jobs.Announcement {
	a := codec.NewAnnouncement(jobs.Worker{ID: id, Build: "v2", Browser: "Chromium"}, "here", sent, sent)
	a.Lanes = []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 4, Busy: 1}}
	return a
}

func fleet(t *testing.T, s *store.Store) rollout.Fleet {
	t.Helper()
	f, err := s.Fleet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRegistryOfWorkers(t *testing.T) {
	s, _ := open(t)
	sent := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	silent := announcement("b", sent)
	silent.Reads, silent.Writes = 1, 1
	must(t, s.WorkerWorked(t.Context(), silent))
	must(t, s.WorkerSaid(t.Context(), announcement("a", sent)))
	must(t, s.WorkerWorked(t.Context(), func() jobs.Announcement { x := silent; x.Worker.ID = "a"; return x }()))
	late := announcement("a", sent.Add(-time.Second))
	late.Lanes[0].Busy = 3
	must(t, s.WorkerSaid(t.Context(), late))

	want := []rollout.Worker{{Announcement: announcement("a", sent)}, {Announcement: silent, Silent: true}}
	got := fleet(t, s)
	if d := cmp.Diff(want, got.Workers, cmpopts.IgnoreFields(rollout.Worker{}, "Seen")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, w := range got.Workers {
		if age := got.Now.Sub(w.Seen); age < 0 || age > time.Minute || !got.Alive(w) {
			t.Errorf("worker %s was seen %s ago", w.Worker.ID, age)
		}
	}

	// The silent one is updated and begins to speak; the other says goodbye.
	must(t, s.WorkerSaid(t.Context(), announcement("b", sent.Add(-time.Hour))))
	bye := announcement("a", sent.Add(time.Second))
	bye.Leaving = true
	must(t, s.WorkerSaid(t.Context(), bye))
	got = fleet(t, s)
	if w := got.Workers; len(w) != 2 || got.Alive(w[0]) || w[1].Silent || w[1].Reads != codec.JobVersion {
		t.Errorf("%+v", w)
	}
}

// What a newer release says of itself in a way that this one cannot read does
// no harm.
func TestRegistryOfTheFuture(t *testing.T) {
	s, url := open(t)
	must(t, s.WorkerSaid(t.Context(), announcement("a", time.Now())))
	ask[string](t, url, `UPDATE workers SET data = jsonb_set(jsonb_set(data, '{v}', '9'), '{min}', '9') RETURNING id`)
	must(t, s.WorkerSaid(t.Context(), announcement("b", time.Now())))
	if w := fleet(t, s).Workers; len(w) != 1 || w[0].Worker.ID != "b" {
		t.Errorf("%+v", w)
	}
}

func TestRegistryOfRecordersAndPins(t *testing.T) {
	s, url := open(t)
	must(t, s.RecorderSaid(t.Context(), rollout.Recorder{ID: "x", Build: "v1", Reads: 1}))
	must(t, s.RecorderSaid(t.Context(), rollout.Recorder{ID: "x", Build: "v2", Reads: 2}))
	must(t, s.RecorderSaid(t.Context(), rollout.Recorder{ID: "y", Build: "v2", Reads: 2, Left: true}))
	f := fleet(t, s)
	want := []rollout.Recorder{{ID: "x", Build: "v2", Reads: 2}, {ID: "y", Build: "v2", Reads: 2, Left: true}}
	if d := cmp.Diff(want, f.Recorders, cmpopts.IgnoreFields(rollout.Recorder{}, "Seen")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	api, browser := rollout.Target{Location: "here", Class: jobs.ClassAPI}, rollout.Target{Location: "here", Class: jobs.ClassBrowser}
	must(t, s.KeepPins(t.Context(), []rollout.Pin{{Computed: 2}, {Target: api, Computed: 1}}))
	must(t, s.OverridePin(t.Context(), api, 1))
	must(t, s.OverridePin(t.Context(), browser, 2))
	must(t, s.KeepPins(t.Context(), []rollout.Pin{{Computed: 2}, {Target: api, Computed: 2}, {Target: browser, Computed: 1}}))
	pins := []rollout.Pin{{Computed: 2}, {Target: api, Computed: 2, Override: 1}, {Target: browser, Computed: 1, Override: 2}}
	if d := cmp.Diff(pins, fleet(t, s).Pins); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	must(t, s.OverridePin(t.Context(), api, 0))
	if p := fleet(t, s).Pins; p[1].Override != 0 || p[1].Computed != 2 {
		t.Errorf("%+v", p)
	}

	// Who was not heard of for a day is forgotten.
	must(t, s.WorkerSaid(t.Context(), announcement("a", time.Now())))
	for _, table := range []string{"workers", "recorders"} {
		ask[string](t, url, `UPDATE `+table+` SET seen_at = now() - interval '25 hours' RETURNING id`)
	}
	must(t, s.RecorderSaid(t.Context(), rollout.Recorder{ID: "z", Reads: 2}))
	if f := fleet(t, s); len(f.Workers) != 0 || len(f.Recorders) != 1 {
		t.Errorf("%+v", f)
	}
}
