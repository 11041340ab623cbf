package scheduler

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/capacity"
)

// capacityMetrics are what is said of each place. Only the scheduler that
// speaks has series of them.
type capacityMetrics struct {
	wanted, live, depth, age, service, rate *prometheus.GaugeVec
}

func newCapacityMetrics(reg prometheus.Registerer) capacityMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "probefleet_scheduler_" + name, Help: help}, []string{"location", "class"})
	}
	m := capacityMetrics{
		wanted:  gauge("wanted_workers", "Workers that are wanted: out at once, in when less was enough for five minutes."),
		live:    gauge("live_workers", "Workers that were heard of in the last two minutes."),
		depth:   gauge("queue_depth", "Jobs that wait in the queue."),
		age:     gauge("queue_age_seconds", "For how long the oldest job has waited, as far as can be told: what the slowest of those received lately had waited."),
		service: gauge("service_seconds", "Mean time that a job occupies a slot of a worker, of the newest minute where that had many runs."),
		rate:    gauge("arrivals_per_second", "Jobs that become due, retries included."),
	}
	if reg != nil {
		reg.MustRegister(m.all()...)
	}
	return m
}

func (m capacityMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.wanted, m.live, m.depth, m.age, m.service, m.rate}
}

// reset takes back everything: another scheduler speaks.
func (m capacityMetrics) reset() {
	for _, g := range []*prometheus.GaugeVec{m.wanted, m.live, m.depth, m.age, m.service, m.rate} {
		g.Reset()
	}
}

// show says what is in reports, and nothing else. What is not known has no
// series: a number would be taken for one.
func (m capacityMetrics) show(reports []capacity.Report) {
	m.reset()
	for _, r := range reports {
		set := func(g *prometheus.GaugeVec, v float64) {
			if !math.IsNaN(v) {
				g.WithLabelValues(r.Location, string(r.Class)).Set(v)
			}
		}
		set(m.wanted, float64(r.Wanted))
		set(m.live, float64(r.Live))
		set(m.depth, r.Reading.Waiting)
		set(m.age, r.Age)
		set(m.service, r.Reading.Service)
		set(m.rate, r.Reading.Rate)
	}
}
