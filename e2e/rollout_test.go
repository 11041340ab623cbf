package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// releaseBefore builds the daemons of the last release of releases.txt, from
// the history of this tree.
func releaseBefore(t testing.TB) (dir string) {
	t.Helper()
	list, err := os.ReadFile("releases.txt")
	if err != nil {
		t.Fatal(err)
	}
	commit := ""
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] != "#" {
			commit = fields[0]
		}
	}
	dir, err = os.MkdirTemp(bin, "release-")
	if err != nil {
		t.Fatal(err)
	}
	// Of the history it needs this one tree, and it leaves no trace there.
	const build = `mkdir source && git -C "$0" archive "$1" | tar -x -C source && cd source && go build -o .. ./cmd/scheduler ./cmd/worker ./cmd/recorder`
	here, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-c", build, here, commit)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building release %s: %v (is the history of git whole?)\n%s", commit, err, out)
	}
	return dir
}

// crew is a fleet whose members are of either release.
type crew struct {
	*rig
	bins    map[byte]string // 'o' old, 'n' new
	mix     string          // of scheduler, worker and recorder
	members [3]*member
}

// change replaces the members whose release is another, in the direction of
// the flow, while the others go on.
func (c *crew) change(mix string) {
	c.t.Helper()
	for i, name := range []string{"scheduler", "worker", "recorder"} {
		if c.mix != "" && c.mix[i] == mix[i] {
			continue
		}
		c.bin = c.bins[mix[i]]
		if m := c.members[i]; m != nil {
			m.stop(c.t)
			m.restart()
			continue
		}
		switch name {
		case "scheduler":
			c.members[i] = c.scheduler(name)
		case "worker":
			c.members[i] = c.worker(name)
		default:
			c.members[i] = c.recorder(name)
		}
	}
	c.mix = mix
}

// pin sets both pins by hand, as `probefleet fleet pin` does; 0 is auto.
func (c *crew) pin(version int) {
	c.t.Helper()
	for _, target := range []rollout.Target{rollout.Recorders, {Location: "local", Class: jobs.ClassAPI}} {
		if err := c.store.OverridePin(c.t.Context(), target, version); err != nil {
			c.t.Fatal(err)
		}
	}
}

// Every mix of two releases of scheduler, worker and recorder on one queue and
// one database, upwards and back again: nothing is lost, stored twice or
// misread. With everything new the new message version is used.
func TestBarRollout(t *testing.T) {
	seed := bar(t)
	t.Parallel()
	c := &crew{rig: newRig(t, rigOptions{seed: seed}), bins: map[byte]string{'o': releaseBefore(t), 'n': bin}}
	mixes := []string{"ooo", "oon", "ono", "onn", "noo", "non", "nno", "nnn"}
	perMix := form.N(0, 200, 10_000)
	c.change(mixes[0])
	c.load(form.N(0, 3000, 9000), time.Minute)
	for _, mix := range mixes {
		c.change(mix)
		c.jobs(perMix)
	}

	// The worker of the release before was last seen a moment ago: let two
	// minutes pass in the registry.
	if _, err := c.number(`WITH late AS (UPDATE workers SET seen_at = seen_at - interval '2 minutes' WHERE silent RETURNING 1) SELECT count(*) FROM late`); err != nil {
		t.Fatal(err)
	}
	steps := check.Check{
		ID: "steps", Name: "steps", Every: time.Second, Timeout: 20 * time.Second, Locations: []string{"local"}, Active: true,
		Spec: &check.API{Steps: []check.APIStep{
			{ID: "first", Request: check.Request{Method: "GET", URL: c.target + "/", MaxBody: 1 << 10}},
			{ID: "second", Request: check.Request{Method: "GET", URL: c.target + "/", MaxBody: 1 << 10}},
		}},
	}
	c.applySteps(steps)
	// The worker says every half minute what it reads; its first word was for a
	// recorder that did not know such messages.
	eventually(t, 2*time.Minute, func() error {
		n, err := c.number(`SELECT count(*) FROM runs WHERE check_id = 'steps' AND data_version = 2 AND outcome = 'passed'`)
		return expectf(err == nil && n > 0, "no result of a check that needs version 2: %v", err)
	})
	steps.Active = false
	c.applySteps(steps)

	// Back: the pins first, then the processes.
	c.pin(1)
	pause(t, 7*time.Second) // the scheduler reads them, and what is newer is done
	second, err := c.number(`SELECT count(*) FROM runs WHERE data_version = 2`)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(mixes) - 2; i >= 0; i-- {
		c.change(mixes[i])
		c.jobs(perMix)
	}
	a := c.settle()

	// Announcements are nothing to a recorder of the release before: they lie
	// among the dead, and nothing else does.
	misread := 0
	for _, body := range c.dead {
		if typ := codec.TypeOf([]byte(body)); typ != codec.TypeWorker {
			misread++
			t.Errorf("a dead letter of type %q: %.300s", typ, body)
		}
	}
	bad, err := c.number(`SELECT count(*) FROM runs WHERE outcome <> 'passed'`)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	if misread > 0 || bad > 0 || second == 0 {
		faults = append(faults, fmt.Sprintf("%d misread, %d did not pass, %d of version 2", misread, bad, second))
	}
	for _, q := range []string{jobsQueue, results} {
		if n, err := c.wire.Held(q); err != nil || n > 0 {
			faults = append(faults, fmt.Sprintf("%d messages parked in %s: %v", n, q, err))
		}
	}
	c.verdict(t, "rollout of two releases, every mix, up and back", seed, a, faults,
		"%d mixes of at least %d jobs, misread %d, %d rows in version 2, announcements to old recorders %d", 2*len(mixes)-1, perMix, misread, second, len(c.dead)-misread)
}

// jobs waits until the mix has been sent n jobs and has stored as many results.
func (c *crew) jobs(n int) {
	c.t.Helper()
	stored := func() int {
		rows, err := c.number(`SELECT count(*) FROM runs`)
		if err != nil {
			c.t.Fatal(err)
		}
		return rows
	}
	sent, rows := c.ledger.Accepted()+n, stored()+n
	eventuallyDown(c.t, func() (int, string) {
		left := max(0, sent-c.ledger.Accepted()) + max(0, rows-stored())
		return left, fmt.Sprintf("jobs of %s are not sent and stored", c.mix)
	})
}

// applySteps changes one check beside those of the load.
func (c *crew) applySteps(steps check.Check) {
	c.t.Helper()
	if _, err := c.store.ApplyChecks(context.Background(), []check.Check{steps}); err != nil {
		c.t.Fatal(err)
	}
}

// pause lets real processes work for a while.
func pause(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
