package dockerdriver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/driver"
)

func release(name string) driver.Release {
	return driver.Release{Service: "worker", Stage: "production", Commit: name, Image: "worker:" + name}
}

func has(t *testing.T, e *engine, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, e.counts()); diff != "" {
		t.Errorf("containers: %s", diff)
	}
}

func TestRollingReplacement(t *testing.T) {
	e, socket := newEngine(t)
	d := newDriver(t, socket, 5)
	ctx := t.Context()
	if got, err := d.Running(ctx); err != nil || got.Commit != "" || got.Mixed {
		t.Errorf("before anything: %+v, %v", got, err)
	}
	if err := d.Deploy(ctx, release("one")); err != nil {
		t.Fatal(err)
	}
	has(t, e, map[string]int{"running one": 5})
	b := e.boxes[0]
	if !slices.Equal(b.host.CapDrop, []string{"ALL"}) || !slices.Contains(b.host.SecurityOpt, "no-new-privileges") || !b.host.ReadonlyRootfs ||
		*b.host.PidsLimit != 512 || b.host.Tmpfs["/tmp"] != "" || !slices.Equal(b.env, []string{"A=b"}) || b.host.RestartPolicy.Name != "unless-stopped" {
		t.Errorf("what a container is started with: %+v", b.host)
	}
	e.reset()
	if err := d.Deploy(ctx, release("two")); err != nil {
		t.Fatal(err)
	}
	has(t, e, map[string]int{"running two": 5})
	if e.least < 5 {
		t.Errorf("at the worst %d were ready, want 5", e.least)
	}
	want := []string{"pull docker.io/library/worker:two", "start 0 two", "stop 0 one", "start 1 two", "stop 1 one"}
	if len(e.log) != 11 || !slices.Equal(e.log[:5], want) {
		t.Errorf("order: %v", e.log)
	}
	if p, err := d.Ready(ctx, release("two")); err != nil || p.State != driver.Ready {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := d.Ready(ctx, release("one")); err != nil || p.State != driver.Pending {
		t.Errorf("%+v, %v", p, err)
	}
	got, err := d.Running(ctx)
	if err != nil || got.Commit != "two" || got.Mixed || got.Since.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	e.reset()
	if err := d.Deploy(ctx, release("two")); err != nil || len(e.log) != 1 {
		t.Errorf("the same again does something: %v, %v", e.log, err)
	}
	// Other settings are another version.
	d.s.Env = []string{"A=c"}
	if err := d.Deploy(ctx, release("two")); err != nil || len(e.log) != 12 {
		t.Errorf("other settings: %v, %v", e.log, err)
	}
	// Fewer places: those that are no more are drained.
	d.s.Count = 3
	if err := d.Deploy(ctx, release("two")); err != nil {
		t.Error(err)
	}
	has(t, e, map[string]int{"running two": 3})
}

// TestABrokenReleaseIsPutBack: in each place in turn the new release does not
// come up; what ran before does again, and never were fewer ready.
func TestABrokenReleaseIsPutBack(t *testing.T) {
	for place := range 3 {
		e, socket := newEngine(t)
		d := newDriver(t, socket, 3)
		if err := d.Deploy(t.Context(), release("one")); err != nil {
			t.Fatal(err)
		}
		e.reset()
		starts := 0
		e.before = func(what string) {
			if what == "POST containers create " {
				e.mu.Lock()
				e.broken["worker:two"] = starts == place
				starts++
				e.mu.Unlock()
			}
		}
		err := d.Deploy(t.Context(), release("two"))
		if err == nil || !strings.Contains(err.Error(), "it ended with exit code 3") {
			t.Errorf("place %d: %v", place, err)
		}
		has(t, e, map[string]int{"running one": 3})
		if e.least < 3 {
			t.Errorf("place %d: at the worst %d were ready", place, e.least)
		}
		if got, err := d.Running(t.Context()); err != nil || got.Commit != "one" || got.Mixed {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestTheFirstReleaseIsBroken(t *testing.T) {
	e, socket := newEngine(t)
	d := newDriver(t, socket, 2)
	e.broken["worker:one"] = true
	if err := d.Deploy(t.Context(), release("one")); err == nil {
		t.Error("a broken release is deployed")
	}
	has(t, e, map[string]int{})
	e.gone["worker:two"] = true
	if err := d.Deploy(t.Context(), release("two")); err == nil || !strings.Contains(err.Error(), "no such image") {
		t.Errorf("an image that is not there: %v", err)
	}
}

// TestInterruptedAnywhere cuts a deploy off before each of its requests in
// turn; the same deploy, or one back, then ends in the state asked for, and
// never were fewer ready.
func TestInterruptedAnywhere(t *testing.T) {
	for _, next := range []string{"two", "one"} {
		for cut := 0; ; cut++ {
			e, socket := newEngine(t)
			if err := newDriver(t, socket, 3).Deploy(t.Context(), release("one")); err != nil {
				t.Fatal(err)
			}
			e.reset()
			ctx, kill := context.WithCancelCause(t.Context())
			n := 0
			e.before = func(string) {
				if n++; n > cut {
					kill(errors.New("killed"))
				}
			}
			err := newDriver(t, socket, 3).Deploy(ctx, release("two"))
			e.before = nil
			if n <= cut {
				if err != nil {
					t.Errorf("a deploy that nobody cut off: %v", err)
				}
				break
			}
			if err == nil { // the answer to its last request was quicker: then all has to be well
				t.Logf("cut off at request %d, a deploy says that all is well", cut)
				has(t, e, map[string]int{"running two": 3})
			}
			again := newDriver(t, socket, 3)
			if next == "two" {
				err = again.Deploy(t.Context(), release(next))
			} else {
				err = again.Rollback(t.Context(), release(next))
			}
			if err != nil {
				t.Fatalf("cut off before request %d, then %s: %v", cut, next, err)
			}
			has(t, e, map[string]int{"running " + next: 3})
			if e.least < 3 {
				t.Errorf("cut off before request %d, then %s: at the worst %d were ready", cut, next, e.least)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// TestStrangersAreLeftAlone: containers of others stay, whatever is deployed.
func TestStrangersAreLeftAlone(t *testing.T) {
	e, socket := newEngine(t)
	e.boxes = []*box{
		{id: strings.Repeat("a", 64), state: "running", labels: map[string]string{labelService: "other", labelStage: "production", labelPlace: "0"}},
		{id: strings.Repeat("b", 64), state: "running", labels: map[string]string{}},
		{id: strings.Repeat("c", 64), state: "exited", labels: map[string]string{labelService: "worker", labelStage: "staging", labelPlace: "0", labelCommit: "x"}},
	}
	d := newDriver(t, socket, 1)
	for _, name := range []string{"one", "two"} {
		if err := d.Deploy(t.Context(), release(name)); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.boxes) != 4 || e.boxes[0].state != "running" || e.boxes[1].state != "running" {
		t.Errorf("%d containers are left", len(e.boxes))
	}
}

// TestDown: everything of ours is drained and gone, stopped containers too, and
// nothing of others.
func TestDown(t *testing.T) {
	e, socket := newEngine(t)
	d := newDriver(t, socket, 3)
	if err := d.Deploy(t.Context(), release("one")); err != nil {
		t.Fatal(err)
	}
	e.boxes = append(e.boxes,
		&box{id: strings.Repeat("a", 64), state: "exited", labels: map[string]string{labelService: "worker", labelStage: "production", labelPlace: "1", labelCommit: "old"}},
		&box{id: strings.Repeat("b", 64), state: "running", labels: map[string]string{labelService: "other", labelStage: "production", labelPlace: "0"}},
	)
	e.reset()
	if err := d.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(t, e, map[string]int{})
	if len(e.boxes) != 1 || e.boxes[0].state != "running" {
		t.Errorf("%d containers are left, the stranger's among them %s", len(e.boxes), e.boxes[0].state)
	}
	if n := strings.Count(strings.Join(e.log, "\n"), "stop "); n < 3 {
		t.Errorf("only %d were drained: %v", n, e.log)
	}
	if err := d.Down(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestAnEngineThatIsAway(t *testing.T) {
	d := newDriver(t, "unix://"+t.TempDir()+"/none.sock", 1)
	if _, err := d.Running(t.Context()); err == nil {
		t.Error("what runs is known without an engine")
	}
	if err := d.Deploy(t.Context(), release("one")); err == nil {
		t.Error("something was deployed without an engine")
	}
}
