package dashboard

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the figures of this room.
type metrics struct {
	requests       *prometheus.CounterVec
	clients        prometheus.Gauge
	clientsDropped prometheus.Counter
	clientsRefused prometheus.Counter
	refreshes      prometheus.Histogram
	refreshErrors  prometheus.Counter
}

// newMetrics registers the metrics on reg where it is not nil. age is asked
// for the age of the snapshot.
func newMetrics(reg prometheus.Registerer, age func() time.Duration) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_dashboard_requests_total",
			Help: "Requests answered, by route and status code.",
		}, []string{"route", "code"}),
		clients: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_dashboard_sse_clients",
			Help: "Open event streams.",
		}),
		clientsDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_dashboard_sse_dropped_total",
			Help: "Event streams that were closed because the reader was too slow.",
		}),
		clientsRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_dashboard_sse_refused_total",
			Help: "Event streams that were refused because too many were open.",
		}),
		refreshes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "probefleet_dashboard_refresh_seconds",
			Help:    "Duration of one reading of the store.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 7),
		}),
		refreshErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "probefleet_dashboard_refresh_errors_total",
			Help: "Readings of the store that did not succeed.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.clients, m.clientsDropped, m.clientsRefused, m.refreshes, m.refreshErrors,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "probefleet_dashboard_snapshot_age_seconds",
				Help: "Age of the data on the page; 0 before the first reading.",
			}, func() float64 { return age().Seconds() }))
	}
	return m
}
