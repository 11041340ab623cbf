package recorder

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// maxSkew is from where on a clock is reported.
	maxSkew = 30 * time.Second
	// clockEvery is how often our own clock is compared with the database's.
	clockEvery = time.Minute
	// forgetAfter is how long a worker that sends nothing is remembered.
	forgetAfter = time.Hour
)

// clocks knows how wrong the clocks of this process and of the workers are, by
// the database's, which decides. It reports each that is off by more than
// maxSkew, once.
type clocks struct {
	log     *slog.Logger
	metrics *Metrics

	mu      sync.Mutex
	offset  time.Duration // what the database's clock is ahead of ours
	known   bool          // the offset was read
	off     bool          // our own was reported
	workers map[string]*workerClock
}

// workerClock is what is known of one worker's clock.
type workerClock struct {
	seen time.Time
	off  bool // reported
}

func newClocks(log *slog.Logger, m *Metrics) *clocks {
	return &clocks{log: log, metrics: m, workers: map[string]*workerClock{}}
}

// ours notes a reading of the database's clock, asked for at asked.
func (c *clocks) ours(theirs, asked, answered time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.known = theirs.Sub(asked.Add(answered.Sub(asked)/2)), true
	c.metrics.clockOffset.Set(c.offset.Seconds())
	off := c.offset.Abs() > maxSkew
	if off && !c.off {
		c.log.Warn("this machine's clock is off by the database's: set it by NTP", "offset", c.offset)
	}
	c.off = off
}

// worker looks at the stamps of a result that came at now, by our clock. The
// job was received after it was sent, and came to us after it was finished:
// that bounds the clock of the worker from both sides, whatever the queues
// took. The scheduler's stamp is by the database's clock.
func (c *clocks) worker(r jobs.Result, now time.Time) {
	if r.Worker.ID == "" || r.ReceivedAt.IsZero() || r.FinishedAt.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return
	}
	skew := time.Duration(0)
	if atMost := r.ReceivedAt.Sub(r.SentAt); !r.SentAt.IsZero() && atMost < 0 {
		skew = atMost // it is behind, by this at least
	} else if atLeast := r.FinishedAt.Sub(now.Add(c.offset)); atLeast > 0 {
		skew = atLeast
	}
	w := c.workers[r.Worker.ID]
	if w == nil {
		w = &workerClock{}
		c.workers[r.Worker.ID] = w
	}
	w.seen = now
	switch off := skew.Abs() > maxSkew; {
	case off:
		c.metrics.workerSkew.WithLabelValues(r.Worker.ID).Set(skew.Seconds())
		if !w.off {
			c.log.Warn("a worker's clock is off by the database's: set it by NTP", "worker", r.Worker.ID, "location", r.Location, "skew", skew)
		}
		w.off = true
	case w.off && r.ReceivedAt.Sub(r.SentAt) < maxSkew:
		// A job that waited long hides a clock that is behind, so this one
		// says something only where it did not wait.
		w.off = false
		c.metrics.workerSkew.DeleteLabelValues(r.Worker.ID)
		c.log.Info("a worker's clock is right again", "worker", r.Worker.ID)
	}
}

// forget drops the workers that have been silent for long.
func (c *clocks) forget(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, w := range c.workers {
		if now.Sub(w.seen) > forgetAfter {
			delete(c.workers, id)
			c.metrics.workerSkew.DeleteLabelValues(id)
		}
	}
}

// watchClock compares our clock with the database's until ctx ends.
func (r *Recorder) watchClock(ctx context.Context) {
	for ctx.Err() == nil {
		r.readClock(ctx)
		r.clocks.forget(time.Now())
		sleep(ctx, clockEvery)
	}
}

func (r *Recorder) readClock(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	asked := time.Now()
	if theirs, err := r.o.Store.Now(ctx); err == nil { // else the breaker says so
		r.clocks.ours(theirs, asked, time.Now())
	}
}

// clockMetrics are those of clocks and locations.
func clockMetrics(m *Metrics) []prometheus.Collector {
	m.clockOffset = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "probefleet_recorder_clock_offset_seconds", Help: "What the database's clock is ahead of this machine's.",
	})
	m.workerSkew = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "probefleet_recorder_worker_clock_skew_seconds", Help: "What a worker's clock is ahead of the database's at least; only of workers that are off by more than 30 s.",
	}, []string{"worker"})
	m.unhealthy = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "probefleet_recorder_location_unhealthy", Help: "1 where the location is declared unhealthy; only of locations that were looked at.",
	}, []string{"location"})
	m.alerts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "probefleet_recorder_location_alerts_total", Help: "Times that this recorder was the one to declare a location unhealthy.",
	}, []string{"location"})
	return []prometheus.Collector{m.clockOffset, m.workerSkew, m.unhealthy, m.alerts}
}
