// Package schedulercmd holds the flags and the wiring of the scheduler.
package schedulercmd

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/scheduler"
	"github.com/probefleet/probefleet/internal/store"
)

// Config is what the scheduler can be told.
type Config struct {
	daemon.Config
	DatabaseURL  string
	Migrate      bool
	QueuePrefix  string
	CreateQueues bool
	// Name tells this scheduler from others; host and process id where empty.
	Name string
	// Shadow is which share of the jobs of which queues is copied.
	Shadow string
	// Capacity is how many workers are said to be wanted, and to whom.
	Capacity Capacity
}

// adminAddr is where a scheduler answers for itself, unless it is told otherwise.
const adminAddr = "127.0.0.1:9101"

// Run is the scheduler's command.
func Run(ctx context.Context, p daemon.Process) error {
	if daemon.AsksHealth(p) {
		return daemon.Health(ctx, p, "scheduler", adminAddr)
	}
	f := daemon.NewFlags("scheduler", "", "sends the job of every slot that is due; several may run", p)
	var c Config
	c.Register(f, adminAddr)
	database.Flags(f, &c.DatabaseURL, &c.Migrate)
	daemon.QueueFlags(f, &c.QueuePrefix, &c.CreateQueues)
	f.StringVar(&c.Name, "name", "", "name of this scheduler among others, the same after a restart: what it held before is taken over at once, not when its leases end; host and process id where empty")
	f.StringVar(&c.Shadow, "shadow", "", "which share of the jobs of a queue is copied for candidate workers, as LOCATION/CLASS=SHARE by commas, such as local/api=0.1; see docs/shadow-runs.md")
	f.Check(func() error {
		_, err := shadows(c.Shadow)
		return err
	})
	c.Capacity.register(f)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		return Serve(ctx, c, kit)
	})
}

// Serve runs a scheduler until ctx ends.
func Serve(ctx context.Context, c Config, kit daemon.Kit) error {
	if c.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("naming this scheduler: %w (or set -name)", err)
		}
		c.Name = fmt.Sprintf("%s/%d", host, os.Getpid())
	}
	// A lease belongs to one life of a process; the next one of the same name
	// takes it over at its start.
	c.Name += "/" + rand.Text()[:8]
	db, err := database.Open(ctx, c.DatabaseURL, store.SchedulerRole, c.Migrate, kit)
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := sqsqueue.New(ctx)
	if err != nil {
		return err
	}
	open := func(ctx context.Context, name string, s sqsqueue.Settings) (queue.Sender, error) {
		if c.CreateQueues {
			if err := client.Ensure(ctx, name, s); err != nil {
				return nil, err
			}
		}
		return client.Open(ctx, name)
	}
	copied, err := shadows(c.Shadow)
	if err != nil {
		return err
	}
	said, err := c.capacity(ctx, db, client)
	if err != nil {
		return err
	}
	s := scheduler.New(scheduler.Options{
		Capacity: said, Shadow: copied,
		OpenShadow: func(ctx context.Context, location string, class jobs.Class) (queue.Sender, error) {
			return open(ctx, queue.ShadowName(queue.JobsName(c.QueuePrefix, location, string(class))), sqsqueue.Settings{Retention: queue.ShadowRetention})
		},
		Store: db, Retries: db, Triggers: db, Owner: c.Name, Logger: kit.Log, Tracer: kit.Tracer, Metrics: kit.Metrics,
		Open: func(ctx context.Context, location string, class jobs.Class) (queue.Sender, error) {
			return open(ctx, queue.JobsName(c.QueuePrefix, location, string(class)), sqsqueue.Settings{})
		},
	})
	kit.Ready.Add("scheduler", s.Ready)
	return s.Run(ctx)
}
