package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/jobs"
)

// watchEvery is the time between two looks for new runs.
const watchEvery = 2 * time.Second

type resultsConfig struct {
	console                                 consoleClient
	output, check, location, outcome, since string
	limit                                   int
	watch                                   bool
}

func results(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet results", "[RUN]", "lists runs, the newest first, or shows one with its whole result", p)
	var c resultsConfig
	c.console.flags(f)
	outputFlag(f, &c.output, "table", "json")
	f.StringVar(&c.check, "check", "", "only of this check")
	f.StringVar(&c.location, "location", "", "only from there")
	f.StringVar(&c.outcome, "outcome", "", "only with one of these outcomes, separated by commas, such as failed,degraded")
	f.StringVar(&c.since, "since", "1h", "from this time on: a duration before now, or a time such as 2026-03-14T12:00:00Z")
	f.IntVar(&c.limit, "limit", 50, "at most so many")
	f.BoolVar(&c.watch, "watch", false, "go on with those that come, the newest last, until Ctrl-C")
	f.Check(func() error {
		if c.limit < 1 {
			return fmt.Errorf("-limit %d: use at least 1", c.limit)
		}
		return nil
	})
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 1:
		return &daemon.UsageError{Err: fmt.Errorf("name one run by its id, or none")}
	case f.NArg() == 1:
		return c.show(ctx, p.Stdout, f.Arg(0))
	case c.watch:
		return c.follow(ctx, p.Stdout)
	}
	all, err := c.list(ctx, c.limit, c.since)
	if err != nil {
		return err
	}
	return printAs(p.Stdout, c.output, all, func() error {
		if len(all.Runs) == 0 {
			_, err := fmt.Fprintf(p.Stdout, "no runs since %s; see -since\n", c.since)
			return err
		}
		return printRuns(p.Stdout, all.Runs, true)
	})
}

// list asks for runs, page by page.
func (c resultsConfig) list(ctx context.Context, limit int, since string) (console.Runs, error) {
	all := console.Runs{Runs: []console.Run{}}
	after := ""
	for len(all.Runs) < limit {
		q := url.Values{"limit": {strconv.Itoa(min(limit-len(all.Runs), console.MaxPage))}, "since": {since}}
		for name, v := range map[string]string{"check": c.check, "location": c.location, "outcome": c.outcome, "after": after} {
			if v != "" {
				q.Set(name, v)
			}
		}
		var page console.Runs
		if err := c.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/runs?"+q.Encode(), nil, &page); err != nil {
			return all, err
		}
		all.From, all.To, all.Runs = page.From, page.To, append(all.Runs, page.Runs...)
		if after = page.Next; after == "" {
			break
		}
	}
	return all, nil
}

func printRuns(w io.Writer, runs []console.Run, head bool) error {
	t := tabwriter.NewWriter(w, 20, 0, 2, ' ', 0)
	if head {
		fmt.Fprintln(t, "SLOT\tCHECK\tLOCATION\tOUTCOME\tLATENCY\tRUN\tWHY")
	}
	for _, r := range runs {
		why := ""
		if r.Fault != nil {
			why = plainLine(r.Fault.Message, 100)
		}
		attempt := ""
		if r.Attempt > 1 {
			attempt = fmt.Sprintf(" (attempt %d)", r.Attempt)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s %s%s\t%s\t%s\t%s\n", r.Slot.UTC().Format(time.RFC3339), r.Check, r.Location,
			marks[r.Outcome], r.Outcome, attempt, round(time.Duration(r.LatencyMS*float64(time.Millisecond))), r.ID, why)
	}
	return t.Flush()
}

// follow prints runs as they come, until ctx ends.
func (c resultsConfig) follow(ctx context.Context, w io.Writer) error {
	seen := map[string]time.Time{}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		// A run is stored some time after its slot: a while is asked for again.
		since, limit := "10m", 10*console.MaxPage
		if first {
			since, limit = c.since, c.limit
		}
		found, err := c.list(ctx, limit, since)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(found.Runs, func(r console.Run) bool {
			_, old := seen[r.ID]
			seen[r.ID] = r.Slot
			return old
		})
		slices.Reverse(fresh)
		if c.output == "json" {
			for _, r := range fresh {
				if err := writeJSON(w, r); err != nil {
					return err
				}
			}
		} else if err := printRuns(w, fresh, first); err != nil {
			return err
		}
		for id, slot := range seen {
			if time.Since(slot) > time.Hour && !first {
				delete(seen, id)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// show prints one run.
func (c resultsConfig) show(ctx context.Context, w io.Writer, id string) error {
	var r console.Run
	if err := c.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/runs/"+url.PathEscape(id), nil, &r); err != nil {
		return err
	}
	return printAs(w, c.output, r, func() error {
		result, err := codec.DecodeResultData(r.Version, r.Result)
		if err != nil {
			return fmt.Errorf("reading the result: %w (is this program older than the console?)", err)
		}
		printResults(w, []jobs.Result{result})
		return nil
	})
}
