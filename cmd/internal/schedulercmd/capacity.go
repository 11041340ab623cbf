package schedulercmd

import (
	"context"
	"fmt"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/cloudwatch"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/scheduler"
	"github.com/probefleet/probefleet/internal/store"
)

// Capacity is what is promised of the queues, and who is told beside
// Prometheus. The zero Capacity is the usual one, and tells nobody else.
type Capacity struct {
	Wait     time.Duration
	Busy     float64
	Min, Max int
	// Alone is that a place whose jobs one worker can do has no second one.
	Alone bool
	// Namespace is that of CloudWatch, "" where it is not told; Regions are
	// where each location's instances are.
	Namespace, Regions string
}

func (c *Capacity) register(f *daemon.Flags) {
	usual := capacity.Usual(1)
	f.DurationVar(&c.Wait, "capacity-wait", usual.Wait, "how long a job may wait: a backlog is to be worked off in as much time")
	f.Float64Var(&c.Busy, "capacity-busy", usual.Busy, "part of the workers' slots that is to be busy in the long run")
	f.IntVar(&c.Min, "capacity-min", 0, "workers of each class and location that are wanted at least")
	f.IntVar(&c.Max, "capacity-max", 0, "workers of each class and location that are wanted at most; 0 for no bound")
	f.BoolVar(&c.Alone, "capacity-alone", false, "want no worker to spare: one alone, where its slots suffice; while it is replaced nothing is measured there")
	f.StringVar(&c.Namespace, "cloudwatch", "", "namespace in which CloudWatch is told how many workers are wanted, such as Probefleet; it is not told where empty")
	f.StringVar(&c.Regions, "cloudwatch-regions", "", "regions of locations' instances, which are told there, as paris=eu-west-3,tokyo=ap-northeast-1; those that are not named in AWS_REGION")
	f.Check(func() error {
		if err := c.policy().Faults(); err != nil {
			return fmt.Errorf("-capacity-wait, -capacity-busy, -capacity-min and -capacity-max: %w", err)
		}
		if _, err := cloudwatch.ParseRegions(c.Regions); err != nil {
			return fmt.Errorf("-cloudwatch-regions: %w", err)
		}
		return nil
	})
}

// policy is the usual one, with what differs from it.
func (c Capacity) policy() capacity.Policy {
	p := capacity.Usual(1) // slots are what workers say that they have
	if c.Wait != 0 {
		p.Wait = c.Wait
	}
	if c.Busy != 0 {
		p.Busy = c.Busy
	}
	p.Min, p.Max = c.Min, c.Max
	if c.Alone {
		p.Spare = 0
	}
	return p
}

// capacity wires what says how many workers are wanted.
func (c Config) capacity(ctx context.Context, db *store.Store, client *sqsqueue.Client) (*scheduler.Capacity, error) {
	said := &scheduler.Capacity{
		Policy: c.Capacity.policy(), Book: db,
		Depth: func(ctx context.Context, location string, class jobs.Class) (int, error) {
			q, err := client.Open(ctx, queue.JobsName(c.QueuePrefix, location, string(class)))
			if err != nil {
				return 0, err
			}
			d, err := q.Depth(ctx)
			return d.Visible + d.Delayed, err
		},
	}
	if c.Capacity.Namespace == "" {
		return said, nil
	}
	regions, err := cloudwatch.ParseRegions(c.Capacity.Regions)
	if err != nil {
		return nil, fmt.Errorf("-cloudwatch-regions: %w", err)
	}
	p, err := cloudwatch.New(ctx, c.Capacity.Namespace, c.QueuePrefix, regions)
	if err != nil {
		return nil, err
	}
	said.Publish = p.Publish
	return said, nil
}
