package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/simulate"
)

// simulateConfig is a scenario as flags give it.
type simulateConfig struct {
	output, policies, class, location, results, times string
	svg, frontier, checks                             string
	seeds, start                                      int
	seed                                              uint64
	every                                             time.Duration
	busy                                              float64
	aligned                                           bool
	live                                              liveQueue
	s                                                 simulate.Scenario
}

func simulateFleet(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet simulate", "[FILE...]", "plays a queue, its fleet and policies that size it through some hours, with the checks of files, of a console or made ones, and says what is late and what it costs", p)
	files := fileFlags(f)
	c := simulateConfig{}
	c.s, _ = simulate.Reference()
	c.flags(f)
	c.fleetFlags(f)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	makers, err := simulate.Choose(strings.Split(c.policies, ","))
	if err != nil {
		return &daemon.UsageError{Err: err}
	}
	if err := c.arrivals(ctx, f, files); err != nil {
		return err
	}
	if err := c.service(); err != nil {
		return err
	}
	promise := simulate.PromiseOf(c.s, c.busy)
	if c.s.Fleet.Start = c.start; c.start < 0 {
		c.s.Fleet.Start = promise.Quiet(c.s.Rate())
	}
	if err := c.s.Validate(); err != nil {
		return &daemon.UsageError{Err: err}
	}
	rows, err := simulate.Compare(ctx, c.s, promise, makers, simulate.Seeds(c.seed, c.seeds))
	if err != nil {
		return err
	}
	for name, drawn := range map[string]string{c.svg: simulate.Timeline(c.s, rows), c.frontier: simulate.Frontier(c.s, rows)} {
		if name == "" {
			continue
		}
		if err := os.WriteFile(name, []byte(drawn), 0o644); err != nil { //nolint:gosec // a picture is for everyone
			return fmt.Errorf("writing a picture: %w", err)
		}
	}
	return c.print(p, rows)
}

func (c *simulateConfig) flags(f *daemon.Flags) {
	s := &c.s
	outputFlag(f, &c.output, "text", "json", "markdown")
	c.live.flags(f)
	f.StringVar(&c.policies, "policies", "backlog,load,keda,ours,ours@0.75", "which, separated by commas; NAME@SHARE has another share of busy slots than -busy, or than the scheduler's own of ours")
	f.IntVar(&c.seeds, "seeds", 20, "runs of each policy, each with another seed")
	f.Uint64Var(&c.seed, "seed", 1, "the first seed; the others follow it")
	f.DurationVar(&s.Length, "for", s.Length, "how long is simulated")
	f.StringVar(&c.location, "location", "local", "whose queue, with -live and where files are given")
	f.StringVar(&c.class, "class", string(jobs.ClassBrowser), "class of the queue, api or browser: which checks of files or of -live, which of -results, and which built-in service times")
	f.StringVar(&c.checks, "checks", "5000", "number of checks that are made where no file is given; of several intervals as NUMBER@INTERVAL, such as 200@1m,1500@15m")
	f.DurationVar(&c.every, "every", 5*time.Minute, "their interval")
	f.BoolVar(&c.aligned, "aligned", false, "let all slots begin with the interval, instead of spreading them by hash")
	f.StringVar(&c.results, "results", "", "file with the output of `probefleet results -o json`: service times are those of its runs")
	f.StringVar(&c.times, "service", "", "service times by their median and the deviation of their logarithm, such as 5s:0.5; those of -class where it is absent")
	f.DurationVar(&s.Allowed, "wait", s.Allowed, "how long a job may wait from its slot to its start; one that waits longer is late")
	f.Float64Var(&c.busy, "busy", simulate.OthersBusy, "share of the slots that should be busy, of all policies but ours, which has that of the scheduler")
	f.StringVar(&c.svg, "svg", "", "file for a picture of tasks and waits over time")
	f.StringVar(&c.frontier, "frontier", "", "file for a picture of lateness against task-hours")
	f.DurationVar(&s.Incident.At, "incident-at", s.Incident.At, "when a share of the attempts begins to run into its timeout")
	f.DurationVar(&s.Incident.For, "incident-for", s.Incident.For, "for how long")
	f.Float64Var(&s.Incident.Share, "incident-share", s.Incident.Share, "which share; 0 for none")
	f.DurationVar(&s.Incident.Timeout, "timeout", s.Incident.Timeout, "the timeout")
	f.Check(func() error {
		if c.seeds < 1 || c.seeds > 10_000 {
			return fmt.Errorf("-seeds %d: use 1 to 10000", c.seeds)
		}
		if !(c.busy > 0 && c.busy <= 1) {
			return fmt.Errorf("-busy %g: use more than 0 and at most 1", c.busy)
		}
		if c.class != string(jobs.ClassAPI) && c.class != string(jobs.ClassBrowser) {
			return fmt.Errorf("-class %q: use api or browser", c.class)
		}
		return nil
	})
}

