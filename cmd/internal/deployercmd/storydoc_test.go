package deployercmd

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

const (
	storyDoc = "../../../docs/deployer.md"
	// asDeployer makes this binary the deployer, at the time that it holds.
	asDeployer = "PROBEFLEET_TEST_DEPLOYER_AT"
)

var update = flag.Bool("update", false, "write what the deployer prints into docs/deployer.md")

// TestMain is the deployer's own main where the environment says so, with a
// clock that stands still: what the page shows was printed by a process of its
// own, by its arguments and its environment alone.
func TestMain(m *testing.M) {
	text, ok := os.LookupEnv(asDeployer)
	if !ok {
		os.Exit(m.Run())
	}
	now, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	clock, poll = func() time.Time { return now }, 5*time.Millisecond
	daemon.Main(Run)
}

// book is the page with its scenes.
type book struct {
	t      *testing.T
	scenes map[string]string
}

// tell runs commands of the deployer in a world, and notes what a terminal
// shows of them under the name of a scene.
func (b *book) tell(w *world, scene string, commands ...string) {
	b.t.Helper()
	if _, told := b.scenes[scene]; told {
		b.t.Fatalf("the scene %s is told twice", scene)
	}
	var block strings.Builder
	for _, line := range commands {
		out, code := b.deployer(w, line)
		fmt.Fprintf(&block, "$ deployer %s\n%s", line, out)
		if code != 0 {
			fmt.Fprintf(&block, "$ echo $?\n%d\n", code)
		}
	}
	b.scenes[scene] = block.String()
}

// deployer runs a command line in a process of its own. Where its console is,
// and where its files are, is another place each time.
func (b *book) deployer(w *world, line string) (out string, code int) {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), self, words(line)...)
	cmd.Env = append(os.Environ(),
		asDeployer+"="+w.clock().Format(time.RFC3339), "SHOP_CONSOLE_TOKEN="+token, "PROBEFLEET_DEPLOYER_FILE="+filepath.Join(w.dir, "deployer.json"),
		"PROBEFLEET_DEPLOYER_NAME=desk", "PROBEFLEET_DEPLOYER_ACTOR=ada")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || stdout.Len() == 0 {
			b.t.Fatalf("deployer %s: %v\n%s%s", line, err, stdout.String(), stderr.String())
		}
		code = exit.ExitCode()
	}
	host := strings.TrimPrefix(w.console.URL, "http://")
	out = strings.NewReplacer(host, "console.example.org", w.dir, "/srv/deployer").Replace(stdout.String())
	return blankEnds.ReplaceAllString(out, ""), code
}

// blankEnds are what a table leaves behind a last cell that is empty; editors
// take them away.
var blankEnds = regexp.MustCompile(`(?m) +$`)

// words are those of a command line, in which "…" holds some together.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}

// scenePlace is where the page shows a scene.
var scenePlace = regexp.MustCompile("(?ms)^<!-- story: ([a-z-]+) -->\n```console\n(.*?)^```\n")

