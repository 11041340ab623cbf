package scale_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/store"
)

// question is what a page asks the database.
type question struct {
	title, when string
	ask         func(ctx context.Context, db *store.Store) error
}

// questions are those of every page of lists, in the order of the document.
func questions(t *testing.T, s *site) []question {
	incident := one[string](t, s.url, `SELECT id::text FROM incidents WHERE check_id = 'c-7' LIMIT 1`)
	run := one[string](t, s.url, `SELECT id::text FROM runs WHERE check_id = 'c-7' LIMIT 1`)
	delivery := one[string](t, s.url, `SELECT id::text FROM deliveries LIMIT 1`)
	now, day := time.Now(), 24*time.Hour
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf("c-%d", i*7))
	}
	q := func(title, when string, ask func(ctx context.Context, db *store.Store) error) question {
		return question{title, when, ask}
	}
	return []question{
		q("Status page: checks and their newest runs", "at the start, every 30 s, and where checks were changed", func(ctx context.Context, db *store.Store) error { _, err := db.PublicChecks(ctx); return err }),
		q("Status page: what was stored since", "every 2 s", func(ctx context.Context, db *store.Store) error { _, err := db.PublicChecks(ctx); return err }),
		q("Status page: the newest hours", "every 10 s, for most of an hour without the hour before, and each minute two of the others", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicBuckets(ctx, store.Hour, now.Add(-time.Hour), now)
			return err
		}),
		q("Status page: the hours of a day", "once, at the start", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicBuckets(ctx, store.Hour, now.Add(-23*time.Hour), now)
			return err
		}),
		q("Status page: the newest days", "each minute, for most of a day without the day before, and three of the others", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicBuckets(ctx, store.Day, now.Add(-day), now)
			return err
		}),
		q("Status page: 90 days", "once, at the start", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicBuckets(ctx, store.Day, now.Add(-89*day), now)
			return err
		}),
		q("Status page: outages", "every 10 s", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicOutages(ctx, now.Add(-89*day))
			return err
		}),
		q("Status page: incidents and their updates", "every 2 s", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicIncidents(ctx, now.Add(-15*day), now, 300)
			return err
		}),
		q("Status page: maintenance", "every 2 s", func(ctx context.Context, db *store.Store) error { _, err := db.PublicMaintenance(ctx, now); return err }),
		q("Status page of a check: its newest runs", "when it is read, four at a time, kept for readers after", func(ctx context.Context, db *store.Store) error { _, err := db.PublicRuns(ctx, "c-7", 50); return err }),
		q("Status page of a check: its chart", "likewise", func(ctx context.Context, db *store.Store) error {
			_, err := db.PublicLatencies(ctx, "c-7", now.Add(-day))
			return err
		}),
		q("Console: all checks and their newest runs", "as by the status page, while somebody looks", func(ctx context.Context, db *store.Store) error { _, err := db.Overview(ctx); return err }),
		q("Console: what was stored since", "every 2 s at most, while somebody looks", func(ctx context.Context, db *store.Store) error { _, err := db.Overview(ctx); return err }),
		q("Console, checks: sparklines of a page of 100", "for those that have run since the list was made before", func(ctx context.Context, db *store.Store) error { _, err := db.Recent(ctx, ids, 40); return err }),
		q("Console: incidents", "likewise", func(ctx context.Context, db *store.Store) error {
			_, err := db.Incidents(ctx, kept.IncidentFilter{Limit: 51})
			return err
		}),
		q("Console: open incidents", "likewise", func(ctx context.Context, db *store.Store) error {
			_, err := db.Incidents(ctx, kept.IncidentFilter{Limit: 51, Open: true})
			return err
		}),
		q("Console: an incident", "when it is read", func(ctx context.Context, db *store.Store) error { _, _, err := db.Incident(ctx, incident); return err }),
		q("Console: alerts", "once a second at most", func(ctx context.Context, db *store.Store) error {
			_, err := db.Alerts(ctx, store.AlertFilter{Limit: 50})
			return err
		}),
		q("Console: messages", "likewise", func(ctx context.Context, db *store.Store) error {
			_, err := db.Deliveries(ctx, store.DeliveryFilter{Limit: 50})
			return err
		}),
		q("Console: a message", "when it is read", func(ctx context.Context, db *store.Store) error { _, _, err := db.Delivery(ctx, delivery); return err }),
		q("Console, fleet: what was measured lately", "every 4 s at most, in a tenth of the time", func(ctx context.Context, db *store.Store) error {
			_, err := db.Activity(ctx, 10*time.Minute)
			return err
		}),
		q("Console, fleet: active checks", "where checks were changed", func(ctx context.Context, db *store.Store) error { _, _, err := db.ActiveChecks(ctx); return err }),
		q("Console, fleet: locations", "likewise", func(ctx context.Context, db *store.Store) error { _, err := db.Locations(ctx); return err }),
		q("Console, fleet: workers, recorders and pins", "likewise", func(ctx context.Context, db *store.Store) error { _, err := db.Fleet(ctx); return err }),
		q("Console, a check: its chart", "when it is read", func(ctx context.Context, db *store.Store) error {
			_, err := db.Latencies(ctx, "c-7", now.Add(-day))
			return err
		}),
		q("Console, a check: its runs", "when it is read", func(ctx context.Context, db *store.Store) error {
			_, err := db.Runs(ctx, kept.RunFilter{Check: "c-7", Since: now.Add(-30 * day), Until: now, Limit: 300})
			return err
		}),
		q("Console, a check: its runs that failed", "when it is read", func(ctx context.Context, db *store.Store) error {
			_, err := db.Runs(ctx, kept.RunFilter{Check: "c-7", Since: now.Add(-30 * day), Until: now, Limit: 300, Outcomes: []jobs.Outcome{jobs.Failed}})
			return err
		}),
		q("Console, a check: its coverage", "when it is read", func(ctx context.Context, db *store.Store) error {
			_, err := db.Coverage(ctx, "c-7", now.Add(-day))
			return err
		}),
		q("Console, a check: its incidents", "when it is read", func(ctx context.Context, db *store.Store) error {
			_, err := db.Incidents(ctx, kept.IncidentFilter{Check: "c-7", Limit: 10})
			return err
		}),
		q("Console, a check: its definitions", "when it is read", func(ctx context.Context, db *store.Store) error { _, err := db.Revisions(ctx, "c-7"); return err }),
		q("Console, a check: its objective", "when it is read", func(ctx context.Context, db *store.Store) error {
			_, err := db.Promises(ctx, now.UTC(), []string{"c-7"})
			return err
		}),
		q("Console: a run", "when it is read", func(ctx context.Context, db *store.Store) error { _, _, err := db.Run(ctx, run); return err }),
		q("API: the runs of all checks", "when it is asked", func(ctx context.Context, db *store.Store) error {
			_, err := db.Runs(ctx, kept.RunFilter{Since: now.Add(-day), Until: now, Limit: 101})
			return err
		}),
		q("API: a page of checks", "when it is asked", func(ctx context.Context, db *store.Store) error {
			_, _, err := db.Catalogue(ctx, kept.CheckFilter{Text: "service 7", Limit: 101})
			return err
		}),
	}
}

