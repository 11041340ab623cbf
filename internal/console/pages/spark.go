package pages

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

const (
	// sparkRuns is the number of runs in a sparkline.
	sparkRuns = 40
	// maxSparks bounds those that are kept; one has some 1 KB.
	maxSparks = 20_000
)

// sparks are the sparklines of checks, each as it was drawn after the newest
// run of the check: nothing is read of those that have not run since. A run
// that comes late is in it after the next.
type sparks struct {
	recent func(ctx context.Context, ids []string, n int) (map[string][]status.Run, error)
	kept   *lru.Cache[string, sparkAfter]
}

// sparkAfter is a sparkline, and a digest of the runs that were the newest.
type sparkAfter struct {
	newest uint64
	spark  spark
}

func newSparks(recent func(ctx context.Context, ids []string, n int) (map[string][]status.Run, error)) sparks {
	kept, err := lru.New[string, sparkAfter](maxSparks)
	if err != nil {
		panic(err) // the number is no number of things
	}
	return sparks{recent, kept}
}

// draw gives rows their sparklines.
func (s sparks) draw(ctx context.Context, rows []checkRow) error {
	var ids []string
	newest := make([]uint64, len(rows))
	for i := range rows {
		newest[i] = newestDigest(rows[i].Watched.Last)
		if was, ok := s.kept.Get(rows[i].ID); ok && was.newest == newest[i] {
			rows[i].Spark = was.spark
			continue
		}
		ids = append(ids, rows[i].ID)
	}
	if len(ids) == 0 {
		return nil
	}
	recent, err := s.recent(ctx, ids, sparkRuns)
	if err != nil {
		return err
	}
	for i := range rows {
		if rows[i].Spark.Width == 0 {
			rows[i].Spark = newSpark(recent[rows[i].ID])
			s.kept.Add(rows[i].ID, sparkAfter{newest[i], rows[i].Spark})
		}
	}
	return nil
}

func newestDigest(runs []status.Run) uint64 {
	h := fnv.New64a()
	for _, r := range runs {
		fmt.Fprintln(h, r.RunID, r.Attempt, r.Outcome)
	}
	return h.Sum64()
}

// spark is a row of runs as bars, as long as they took.
type spark struct {
	Label string
	Bars  []sparkBars
	Width int
}

// sparkBars are all bars of one outcome: a page has some thousands.
type sparkBars struct {
	Class, Path string
}

// newSpark draws runs, which come newest first, oldest first.
func newSpark(runs []status.Run) spark {
	s := spark{Width: 4 * sparkRuns}
	var top time.Duration
	failed := 0
	for _, r := range runs {
		top = max(top, r.Latency)
		if r.Outcome == jobs.Failed {
			failed++
		}
	}
	paths := map[string][]byte{}
	for i, r := range runs {
		h := 4
		if top > 0 {
			h = max(4, int(20*r.Latency/top))
		}
		code := web.OutcomeMark(r.Outcome).Code
		if code == "x" {
			h = 20
		}
		paths[code] = fmt.Appendf(paths[code], "M%d 20v-%dh3v%dz", 4*(sparkRuns-1-i), h, h)
	}
	for _, code := range sortedKeys(paths) {
		s.Bars = append(s.Bars, sparkBars{"s-" + code, string(paths[code])})
	}
	s.Label = fmt.Sprintf("%s, %d failed", web.Count(len(runs), "run"), failed)
	return s
}
