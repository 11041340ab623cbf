package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
)

// shadowRuns shows what pairs of the same job say of candidate workers.
func shadowRuns(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet shadow", "[BUILD]", "compares what candidate workers found with what counts, by pairs of the same job, for every build or for one", p)
	var client consoleClient
	var output, location, since string
	client.flags(f)
	outputFlag(f, &output, "table", "json")
	f.StringVar(&location, "location", "", "only from there")
	f.StringVar(&since, "since", "24h", "slots from this time on: a duration before now, or a time such as 2026-03-14T12:00:00Z")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() > 1 {
		return &daemon.UsageError{Err: fmt.Errorf("name one build, or none")}
	}
	q := url.Values{"since": {since}}
	for name, v := range map[string]string{"build": f.Arg(0), "location": location} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var found console.Shadows
	if err := client.call(ctx, time.Minute, http.MethodGet, "/api/v1/shadow?"+q.Encode(), nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, output, found, func() error { return printShadows(p, found) })
}

func printShadows(p daemon.Process, found console.Shadows) error {
	if len(found.Reports) == 0 {
		_, err := fmt.Fprintln(p.Stdout, "no candidate has run anything; docs/shadow-runs.md says how one is started")
		return err
	}
	t := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BUILD\tPAIRS\tWORSE\tBETTER\tP\tDISAGREE\tAT MOST\tDURATION\t95 %")
	for _, r := range found.Reports {
		took, bounds := "-", "-"
		if r.Timed > 1 {
			took, bounds = fmt.Sprintf("× %.3f", r.Ratio), fmt.Sprintf("%.3f to %.3f", r.RatioLow, r.RatioHigh)
		}
		disagree, most := "-", "-"
		if r.Pairs > 0 {
			disagree, most = fmt.Sprintf("%.2f %%", 100*r.Rate), fmt.Sprintf("%.2f %%", 100*r.RateHigh)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.3f\t%s\t%s\t%s\t%s\n", plainLine(r.Build, 60), r.Pairs, r.Worse, r.Better, r.P, disagree, most, took, bounds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range found.Reports {
		for _, d := range r.Disagreements {
			fmt.Fprintf(p.Stdout, "%s  %s at %s, %s: %s, and %s by %s%s\n", d.Run, d.Check, d.Location, d.Slot.Format(time.RFC3339), d.Counts, d.Shadow, plainLine(r.Build, 60), because(d.Why))
		}
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + plainLine(why, 200)
}
