package recorder

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the measurements of a recorder.
type Metrics struct {
	results, unreadable, batches  *prometheus.CounterVec
	shadow                        prometheus.Counter
	deadLetters                   *prometheus.CounterVec
	partitionErrors               prometheus.Counter
	announcements                 prometheus.Counter
	batchSize, batchDuration, lag prometheus.Histogram
	breakerOpen, clockOffset      prometheus.Gauge
	workerSkew, unhealthy         *prometheus.GaugeVec
	alerts                        *prometheus.CounterVec
	planned, deliveries           *prometheus.CounterVec
	waiting, lost                 *prometheus.GaugeVec
}

// NewMetrics registers the metrics of this room; a nil reg leaves them
// unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "probefleet_recorder_" + name, Help: help}, []string{label})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "probefleet_recorder_" + name, Help: help, Buckets: buckets})
	}
	m := &Metrics{
		shadow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_recorder_shadow_results_total", Help: "Results of candidate workers that were stored, duplicates among them; they count nowhere else.",
		}),
		results:     counter("results_total", "Results by what became of them: stored, duplicate, dead.", "fate"),
		unreadable:  counter("unreadable_total", "Messages that this build cannot read, by reason: unsupported_version, unsupported_type, decode.", "reason"),
		deadLetters: counter("dead_letters_total", "Dead letters of which workers told, by reason.", "reason"),
		batches:     counter("batches_total", "Transactions by how they ended: ok, error.", "outcome"),
		partitionErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_recorder_partition_errors_total", Help: "Tries to make partitions ahead that did not succeed.",
		}),
		announcements: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_recorder_announcements_total", Help: "Announcements of workers that were kept.",
		}),
		batchSize:     histogram("batch_size", "Results of a transaction.", []float64{1, 2, 5, 10, 20, 50, 100, 200}),
		batchDuration: histogram("batch_duration_seconds", "Time that transactions took.", prometheus.ExponentialBuckets(.001, 2, 14)),
		lag:           histogram("lag_seconds", "Time from the end of a run to its commit, by the clocks of worker and recorder.", []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}),
		breakerOpen: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_recorder_breaker_open", Help: "1 while nothing is received because nothing can be stored.",
		}),
	}
	more := append(clockMetrics(m), alertMetrics(m)...)
	if reg != nil {
		reg.MustRegister(more...)
		reg.MustRegister(m.shadow, m.results, m.unreadable, m.batches, m.deadLetters, m.announcements, m.partitionErrors, m.batchSize, m.batchDuration, m.lag, m.breakerOpen)
	}
	return m
}
