package scheduler

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	sent, missed, errors, reruns, triggers, shadow *prometheus.CounterVec
	held                                           *prometheus.GaugeVec
	lateness                                       prometheus.Histogram
	shards, checks, offset                         prometheus.Gauge
	capacity                                       capacityMetrics
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_scheduler_jobs_sent_total", Help: "Jobs that a queue has accepted.",
		}, []string{"location", "class"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_scheduler_slots_missed_total", Help: "Slots that were not sent, by reason: outage (of schedulers), queue (it did not take them), held (their check waits for newer workers or recorders).",
		}, []string{"location", "reason"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_scheduler_errors_total", Help: "Jobs that could not be encoded, or whose sending did not succeed at first.",
		}, []string{"reason"}),
		triggers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_scheduler_triggers_total", Help: "Runs that somebody asked for, by what became of them: sent, expired (no queue took it), held (as slots are), gone (the check is not active any more).",
		}, []string{"fate"}),
		reruns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_scheduler_reruns_total", Help: "Attempts after the first of a slot, by what became of them: sent, expired, held (as slots are), gone (the check is not active any more).",
		}, []string{"fate"}),
		shadow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_scheduler_shadow_jobs_total", Help: "Copies of jobs for candidate workers, by what became of them: sent, lost (no queue took them, or too many waited).",
		}, []string{"location", "class", "fate"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "probefleet_scheduler_lateness_seconds", Help: "From a slot to the tick that sent its job.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
		shards: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_scheduler_shards", Help: "Shards that this scheduler holds.",
		}),
		checks: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_scheduler_checks", Help: "Active checks, of all shards.",
		}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "probefleet_scheduler_checks_held", Help: "Active checks that wait for newer workers or recorders, of all shards.",
		}, []string{"location"}),
		offset: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_scheduler_clock_offset_seconds", Help: "What the database's clock is ahead of this machine's.",
		}),
	}
	m.capacity = newCapacityMetrics(reg)
	if reg != nil {
		reg.MustRegister(m.sent, m.missed, m.errors, m.reruns, m.triggers, m.shadow, m.lateness, m.shards, m.checks, m.held, m.offset)
	}
	return m
}
