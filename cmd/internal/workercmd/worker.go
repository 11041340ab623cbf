// Package workercmd holds the flags and the wiring of the worker.
package workercmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/sealed"
	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
	"github.com/probefleet/probefleet/internal/runner/browserrunner"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
	"github.com/probefleet/probefleet/internal/vitals"
	"github.com/probefleet/probefleet/internal/worker"
)

// Config is what the worker can be told.
type Config struct {
	daemon.Config
	QueuePrefix  string
	CreateQueues bool
	Location     string
	// Shadow makes this a candidate: it runs copies of jobs, and what it finds
	// counts nowhere.
	Shadow bool
	// APISlots and BrowserSlots are the jobs of each class that run at once;
	// with 0 the class is not served. BrowserSlots may be AutoSlots.
	APISlots, BrowserSlots  int
	Chromium, Account       string
	BrowserDir              string // of the browser's profiles
	BrowserMemory           int    // MiB, beyond which pages are ended
	Film                    bool
	Artifacts               string // URL of the object store
	AllowPrivate            bool
	Allow, Deny             string // addresses that may be dialled or not, by commas
	Sealed                  sealed.Files
	Canaries                string // what says whether the location is well
	MinDisk, MinMemory      int    // MiB, below which nothing is run
	Visibility, DrainBudget time.Duration
}

// adminAddr is where a worker answers for itself, unless it is told otherwise.
const adminAddr = "127.0.0.1:9102"

// Run is the worker's command.
func Run(ctx context.Context, p daemon.Process) error {
	if daemon.AsksHealth(p) {
		return daemon.Health(ctx, p, "worker", adminAddr)
	}
	f := daemon.NewFlags("worker", "", "runs the jobs of a location; any number may run", p)
	var c Config
	c.Register(f, adminAddr)
	daemon.QueueFlags(f, &c.QueuePrefix, &c.CreateQueues)
	f.StringVar(&c.Location, "location", "local", "location whose jobs are run")
	f.BoolVar(&c.Shadow, "shadow", false, "run copies of the location's jobs as a candidate, whose results count nowhere; see docs/shadow-runs.md")
	f.IntVar(&c.APISlots, "api-slots", 20, "API checks at once; 0 serves none")
	f.IntVar(&c.BrowserSlots, "browser-slots", AutoSlots, "browser checks at once; 0 serves none, -1 as many as cores and memory carry")
	f.StringVar(&c.Chromium, "chromium", "", "path of Chromium or Chrome; found where empty")
	f.StringVar(&c.Account, "account", child.DefaultAccount, "account that runs the browser where this is root")
	f.StringVar(&c.BrowserDir, "browser-dir", filepath.Join(os.TempDir(), "probefleet-browser"), "folder for the browser's profiles")
	f.IntVar(&c.BrowserMemory, "browser-memory", 0, "MiB that the browser may take with all its pages; beyond it the largest is ended and its run is inconclusive; 0 is 2048")
	f.BoolVar(&c.Film, "film", true, "keep a strip of small pictures of browser checks that do not pass")
	f.StringVar(&c.Artifacts, "artifacts", "", "object store for screenshots and for what does not fit into a result, as file:///folder or s3://bucket?region=eu-central-1; neither is kept where empty")
	f.BoolVar(&c.AllowPrivate, "allow-private", false, "let checks reach private and loopback addresses")
	f.StringVar(&c.Allow, "allow", "", "further addresses that checks may reach, as CIDR by commas; those at which clouds hand out credentials only where they are named exactly")
	f.StringVar(&c.Deny, "deny", "", "addresses that checks may not reach whatever else is allowed, as CIDR by commas")
	c.Sealed.Register(f)
	c.localFlags(f)
	f.DurationVar(&c.Visibility, "visibility", queue.DefaultVisibility, "how soon a job is run again after its worker has died, 3s to 1h")
	f.DurationVar(&c.DrainBudget, "drain", queue.DefaultDrainBudget, "how long running checks may take to finish after SIGTERM")
	f.Check(c.faults)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		return Serve(ctx, c, kit)
	})
}

func (c *Config) faults() error {
	var fs []error
	if !check.ValidID(c.Location) {
		fs = append(fs, fmt.Errorf("-location %q: use 1 to 63 of a-z, 0-9, '-' and '_'", c.Location))
	}
	if c.APISlots < 0 || c.BrowserSlots < AutoSlots || c.APISlots+c.BrowserSlots == 0 {
		fs = append(fs, fmt.Errorf("-api-slots %d and -browser-slots %d: give at least one class 1 slot", c.APISlots, c.BrowserSlots))
	}
	if c.Visibility < 3*time.Second || c.Visibility > time.Hour {
		fs = append(fs, fmt.Errorf("-visibility %s: use 3s to 1h", c.Visibility))
	}
	fs = append(fs, c.localFaults())
	return errors.Join(fs...)
}

