package store_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// tool finds a program of Postgres, the newest where there are several.
func tool(t *testing.T, name string) string {
	t.Helper()
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); err == nil && len(found) > 0 {
		return slices.Max(found)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the test needs %s of Postgres: %v", name, err)
	}
	return path
}

// What docs/operations.md says of backups: a dump that is taken while results
// come is restored into another database, holds every row that was committed
// when it began, and is gone on with by what is older and what is newer.
func TestBackupAndRestore(t *testing.T) {
	s, from := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	day := time.Now().UTC().Truncate(24 * time.Hour)
	if err := s.EnsurePartitions(t.Context(), day, day.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	const runs = 500
	var results []jobs.Result
	for i := range runs {
		results = append(results, result(c, "here", day.Add(time.Duration(i)*time.Minute), jobs.Passed, 100*time.Millisecond))
	}
	record(t, s, store.Recorded{Stored: runs}, results...)

	dump := filepath.Join(t.TempDir(), "probefleet.dump")
	run := func(name string, args ...string) time.Duration {
		t.Helper()
		begun := time.Now()
		if out, err := exec.CommandContext(t.Context(), tool(t, name), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return time.Since(begun)
	}
	took := run("pg_dump", "--format=custom", "--file="+dump, from)
	to := storetest.Database(t)
	do(t, to, `DROP SCHEMA public CASCADE`)
	do(t, to, `CREATE SCHEMA public`)
	back := run("pg_restore", "--no-owner", "--exit-on-error", "--dbname="+to, dump)
	t.Logf("dumped in %s, restored in %s", took, back)

	count := func(url string) map[string]int {
		tables := ask[string](t, url, `SELECT string_agg(format('SELECT %L::text AS t, count(*) AS n FROM %I', relname, relname), ' UNION ALL ' ORDER BY relname)
			FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace`)
		counts := map[string]int{}
		for _, pair := range ask[[]string](t, url, `SELECT array_agg(t || '=' || n) FROM (`+tables+`) x`) {
			var name string
			var n int
			if i := slices.Index([]byte(pair), '='); i > 0 {
				name = pair[:i]
				if _, err := fmt.Sscan(pair[i+1:], &n); err != nil {
					t.Fatal(err)
				}
			}
			counts[name] = n
		}
		return counts
	}
	if d := cmp.Diff(count(from), count(to)); d != "" {
		t.Errorf("rows (-before +after):\n%s", d)
	}
	if n := count(to)["runs"]; n != runs {
		t.Errorf("%d runs after the restore, want %d", n, runs)
	}

	// The same release starts on it, and what waited in the queue is recorded:
	// what the dump has is a duplicate, what it has not is new.
	if err := store.Migrate(t.Context(), to); err != nil {
		t.Fatalf("starting on the restored database: %v", err)
	}
	restored, err := store.Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(restored.Close)
	newer := result(c, "here", day.Add(runs*time.Minute), jobs.Passed, 100*time.Millisecond)
	record(t, restored, store.Recorded{Stored: 1, Duplicates: 1}, results[runs-1], newer)
}
