package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/simulate"
)

// How many runs are read for their service times: so many of the class, and
// never more than so many pages with those of the other.
const (
	enoughRuns  = 5000
	maxRunPages = 50
)

// liveQueue is the queue of a running installation, as its console knows it.
type liveQueue struct {
	console consoleClient
	on      bool
	since   string
	found   liveFound
}

// liveFound is what was taken from a console.
type liveFound struct {
	Console string `json:"console"`
	// Runs are those whose service times were taken, 0 where others are used.
	Runs int `json:"runs"`
	// Workers were alive, with Slots each in the mean; both are 0 where none was,
	// or nobody asked.
	Workers int `json:"workers"`
	Slots   int `json:"slots"`
}

func (l *liveQueue) flags(f *daemon.Flags) {
	l.console.flags(f)
	f.BoolVar(&l.on, "live", false, "simulate a queue of the installation of -console: its checks at -location of -class, the service times of its stored runs, and its workers; -results, -service, -slots and -start win")
	f.StringVar(&l.since, "since", "24h", "with -live, from which time on runs are read: a duration before now, or a time such as 2026-03-14T12:00:00Z")
}

// ofConsole takes checks, service times and workers from the console.
func (c *simulateConfig) ofConsole(ctx context.Context, f *daemon.Flags) error {
	l, class := &c.live, jobs.Class(c.class)
	l.found.Console = l.console.url
	checks, err := l.checks(ctx, c.location)
	if err != nil {
		return err
	}
	c.s.Checks = simulate.Of(checks, c.location, class, c.aligned)
	if len(c.s.Checks) == 0 {
		return &daemon.UsageError{Err: fmt.Errorf("the console %s has no active check of class %s at %q: use -class and -location", l.console.url, class, c.location)}
	}
	if c.results == "" && c.times == "" {
		if c.s.Service, err = l.service(ctx, c.location, class); err != nil {
			return err
		}
	}
	if f.Explicit("slots") && f.Explicit("start") {
		return nil
	}
	if err := l.workers(ctx, c.location, class); err != nil {
		return err
	}
	if l.found.Workers > 0 && !f.Explicit("slots") {
		c.s.Fleet.Slots = l.found.Slots
	}
	if l.found.Workers > 0 && !f.Explicit("start") {
		c.start = l.found.Workers
	}
	return nil
}

func (l *liveQueue) checks(ctx context.Context, location string) ([]check.Check, error) {
	var list []check.Check
	err := l.console.eachCheck(ctx, url.Values{"location": {location}, "active": {"true"}}, func(d console.Definition) error {
		ch, err := codec.DecodeCheck(d.Version, d.Check)
		if err != nil {
			return fmt.Errorf("reading a check of the console: %w (is this program older than the console?)", err)
		}
		list = append(list, ch)
		return nil
	})
	return list, err
}

// service is how long the newest stored runs of a class at a location took,
// from their start to their end.
func (l *liveQueue) service(ctx context.Context, location string, class jobs.Class) (simulate.Distribution, error) {
	var list []time.Duration
	q := url.Values{"location": {location}, "since": {l.since}, "limit": {strconv.Itoa(console.MaxPage)}}
	for range maxRunPages {
		var page console.Runs
		if err := l.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/runs?"+q.Encode(), nil, &page); err != nil {
			return simulate.Distribution{}, err
		}
		list = append(list, tookOf(page.Runs, class)...)
		if page.Next == "" || len(list) >= enoughRuns {
			break
		}
		q.Set("after", page.Next)
	}
	l.found.Runs = len(list)
	d, err := simulate.Measured(l.console.url, list)
	if err != nil {
		return d, fmt.Errorf("stored runs of class %s at %q since %s: %w; use a longer -since, or -service", class, location, l.since, err)
	}
	return d, nil
}

// tookOf are the times that runs of a class took.
func tookOf(runs []console.Run, class jobs.Class) []time.Duration {
	var list []time.Duration
	for _, r := range runs {
		if r.StartedAt != nil && r.FinishedAt != nil && jobs.ClassOf(check.Kind(r.Kind)) == class {
			list = append(list, r.FinishedAt.Sub(*r.StartedAt))
		}
	}
	return list
}

// workers counts those that are alive and have slots of the class, in the way
// in which the scheduler does.
func (l *liveQueue) workers(ctx context.Context, location string, class jobs.Class) error {
	var fleet console.Fleet
	if err := l.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/fleet", nil, &fleet); err != nil {
		return fmt.Errorf("counting the workers: %w; with -slots and -start they need not be", err)
	}
	slots := 0
	for _, w := range fleet.Workers {
		for _, lane := range w.Lanes {
			if w.Alive && w.Location == location && lane.Class == string(class) && lane.Slots > 0 {
				l.found.Workers++
				slots += lane.Slots
			}
		}
	}
	if l.found.Workers > 0 {
		l.found.Slots = max(1, slots/l.found.Workers)
	}
	return nil
}

// words say what was found.
func (f liveFound) words() string {
	times := "service times as asked for"
	if f.Runs > 0 {
		times = "service times of " + numeral.Of(f.Runs, "run")
	}
	workers := "no worker is known"
	if f.Workers > 0 {
		workers = numeral.Of(f.Workers, "worker") + " of " + numeral.Of(f.Slots, "slot")
	}
	return fmt.Sprintf("of %s: %s, %s", f.Console, times, workers)
}
