package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
)

// planned is what the scheduler keeps of a check: what decides when and where
// it runs, and the check itself as it goes into jobs. It is small, because
// there may be a million.
type planned struct {
	ID        string
	Every     time.Duration
	Locations []string // shared by all checks that have the same
	browser   bool
	// needsJob and needsResult are the versions that have room for it.
	needsJob, needsResult int8
	form                  codec.JobForm
}

// planner makes what is planned of checks.
type planner struct{ locations map[string][]string }

func newPlanner() *planner { return &planner{locations: map[string][]string{}} }

func (p *planner) plan(c check.Check) (planned, error) {
	// The newest version holds everything; where the pin is lower the first job
	// lowers it.
	form, err := codec.NewJobForm(codec.JobVersion, c)
	if err != nil {
		return planned{}, fmt.Errorf("planning check %q: %w", c.ID, err)
	}
	key := strings.Join(c.Locations, "\n")
	locations, ok := p.locations[key]
	if !ok {
		locations = c.Locations
		p.locations[key] = locations
	}
	return planned{
		ID: strings.Clone(c.ID), Every: c.Every, Locations: locations, browser: jobs.ClassOf(c.Kind()) == jobs.ClassBrowser,
		needsJob: int8(codec.JobVersionOf(c)), needsResult: int8(codec.ResultVersionOf(c)), form: form,
	}, nil
}

func (c *planned) class() jobs.Class {
	if c.browser {
		return jobs.ClassBrowser
	}
	return jobs.ClassAPI
}

// waits reports whether its jobs cannot be written as pins want them at a
// location.
func (c *planned) waits(pins rollout.Pins, location string) bool {
	return pins.Waits(rollout.Target{Location: location, Class: c.class()}, int(c.needsJob), int(c.needsResult))
}

// formIn is the check for jobs of a version. It is kept: the next job is most
// likely of the same.
func (c *planned) formIn(version int) (codec.JobForm, error) {
	form, err := c.form.In(version)
	if err == nil {
		c.form = form
	}
	return form, err
}

// planAll is what is kept of checks. One that cannot be written is reported, and
// not scheduled. Heartbeats get no jobs: the recorder judges them.
func (s *Scheduler) planAll(checks []check.Check) []planned {
	p := newPlanner()
	all := make([]planned, 0, len(checks))
	for _, c := range checks {
		if c.Kind().Jobless() {
			continue
		}
		one, err := p.plan(c)
		if err != nil {
			s.metrics.errors.WithLabelValues("encode").Inc()
			s.o.Logger.Error("planning a check; it does not run", "check", c.ID, "err", err)
			continue
		}
		all = append(all, one)
	}
	return all
}