func (c *simulateConfig) fleetFlags(f *daemon.Flags) {
	s := &c.s
	f.IntVar(&s.Fleet.Slots, "slots", s.Fleet.Slots, "jobs that a task runs at a time")
	f.IntVar(&c.start, "start", -1, "tasks at the beginning; -1 for what quiet times need")
	f.IntVar(&s.Fleet.Min, "min", s.Fleet.Min, "fewest tasks")
	f.IntVar(&s.Fleet.Max, "max", s.Fleet.Max, "most tasks")
	f.DurationVar(&s.Fleet.Boot, "boot", s.Fleet.Boot, "time from the launch of a task to its first receive")
	f.DurationVar(&s.Fleet.BootSpread, "boot-spread", s.Fleet.BootSpread, "give or take")
	f.DurationVar(&s.Fleet.Drain, "drain", s.Fleet.Drain, "how long a task that has to go may finish what it runs")
	f.Float64Var(&s.Fleet.Kills, "kills", s.Fleet.Kills, "how often a task is killed without a word, a task and day")
	f.Float64Var(&s.Fleet.Spot, "spot", s.Fleet.Spot, "how often a task is taken with a notice, a task and day")
	f.DurationVar(&s.Fleet.Notice, "notice", s.Fleet.Notice, "the time between that notice and the end")
	f.DurationVar(&s.Fleet.Storm.At, "storm-at", 0, "when -storm-share of all tasks are taken with a notice at once")
	f.Float64Var(&s.Fleet.Storm.Share, "storm-share", 0, "which share; 0 for none")
	f.Float64Var(&s.Fleet.Price, "price", s.Fleet.Price, "cost of an hour of a task")
	f.DurationVar(&s.Queue.Visibility, "visibility", s.Queue.Visibility, "after which a message of a dead worker is seen again")
	f.IntVar(&s.Queue.Receives, "receives", s.Queue.Receives, "deliveries after which a message is dead")
	f.Float64Var(&s.Queue.Poison, "poison", s.Queue.Poison, "share of the jobs that no worker can do")
	f.DurationVar(&s.Signal.Every, "metrics-every", s.Signal.Every, "time between two readings of metrics")
	f.DurationVar(&s.Signal.Delay, "metrics-delay", s.Signal.Delay, "time from a reading to the policy")
	f.Float64Var(&s.Signal.Loss, "metrics-loss", s.Signal.Loss, "share of the readings that are lost")
	f.DurationVar(&s.Signal.Dark, "dark-at", 0, "begin of a time without any metrics")
	f.DurationVar(&s.Signal.DarkFor, "dark-for", 0, "its length")
}

// arrivals are those of the console, of the files, or made.
func (c *simulateConfig) arrivals(ctx context.Context, f *daemon.Flags, o *fileOptions) error {
	paths := f.Args()
	if c.live.on {
		if len(paths) > 0 {
			return &daemon.UsageError{Err: errors.New("-live takes the checks of the console: name no files beside it")}
		}
		return c.ofConsole(ctx, f)
	}
	if len(paths) == 0 {
		return c.made()
	}
	checks, err := load(paths, o)
	if err != nil {
		return err
	}
	c.s.Checks = simulate.Of(checks, c.location, jobs.Class(c.class), c.aligned)
	if len(c.s.Checks) == 0 {
		return &daemon.UsageError{Err: fmt.Errorf("no active check of class %s runs at %q: use -class and -location", c.class, c.location)}
	}
	return nil
}

