package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
)

// followEvery is the time between two looks at runs that were asked for.
const followEvery = time.Second

type triggerConfig struct {
	console   consoleClient
	output    string
	tag       string
	locations listFlag
	all       bool
	wait      time.Duration
}

func trigger(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet trigger", "ID...", "has checks run now, at their locations and apart from their schedule, and follows them; exits 0 where all passed or degraded, 1 where one failed, 2 where one could not be run", p)
	var c triggerConfig
	c.console.flags(f)
	outputFlag(f, &c.output, "text", "json", "junit", "github")
	f.StringVar(&c.tag, "tag", "", "the active checks with this tag, besides those that are named")
	f.BoolVar(&c.all, "all", false, "all active checks")
	f.Var(&c.locations, "location", "only at this location; may be repeated")
	f.DurationVar(&c.wait, "wait", 5*time.Minute, "how long to follow; with 0 it is only asked for")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	ids, err := c.chosen(ctx, f.Args(), p.Stderr)
	if err != nil {
		return err
	}
	var t console.Trigger
	if err := c.console.call(ctx, time.Minute, http.MethodPost, "/api/v1/triggers", console.NewTrigger{Checks: ids, Locations: c.locations}, &t); err != nil {
		return err
	}
	if c.wait <= 0 {
		return printAs(p.Stdout, c.output, t, func() error {
			_, err := fmt.Fprintf(p.Stdout, "%s asked for: %s\n", numeral.Of(len(t.Runs), "run")+" "+numeral.Pick(len(t.Runs), "was", "were"), t.ID)
			return err
		})
	}
	if err := c.follow(ctx, &t, p.Stderr); err != nil {
		return err
	}
	results, err := resultsOf(t)
	if err != nil {
		return err
	}
	if c.output == "json" {
		err = writeJSON(p.Stdout, t)
	} else {
		err = report(p.Stdout, c.output, "probefleet trigger", results)
	}
	if err != nil {
		return err
	}
	return verdict(results)
}

// chosen are the ids of the checks that are named, tagged or all. Heartbeats
// cannot be run: those that are tagged are left out, which w is told.
func (c triggerConfig) chosen(ctx context.Context, ids []string, w io.Writer) ([]string, error) {
	if c.tag == "" && !c.all {
		if len(ids) == 0 {
			return nil, &daemon.UsageError{Err: errors.New("no checks: name them by their ids, or give -tag or -all")}
		}
		return ids, nil
	}
	q := url.Values{"active": {"true"}}
	if !c.all {
		q.Set("tag", c.tag)
	}
	before := len(ids)
	err := c.console.eachCheck(ctx, q, func(d console.Definition) error {
		ch, err := codec.DecodeCheck(d.Version, d.Check)
		if ch.Kind().Jobless() {
			fmt.Fprintf(w, "%s is left out: it is a heartbeat, whose job calls the console\n", ch.ID)
			return nil
		}
		ids = append(ids, ch.ID)
		return err
	})
	if err == nil && len(ids) == before {
		err = &daemon.ExitError{Code: 2, Err: errors.New("the console has no such active check; see its list by probefleet export")}
	}
	return ids, err
}

// follow asks how far the runs are until they have ended, and tells w of each
// that has.
func (c triggerConfig) follow(ctx context.Context, t *console.Trigger, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	told := map[string]bool{}
	for !t.Done {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &daemon.ExitError{Code: 2, Err: fmt.Errorf("%d of %s ended within %s; what is left goes on: ask /api/v1/triggers/%s, or use a longer -wait", len(told), numeral.Of(len(t.Runs), "run"), c.wait, t.ID)}
		}
		if err := c.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/triggers/"+t.ID, nil, t); err != nil {
			if ctx.Err() != nil {
				continue
			}
			return fmt.Errorf("the runs go on, and could not be followed: %w", err)
		}
		for _, r := range t.Runs {
			key := r.Check + "@" + r.Location
			if r.State != console.TriggerDone && r.State != console.TriggerLost || told[key] {
				continue
			}
			told[key] = true
			outcome := jobs.Expired
			if r.Run != nil {
				outcome = r.Run.Outcome
			}
			fmt.Fprintf(w, "%s %s at %s (%d of %d)\n", marks[outcome], r.Check, r.Location, len(told), len(t.Runs))
		}
	}
	return nil
}

// resultsOf reads the results; one that is lost counts as expired.
func resultsOf(t console.Trigger) ([]jobs.Result, error) {
	results := make([]jobs.Result, 0, len(t.Runs))
	for _, r := range t.Runs {
		if r.Run == nil {
			results = append(results, jobs.Result{
				CheckID: r.Check, Location: r.Location, Slot: t.RequestedAt, Outcome: jobs.Expired,
				Fault: &jobs.Fault{Class: jobs.FaultExpired, Message: r.Reason},
			})
			continue
		}
		result, err := codec.DecodeResultData(r.Run.Version, r.Run.Result)
		if err != nil {
			return nil, fmt.Errorf("reading the result of check %q: %w (is this program older than the console?)", r.Check, err)
		}
		results = append(results, result)
	}
	return results, nil
}

// listFlag is a flag that may be repeated.
type listFlag []string

func (l *listFlag) String() string { return fmt.Sprint([]string(*l)) }

func (l *listFlag) Set(v string) error {
	*l = append(*l, v)
	return nil
}