// TestTheStoryIsWhatIsPrinted tells the story of docs/deployer.md with real
// processes, a real repository and a console, and holds each of the page's
// blocks to what they print.
func TestTheStoryIsWhatIsPrinted(t *testing.T) {
	b := &book{t: t, scenes: map[string]string{}}
	b.fromCommitToProduction()
	b.heldWithItsReason()
	b.rolledBack()
	b.byHand()

	page, err := os.ReadFile(storyDoc)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	want := scenePlace.ReplaceAllStringFunc(string(page), func(place string) string {
		name := scenePlace.FindStringSubmatch(place)[1]
		shown = append(shown, name)
		if _, told := b.scenes[name]; !told {
			t.Errorf("the page has a scene %s, which nobody tells", name)
		}
		return "<!-- story: " + name + " -->\n```console\n" + b.scenes[name] + "```\n"
	})
	for name := range b.scenes {
		if n := len(slices.DeleteFunc(slices.Clone(shown), func(s string) bool { return s != name })); n != 1 {
			t.Errorf("the page shows the scene %s %d times", name, n)
		}
	}
	switch {
	case *update && !t.Failed():
		if err := os.WriteFile(storyDoc, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	case want != string(page):
		t.Errorf("the page is out of date: run `go test ./cmd/internal/deployercmd -run TestTheStoryIsWhatIsPrinted -update`\n%s", want)
	}
}

// says sees to it that the page proves what it says.
func (b *book) says(scene string, want ...string) {
	b.t.Helper()
	for _, words := range want {
		if !strings.Contains(b.scenes[scene], words) {
			b.t.Errorf("the scene %s does not say %q:\n%s", scene, words, b.scenes[scene])
		}
	}
}

// fromCommitToProduction: a commit comes to staging, its checks are green for
// the bake, the gates are open, and it goes to production by location.
func (b *book) fromCommitToProduction() {
	w := newWorld(b.t, "2026-11-24T08:30:00Z") // Tuesday, 09:30 in Berlin
	one := w.commit("Search answers faster")
	b.tell(w, "a-commit-lands", "plan", "run")
	b.says("a-commit-lands", "promote")
	w.passes(time.Minute)
	b.tell(w, "it-bakes", "why shop production-eu")
	b.says("it-bakes", "1m of 30m have passed", "4 of 40 runs were made")
	w.passes(9 * time.Minute)
	two := w.commit("Basket remembers its things")
	b.tell(w, "another-one-waits", "plan")
	b.says("another-one-waits", "still has its bake to complete")
	w.passes(20 * time.Minute)
	b.tell(w, "the-gates-open", "why shop production-eu", "run")
	b.says("the-gates-open", "all gates are open", "checks     pass")
	w.passes(30 * time.Minute)
	b.tell(w, "location-by-location", "run", "status")
	w.runs(two, two, one)
	w.passes(30 * time.Minute)
	b.deployer(w, "run")
	w.passes(time.Minute)
	b.tell(w, "all-of-it", "status", "history shop production-us")
	w.runs(two, two, two)
	b.says("all-of-it", "steady", "deploy done")
}

// heldWithItsReason: each of four reasons keeps a commit out of production.
func (b *book) heldWithItsReason() {
	w := newWorld(b.t, "2026-11-27T09:00:00Z") // Friday, 10:00 in Berlin
	old := w.read("staging")
	one := w.commit("Search answers faster")
	b.deployer(w, "run")
	w.passes(40 * time.Minute)
	w.set(func() { w.incident = "Payment is down" })
	b.tell(w, "held-by-an-incident", "why shop production-eu", "run")
	b.says("held-by-an-incident", `open: "Payment is down" (outage, since 2026-11-27 09:40 UTC)`)
	w.set(func() { w.incident = ""; w.silent["staging"] = true })
	b.tell(w, "held-as-checks-are-silent", "why shop production-eu")
	b.says("held-as-checks-are-silent", "has not yet run: login-staging")
	w.set(func() { w.silent, w.away = map[string]bool{}, true })
	b.tell(w, "held-without-evidence", "why shop production-eu", "run")
	if n := strings.Count(strings.SplitN(b.scenes["held-without-evidence"], "\n", 3)[1], "what the checks of staging found is not known"); n != 1 {
		b.t.Errorf("one reason is said %d times", n)
	}
	b.says("held-without-evidence", "bake       unknown", "incidents  unknown", "alarms     unknown", "answered 503")
	w.set(func() { w.away, w.now = false, time.Date(2026, 11, 27, 17, 0, 0, 0, time.UTC) })
	b.tell(w, "held-on-friday-evening", "why shop production-eu", "run")
	b.says("held-on-friday-evening", "Fri 18:00 in Europe/Berlin is no time to release", "it may go on at 2026-11-30 08:00 UTC")
	w.runs(one, old, old)
	// On Monday somebody has pushed another history.
	w.set(func() { w.now = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC) })
	w.git(w.origin, "reset", "--quiet", "--hard", old)
	b.tell(w, "held-off-the-trunk", "why shop production-eu", "run")
	b.says("held-off-the-trunk", one[:10]+" is not on the trunk")
	w.runs(one, old, old)
	w.git(w.origin, "reset", "--quiet", "--hard", one)
	b.deployer(w, "run")
	w.runs(one, one, old)
}

// rolledBack: an alarm within the bake, on a Friday afternoon.
func (b *book) rolledBack() {
	w := newWorld(b.t, "2026-11-27T10:00:00Z") // Friday, 11:00 in Berlin
	old := w.read("staging")
	one := w.commit("Search answers faster")
	b.deployer(w, "run")
	w.passes(40 * time.Minute)
	b.deployer(w, "run")
	w.runs(one, one, old)
	w.passes(25 * time.Minute) // past noon: no time to release any more
	w.set(func() { w.outage["production-eu"] = true })
	b.tell(w, "rolled-back", "run", "status", "history shop production-eu")
	b.says("rolled-back", "roll back", "customers fires (login-production-eu: outage)")
	w.runs(one, old, old)
	w.set(func() {
		w.outage = map[string]bool{}
		w.now = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	})
	b.tell(w, "held-after-a-rollback", "why shop production-eu")
	b.says("held-after-a-rollback", "hold       fail", "rejected   fail")
}

// byHand: a person has the last word, and the ledger has who and why.
func (b *book) byHand() {
	w := newWorld(b.t, "2026-11-28T10:00:00Z") // Saturday
	one := w.commit("Nobody could log in")
	b.deployer(w, "run")
	w.passes(5 * time.Minute)
	b.tell(w, "by-hand", "promote shop production-eu",
		`promote -override hours,bake -reason "nobody can log in" shop production-eu `+one[:10], "history shop production-eu")
	b.says("by-hand", "$ echo $?\n3\n", one[:10]+" runs in production-eu", "override of hours until", "gate bake is overridden by ada", "gate hours is overridden by ada")
	if got := w.read("production-eu"); got != one {
		b.t.Errorf("production-eu runs %s, want %s", got, one)
	}
}