// made makes the checks that -checks asks for.
func (c *simulateConfig) made() error {
	c.s.Checks = nil
	for part := range strings.SplitSeq(c.checks, ",") {
		number, interval, own := strings.Cut(part, "@")
		n, err := strconv.Atoi(number)
		every, phases := c.every, c.location
		if own && err == nil {
			every, err = time.ParseDuration(interval)
			phases += " " + every.String() // checks of one name are others at each interval
		}
		if err != nil || n < 1 || n > 10_000_000 || every < time.Second {
			return &daemon.UsageError{Err: fmt.Errorf("-checks %q: use 1 to 10000000, every second or more seldom, or several as NUMBER@INTERVAL, such as 200@1m,1500@15m", c.checks)}
		}
		c.s.Checks = append(c.s.Checks, simulate.Checks(n, every, phases, c.aligned))
	}
	return nil
}

// service is how long attempts take: as measured, as flags say, or built in.
func (c *simulateConfig) service() (err error) {
	switch {
	case c.results != "":
		c.s.Service, err = measured(c.results, jobs.Class(c.class))
		return err
	case c.times != "":
		median, deviation, ok := strings.Cut(c.times, ":")
		m, err := time.ParseDuration(median)
		var sigma float64
		if _, bad := fmt.Sscanf(deviation, "%g", &sigma); !ok || err != nil || bad != nil || m <= 0 || !(sigma >= 0 && sigma <= 5) {
			return &daemon.UsageError{Err: fmt.Errorf("-service %q: use MEDIAN:DEVIATION, such as 5s:0.5", c.times)}
		}
		c.s.Service = simulate.LogNormal(c.times, m, sigma, time.Minute)
	case c.live.on: // they are known by now
	case c.class == string(jobs.ClassAPI):
		c.s.Service = simulate.APITimes()
	}
	return nil
}

// measured are the service times of stored runs of a class.
func measured(file string, class jobs.Class) (simulate.Distribution, error) {
	data, err := os.ReadFile(file) //nolint:gosec // G304: the user names the file
	if err != nil {
		return simulate.Distribution{}, fmt.Errorf("reading service times: %w", err)
	}
	var runs console.Runs
	if err := json.Unmarshal(data, &runs); err != nil {
		return simulate.Distribution{}, fmt.Errorf("reading service times from %q: %w; write it by `probefleet results -o json -limit 5000`", file, err)
	}
	d, err := simulate.Measured(file, tookOf(runs.Runs, class))
	if err != nil {
		return d, fmt.Errorf("service times of class %s in %q: %w; raise -limit of `probefleet results`", class, file, err)
	}
	return d, nil
}

// simulated is the output as JSON.
type simulated struct {
	Live    *liveFound     `json:"live,omitempty"`
	Rate    float64        `json:"rate"`
	Service float64        `json:"service_seconds"`
	Seeds   []uint64       `json:"seeds"`
	Rows    []simulate.Row `json:"policies"`
}

func (c *simulateConfig) print(p daemon.Process, rows []simulate.Row) error {
	v := simulated{Rate: c.s.Rate(), Service: c.s.Service.Mean().Seconds(), Seeds: simulate.Seeds(c.seed, c.seeds), Rows: rows}
	if c.live.on {
		v.Live = &c.live.found
	}
	return printAs(p.Stdout, c.output, v, func() error {
		if c.output == "markdown" {
			return simulate.Markdown(p.Stdout, rows)
		}
		if v.Live != nil {
			fmt.Fprintln(p.Stdout, v.Live.words())
		}
		checks, dead, again := 0, rows[0].Dead, rows[0].Redelivered
		for _, g := range c.s.Checks {
			checks += g.Len()
		}
		fmt.Fprintf(p.Stdout, "%s, %.1f jobs a second of %.2f s each; %s, seeds %d to %d\n", numeral.Of(checks, "check"), v.Rate, v.Service, c.s.Length, c.seed, c.seed+uint64(c.seeds)-1)
		fmt.Fprintf(p.Stdout, "with %s: %s, %d delivered again, %d dead\n\n", rows[0].Policy, numeral.Of(rows[0].Jobs, "job"), again, dead)
		return simulate.Text(p.Stdout, rows)
	})
}
