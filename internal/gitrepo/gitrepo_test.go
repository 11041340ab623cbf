package gitrepo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/promotion"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func commit(t *testing.T, dir, subject string) string {
	t.Helper()
	git(t, dir, "commit", "--quiet", "--allow-empty", "-m", subject)
	return git(t, dir, "rev-parse", "HEAD")
}

// upstream is a repository with a trunk of three commits and a branch, and two
// clones of it.
func upstream(t *testing.T) (origin string, clones [2]*Repo, trunk []string, branch string) {
	t.Helper()
	origin = filepath.Join(t.TempDir(), "origin")
	if err := os.Mkdir(origin, 0o700); err != nil {
		t.Fatal(err)
	}
	git(t, origin, "init", "--quiet", "--initial-branch=main")
	for _, s := range []string{"one", "two", "three"} {
		trunk = append(trunk, commit(t, origin, s))
	}
	git(t, origin, "checkout", "--quiet", "-b", "side", trunk[1])
	branch = commit(t, origin, "aside")
	git(t, origin, "checkout", "--quiet", "main")
	for i := range clones {
		dir := filepath.Join(t.TempDir(), "clone")
		git(t, origin, "clone", "--quiet", "--bare", origin, dir)
		clones[i] = &Repo{Dir: dir, Remote: "origin", Branch: "main", Ledger: "refs/deployer/shop", Candidates: 2}
	}
	return origin, clones, trunk, branch
}

func TestTrunkAndAncestors(t *testing.T) {
	origin, clones, trunk, branch := upstream(t)
	newest := commit(t, origin, "four")
	t.Setenv("GIT_DIR", "/nowhere") // as if we were run by a hook of another repository
	r := clones[0]
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := r.Trunk(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != newest || list[0].Subject != "four" || list[1].Back != 1 || list[1].OnTrunk != promotion.Yes {
		t.Errorf("trunk: %+v, %v", list, err)
	}
	for _, row := range []struct {
		a, d string
		want promotion.Known
	}{{trunk[0], newest, promotion.Yes}, {newest, trunk[0], promotion.No}, {branch, newest, promotion.No}, {trunk[1], branch, promotion.Yes}} {
		if got, err := r.IsAncestor(t.Context(), row.a, row.d); err != nil || got != row.want {
			t.Errorf("%s of %s: %q, %v; want %q", row.a, row.d, got, err, row.want)
		}
	}
	if got, err := r.IsAncestor(t.Context(), strings.Repeat("e", 40), newest); err == nil || got != promotion.NotKnown {
		t.Errorf("a commit that nobody knows: %q, %v", got, err)
	}
	for id, want := range map[string]promotion.Known{trunk[0]: promotion.Yes, branch: promotion.No} {
		if c, err := r.Commit(t.Context(), id); err != nil || c.OnTrunk != want || c.Back != -1 {
			t.Errorf("%s: %+v, %v", id, c, err)
		}
	}
	if id, err := r.Resolve(t.Context(), newest[:12]); err != nil || id != newest {
		t.Errorf("resolve: %q, %v", id, err)
	}
	for _, bad := range []string{"--all", "nothing", newest + "^{tree}"} {
		if id, err := r.Resolve(t.Context(), bad); err == nil {
			t.Errorf("%q resolves to %s", bad, id)
		}
	}
}

func TestLedger(t *testing.T) {
	origin, clones, _, _ := upstream(t)
	local := &Repo{Dir: origin, Branch: "main", Ledger: "refs/deployer/local"}
	for name, r := range map[string]*Repo{"at a remote": clones[0], "here": local} {
		ctx := t.Context()
		if entries, tip, err := r.Entries(ctx); err != nil || tip != "" || len(entries) != 0 {
			t.Fatalf("%s: an empty ledger: %v, %q, %v", name, entries, tip, err)
		}
		want := []promotion.Entry{
			{At: time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC), Kind: promotion.EntryHold, Actor: "Ada <ada@example.org>\n", Stage: "production", Reason: "sale\n\n\"quoted\" \x01"},
			{At: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC), Kind: promotion.EntryRelease, Actor: "ada", Stage: "production"},
		}
		tip := ""
		for i := range want {
			id, err := r.Append(ctx, tip, want[i])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := r.Append(ctx, tip, want[i]); !errors.Is(err, ErrMoved) {
				t.Errorf("%s: a second entry behind the same tip: %v", name, err)
			}
			tip, want[i].ID, want[i].Seq = id, id, i+1
		}
		got, now, err := r.Entries(ctx)
		if err != nil || now != tip {
			t.Fatalf("%s: tip %q, want %q: %v", name, now, tip, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if err := clones[1].Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := clones[1].Entries(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("the other clone reads %v, %v", got, err)
	}
}

// TestLedgerHasOneWriter: of several who write behind the same tip one wins,
// and the others are told.
func TestLedgerHasOneWriter(t *testing.T) {
	_, clones, _, _ := upstream(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 6 {
		wg.Go(func() {
			_, err := clones[i%2].Append(t.Context(), "", promotion.Entry{Kind: promotion.EntryBegin, Actor: "a", Stage: string(rune('a' + i))})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, ErrMoved):
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

func TestEntriesOfTheFuture(t *testing.T) {
	origin, _, _, _ := upstream(t)
	r := &Repo{Dir: origin, Branch: "main", Ledger: "refs/deployer/shop"}
	id := git(t, origin, "commit-tree", git(t, origin, "mktree"), "-m", "hold production", "-m", `{"kind":"hold","stage":"production","mood":"sad"}`)
	git(t, origin, "update-ref", r.Ledger, id)
	if entries, _, err := r.Entries(t.Context()); err == nil || !strings.Contains(err.Error(), "older than the one that wrote it") {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestNoPasswordsInErrors(t *testing.T) {
	origin, _, _, _ := upstream(t)
	git(t, origin, "remote", "add", "away", "https://me:hidden-word@127.0.0.1:1/shop.git")
	r := &Repo{Dir: origin, Remote: "away", Branch: "main", Ledger: "refs/deployer/shop"}
	if err := r.Fetch(t.Context()); err == nil || strings.Contains(err.Error(), "hidden-word") {
		t.Errorf("%v", err)
	}
}
