package worker

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the measurements of a worker, by class of jobs.
type Metrics struct {
	jobs, decodeFailures, unsupported, runErrors *prometheus.CounterVec
	sendErrors, trimmed, deadLetters             *prometheus.CounterVec
	slots, busy                                  *prometheus.GaugeVec
	duration, lateness                           *prometheus.HistogramVec
}

// NewMetrics registers the metrics of this room; a nil reg leaves them
// unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "probefleet_worker_" + name, Help: help}, append([]string{"class"}, labels...))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "probefleet_worker_" + name, Help: help}, []string{"class"})
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "probefleet_worker_" + name, Help: help, Buckets: buckets}, []string{"class"})
	}
	m := &Metrics{
		jobs:           counter("jobs_total", "Jobs whose result was handed over, by outcome.", "outcome"),
		decodeFailures: counter("decode_failures_total", "Messages that are no job for this worker, by reason: decode, location.", "reason"),
		unsupported:    counter("unsupported_version_total", "Jobs of a version too new for this build, left to newer workers."),
		runErrors:      counter("run_errors_total", "Runs that ended without a result and are tried again."),
		sendErrors:     counter("send_errors_total", "Tries to hand over a result that were not accepted."),
		trimmed:        counter("trimmed_results_total", "Results that were too large and lost most of their evidence."),
		deadLetters:    counter("dead_letters_total", "Messages given up at their last delivery, by reason: unsupported_version, decode, location, handler, panic.", "reason"),
		slots:          gauge("slots", "Jobs that may run at a time."),
		busy:           gauge("slots_busy", "Jobs that are run or handed over now."),
		duration:       histogram("run_duration_seconds", "Time that runs took.", []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}),
		lateness:       histogram("lateness_seconds", "Time from a job's slot to its start or expiry.", []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}),
	}
	if reg != nil {
		reg.MustRegister(m.jobs, m.decodeFailures, m.unsupported, m.runErrors, m.sendErrors, m.trimmed, m.deadLetters,
			m.slots, m.busy, m.duration, m.lateness)
	}
	return m
}