// explain writes how the database answers each question into docs/queries.md, as
// it says itself.
func explain(t *testing.T, s *site, checks, rows int) {
	t.Helper()
	db, err := store.Open(t.Context(), s.url+"&session_preload_libraries=auto_explain&auto_explain.log_min_duration=0&auto_explain.log_analyze=on&auto_explain.log_buffers=on&auto_explain.log_timing=off&pool_max_conns=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	logs, err := filepath.Glob(filepath.Join(s.o.Dir, "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("the server keeps no log in %s (%v)", s.o.Dir, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# How the database answers\n\nMade by `make bench-dashboard EXPLAIN=1` over %d checks at three locations with 90 days of tallies, and %d runs in daily partitions. Times are of the machine that it ran on; of the partitions of `runs` that are read alike two are shown.\n", checks, rows)
	for _, q := range questions(t, s) {
		before := size(t, logs[0])
		if err := q.ask(t.Context(), db); err != nil {
			t.Fatalf("%s: %v", q.title, err)
		}
		all, err := os.ReadFile(logs[0])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n## %s\n\nAsked %s.\n", q.title, q.when)
		found := plans.FindAllStringSubmatch(string(all[before:]), -1)
		if len(found) == 0 {
			t.Errorf("%s: the server has logged no plan", q.title)
		}
		for _, part := range found {
			plan := strings.ReplaceAll(strings.TrimSpace(part[1]), "\n\t", "\n")
			fmt.Fprintf(&b, "\n%s\n\n```\n%s\n```\n", served(plan), short(plan))
		}
	}
	if err := os.WriteFile("../../../docs/queries.md", []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	f, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return f.Size()
}

var (
	// plans are those of auto_explain in a log of the server.
	plans = regexp.MustCompile(`(?s)LOG:  (duration: [0-9.]+ ms  plan:\n(?:\t[^\n]*\n)+)`)
	// scans are the nodes of a plan that read a relation or an index.
	byIndex = regexp.MustCompile(`Index (?:Only )?Scan (?:Backward )?using (\S+) on (\S+)`)
	bitmap  = regexp.MustCompile(`Bitmap Index Scan on (\S+)`)
	whole   = regexp.MustCompile(`Seq Scan on (\S+)`)
	// daily is the part of a name that is the partition's.
	daily = regexp.MustCompile(`^runs_(?:\d{8}|default)`)
	// literal is a value that stands in the plan in place of a parameter.
	literal = regexp.MustCompile(`'\{[^']{120,}\}'`)
)

// served says in a sentence by which index each relation is read.
func served(plan string) string {
	by, all := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "never executed") {
			continue
		}
		if m := byIndex.FindStringSubmatch(line); m != nil {
			by[fmt.Sprintf("`%s` by %s", daily.ReplaceAllString(m[2], "runs"), indexName(m[1]))] = true
		} else if m := bitmap.FindStringSubmatch(line); m != nil {
			by["what is to be read by "+indexName(m[1])] = true
		} else if m := whole.FindStringSubmatch(line); m != nil {
			all["`"+daily.ReplaceAllString(m[1], "runs")+"`"] = true
		}
	}
	var parts []string
	if len(by) > 0 {
		parts = append(parts, "Found: "+strings.Join(slices.Sorted(maps.Keys(by)), ", "))
	}
	if len(all) > 0 {
		parts = append(parts, "read as a whole: "+strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	if len(parts) == 0 {
		return "Reads no table."
	}
	s := strings.Join(parts, "; ") + "."
	return strings.ToUpper(s[:1]) + s[1:]
}

// indexName is the name of an index; those of partitions are their parent's.
func indexName(name string) string {
	if daily.MatchString(name) {
		switch {
		case strings.Contains(name, "check_id_slot_location"):
			return "`runs_of_check`"
		case strings.Contains(name, "check_id_slot"):
			return "`runs_not_passed`"
		case strings.Contains(name, "pkey"):
			return "the key of `runs`"
		}
		return "`runs_by_slot`"
	}
	return "`" + name + "`"
}

// short leaves out of a plan what says the same again: all but two of the
// partitions that stand beside each other, and long values.
func short(plan string) string {
	lines := strings.Split(literal.ReplaceAllString(plan, "'{…}'"), "\n")
	var out []string
	alike, indent := 0, -1
	for i := 0; i < len(lines); {
		end := i + 1
		at := depth(lines[i])
		if isPartition(lines[i]) {
			for end < len(lines) && depth(lines[end]) > at {
				end++
			}
			if at != indent {
				alike, indent = 0, at
			}
			alike++
			if alike <= 2 {
				out = append(out, lines[i:end]...)
			}
			if last := end == len(lines) || !isPartition(lines[end]) || depth(lines[end]) != at; last && alike > 2 {
				out = append(out, fmt.Sprintf("%s(%d more partitions alike)", strings.Repeat(" ", at), alike-2))
			}
			if end < len(lines) && (!isPartition(lines[end]) || depth(lines[end]) != at) {
				indent = -1
			}
		} else {
			out = append(out, lines[i])
		}
		i = end
	}
	return strings.Join(out, "\n")
}

var partition = regexp.MustCompile(`->  .* on runs_(?:\d{8}|default)`)

func isPartition(line string) bool { return partition.MatchString(line) }

// depth is the indent of a line.
func depth(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