// Serve runs a worker until ctx ends and its drain is done.
func Serve(ctx context.Context, c Config, kit daemon.Kit) error {
	known, err := c.Sealed.Open()
	if err != nil {
		return err
	}
	kit.Log = sealed.Hide(kit.Log, known)
	if c.BrowserSlots == AutoSlots {
		c.BrowserSlots = autoSlots(runtime.NumCPU(), vitals.Memory)
		kit.Log.Info("browser slots set by cores and memory", "slots", c.BrowserSlots)
	}
	client, err := sqsqueue.New(ctx)
	if err != nil {
		return err
	}
	open := func(name string, s sqsqueue.Settings) (*sqsqueue.Queue, error) {
		if c.CreateQueues {
			if err := client.Ensure(ctx, name, s); err != nil {
				return nil, err
			}
		}
		return client.Open(ctx, name)
	}
	results, err := open(c.queueName(queue.ResultsName(c.QueuePrefix)), sqsqueue.Settings{})
	if err != nil {
		return err
	}
	var kept sqsqueue.Settings
	if c.Shadow {
		kept.Retention = queue.ShadowRetention // as the scheduler has it
	}
	lanes := map[jobs.Class]worker.Lane{}
	for class, slots := range map[jobs.Class]int{jobs.ClassAPI: c.APISlots, jobs.ClassBrowser: c.BrowserSlots} {
		if slots == 0 {
			continue
		}
		name := c.queueName(queue.JobsName(c.QueuePrefix, c.Location, string(class)))
		q, err := open(name, kept)
		if err != nil {
			return err
		}
		receives, err := q.MaxReceives(ctx)
		if err != nil {
			kit.Log.Warn("dead letters of this queue will come without reasons; allow sqs:GetQueueAttributes", "queue", name, "err", err)
		}
		if c.Shadow {
			receives = 0 // nobody waits for a copy, or asks why it is dead
		}
		lanes[class] = worker.Lane{Queue: name, Receiver: q, Slots: slots, MaxReceives: receives}
	}
	runners, closeRunners, err := c.runners(ctx, kit)
	if err != nil {
		return err
	}
	runners.Use(known)
	local, well, err := c.local(ctx, runners, kit)
	if err != nil {
		return errors.Join(err, closeRunners())
	}
	w := worker.New(worker.Options{
		AnnounceEvery: c.announceEvery(),
		Location:      c.Location, Identity: daemon.Identity(), Lanes: lanes, Runner: local, Ready: well,
		Results: queue.NewBatcher(results, 0), Visibility: c.Visibility, DrainBudget: c.DrainBudget, Hurry: kit.Hurry,
		Logger: kit.Log, Tracer: kit.Tracer, Metrics: worker.NewMetrics(kit.Metrics), Queues: queue.NewMetrics(kit.Metrics),
	})
	kit.Ready.Add("queues", func(context.Context) error { return w.Check(time.Minute) })
	return errors.Join(w.Run(ctx), closeRunners())
}

// queueName is that of a queue, or of its copies.
func (c Config) queueName(name string) string {
	if c.Shadow {
		return queue.ShadowName(name)
	}
	return name
}

// announceEvery is how often a worker says that it is there. A candidate never
// does: messages are not written for it.
func (c Config) announceEvery() time.Duration {
	if c.Shadow {
		return 0
	}
	return rollout.AnnounceEvery
}

// runners makes the runners of every kind that this worker has slots for.
func (c Config) runners(ctx context.Context, kit daemon.Kit) (*runner.Mux, func() error, error) {
	all := map[check.Kind]runner.Runner{
		check.KindAPI: apirunner.New(apirunner.Options{
			Control: c.policy().Control, UserAgent: "probefleet/" + daemon.Build(),
		}),
	}
	netrunner.New(netrunner.Options{Control: c.policy().Control, UserAgent: "probefleet/" + daemon.Build()}).Add(all)
	mux := runner.NewMux(all, time.Now, kit.Log)
	var artifacts *blob.Store
	closeAll := func() error { return nil }
	if c.Artifacts != "" && c.Shadow {
		kit.Log.Info("a candidate keeps no artifacts: its keys are those of the runs that count", "artifacts", c.Artifacts)
	} else if c.Artifacts != "" {
		var err error
		if artifacts, err = blob.Open(ctx, c.Artifacts); err != nil {
			return nil, nil, err
		}
		mux.KeepIn(artifacts)
		closeAll = artifacts.Close
	}
	if c.BrowserSlots > 0 {
		browser, err := c.browser(kit, artifacts)
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		all[check.KindBrowser] = browser
		kit.Ready.Add("browser", browser.Check)
		closeArtifacts := closeAll
		closeAll = func() error { return errors.Join(browser.Close(), closeArtifacts()) }
	}
	return mux, closeAll, nil
}

// browser makes the runner of browser checks; artifacts may be nil.
func (c Config) browser(kit daemon.Kit, artifacts *blob.Store) (*browserrunner.Runner, error) {
	account, err := child.Unprivileged(c.Account)
	if err != nil {
		return nil, err
	}
	o := browserrunner.Options{
		Path: c.Chromium, Account: account, Dir: c.BrowserDir, Control: c.policy().Control,
		Memory: int64(c.BrowserMemory) << 20, Film: c.Film,
		Logger: kit.Log, Metrics: browserrunner.NewMetrics(kit.Metrics),
	}
	if artifacts != nil {
		o.Artifacts = artifacts
	}
	return browserrunner.New(o), nil
}
