// Package recordercmd holds the flags and the wiring of the recorder.
package recordercmd

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/subscribe"
)

// Config is what the recorder can be told.
type Config struct {
	daemon.Config
	DatabaseURL  string
	Migrate      bool
	QueuePrefix  string
	CreateQueues bool
	Artifacts    string // URL of the object store whose old files are removed
	ArtifactDays int
	// Shadow has results of candidate workers stored beside those that count.
	Shadow bool
	// RunsKept is how long raw results are kept; 0 is the default.
	RunsKept time.Duration

	Notify Notify
}

// adminAddr is where a recorder answers for itself, unless it is told otherwise.
const adminAddr = "127.0.0.1:9103"

// Run is the recorder's command.
func Run(ctx context.Context, p daemon.Process) error {
	if daemon.AsksHealth(p) {
		return daemon.Health(ctx, p, "recorder", adminAddr)
	}
	f := daemon.NewFlags("recorder", "", "stores results in the database; several may run", p)
	var c Config
	c.Register(f, adminAddr)
	database.Flags(f, &c.DatabaseURL, &c.Migrate)
	daemon.QueueFlags(f, &c.QueuePrefix, &c.CreateQueues)
	f.StringVar(&c.Artifacts, "artifacts", "", "object store of the workers, as file:///folder or s3://bucket?region=eu-central-1; what is older than -artifact-days is removed there; empty leaves that to others")
	f.BoolVar(&c.Shadow, "shadow", false, "store what candidate workers find, apart from what counts; see docs/shadow-runs.md")
	f.IntVar(&c.ArtifactDays, "artifact-days", int(recorder.DefaultKeepArtifacts/(24*time.Hour)), "days for which artifacts are kept")
	f.Check(func() error {
		if c.ArtifactDays < 1 {
			return fmt.Errorf("-artifact-days %d: use 1 or more", c.ArtifactDays)
		}
		return nil
	})
	c.Notify.register(f)
	f.DurationVar(&c.RunsKept, "keep-runs", recorder.DefaultRunsKept, "how long single results are kept; what was counted from them stays")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if c.RunsKept < store.MinRunsKept {
		return fmt.Errorf("-keep-runs %s is too short: results that come late need those before them; keep them for %s or longer", c.RunsKept, store.MinRunsKept)
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		return Serve(ctx, c, kit)
	})
}

// Serve runs a recorder until ctx ends and its drain is done.
func Serve(ctx context.Context, c Config, kit daemon.Kit) error {
	db, err := database.Open(ctx, c.DatabaseURL, store.RecorderRole, c.Migrate, kit)
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := sqsqueue.New(ctx)
	if err != nil {
		return err
	}
	open := func(name string) (*sqsqueue.Queue, error) {
		if c.CreateQueues {
			if err := client.Ensure(ctx, name, sqsqueue.Settings{}); err != nil {
				return nil, err
			}
		}
		return client.Open(ctx, name)
	}
	name := queue.ResultsName(c.QueuePrefix)
	results, err := open(name)
	if err != nil {
		return err
	}
	var shadow *recorder.Shadow
	if c.Shadow {
		found, err := open(queue.ShadowName(name))
		if err != nil {
			return err
		}
		shadow = &recorder.Shadow{Queue: queue.ShadowName(name), Receiver: found, Book: db}
	}
	var old recorder.Options
	if c.Artifacts != "" {
		store, err := blob.Open(ctx, c.Artifacts)
		if err != nil {
			return err
		}
		defer func() { _ = store.Close() }() // nothing was written
		old.Artifacts, old.KeepArtifacts = store, time.Duration(c.ArtifactDays)*24*time.Hour
	}
	tell, log, err := c.Notify.open(kit.Log)
	if err != nil {
		return err
	}
	r := recorder.New(recorder.Options{
		Alerts: db, Notifier: tell, Conditions: db, DeadLetters: deadDepths{client, db, c.QueuePrefix},
		Artifacts: old.Artifacts, KeepArtifacts: old.KeepArtifacts,
		Store: db, Registry: db, Locations: db, History: db, Heartbeats: db, Work: db, RunsKept: c.RunsKept, Identity: daemon.Identity(),
		Shadow: shadow,
		Queue:  name, Receiver: results, Logger: log, Tracer: kit.Tracer,
		Metrics: recorder.NewMetrics(kit.Metrics), Queues: queue.NewMetrics(kit.Metrics), Hurry: kit.Hurry,
	})
	kit.Ready.Add("recorder", r.Ready)
	teller := subscribe.New(subscribe.Options{Book: db, Carrier: tell, Logger: log, Metrics: kit.Metrics})
	// What is recorded does not wait for readers who are told of it.
	telling, stop := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { _ = teller.Run(telling) }) // it answers nil
	defer told.Wait()
	defer stop()
	return r.Run(ctx)
}
