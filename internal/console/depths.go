package console

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// depthsEvery is the time between two looks at the dead letters' numbers.
const depthsEvery = time.Minute // SQS itself lags by as much

// Metrics are the measurements of a console.
type Metrics struct {
	deadLetters *prometheus.GaugeVec
	dlqErrors   prometheus.Counter
}

// NewMetrics registers the metrics of this room; a nil reg leaves them
// unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		deadLetters: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "probefleet_console_dead_letters", Help: "Dead letters by queue, those that are being looked at included; dead_results are results that the database refused.",
		}, []string{"queue"}),
		dlqErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_console_dlq_errors_total", Help: "Times that the number of dead letters could not be found out.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.deadLetters, m.dlqErrors)
	}
	return m
}

// depths is what was last known of the numbers of dead letters.
type depths struct {
	mu    sync.Mutex
	known []DeadDepth // nil before the first look
	err   error       // of the last look
}

// pruneEvery is the time between two looks for what is kept no longer.
const pruneEvery = time.Hour

// Run keeps the numbers of dead letters known, and forgets old triggers, until
// ctx ends. It returns nil.
func (c *Console) Run(ctx context.Context) error {
	tick := time.NewTicker(depthsEvery)
	defer tick.Stop()
	var pruneAt time.Time
	for ctx.Err() == nil {
		if c.o.DeadQueues != nil {
			c.count(ctx)
		}
		if now := time.Now(); c.o.Runs != nil && !now.Before(pruneAt) {
			pruneAt = now.Add(pruneEvery)
			c.prune(ctx, now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

func (c *Console) prune(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, depthsEvery)
	defer cancel()
	if err := c.o.Runs.PruneTriggers(ctx, now.Add(-triggersKept)); err != nil && ctx.Err() == nil {
		c.o.Logger.Warn("forgetting old triggers", "err", err)
	}
	c.prunePeople(ctx)
}

// count looks once.
func (c *Console) count(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, depthsEvery)
	defer cancel()
	_, found, err := c.open(limited, "")
	if err == nil {
		var rows int
		_, rows, err = c.o.DeadRows.DeadRows(limited, 0)
		found = append(found, DeadDepth{Queue: RowQueue, Messages: rows})
	}
	if ctx.Err() != nil {
		return
	}
	c.depths.mu.Lock()
	defer c.depths.mu.Unlock()
	if err != nil {
		c.o.Metrics.dlqErrors.Inc()
		if c.depths.err == nil {
			c.o.Logger.Warn("dead letters cannot be counted", "err", err)
		}
		c.depths.err = err
		return
	}
	c.depths.known, c.depths.err = found, nil
	c.o.Metrics.deadLetters.Reset() // queues go with their locations
	for _, d := range found {
		c.o.Metrics.deadLetters.WithLabelValues(d.Queue).Set(float64(d.Messages + d.Hidden))
	}
}

// deadLine is the health page's line on dead letters; some is whether there
// are any.
func (c *Console) deadLine() (line string, some bool) {
	c.depths.mu.Lock()
	defer c.depths.mu.Unlock()
	if c.depths.known == nil {
		if c.depths.err != nil {
			return "not known: the queues cannot be asked; the console's log says why", true
		}
		return "not counted yet", false
	}
	var parts []string
	for _, d := range c.depths.known {
		if n := d.Messages + d.Hidden; n > 0 {
			parts = append(parts, fmt.Sprintf("%d in %s", n, d.Queue))
		}
	}
	line = "none"
	if len(parts) > 0 {
		line = strings.Join(parts, ", ") + "; see probefleet dlq list"
	}
	if c.depths.err != nil {
		line += " (as of a while ago: the queues cannot be asked now)"
	}
	return line, len(parts) > 0 || c.depths.err != nil
}
