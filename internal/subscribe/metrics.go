package subscribe

import "github.com/prometheus/client_golang/prometheus"

// metrics of a Teller.
type metrics struct {
	deliveries    *prometheus.CounterVec
	waiting       prometheus.Gauge
	subscriptions *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_subscription_tries_total", Help: "Tries to tell subscribers of status pages, by what became of the message: sent, waiting, given_up or void.",
		}, []string{"kind", "fate"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_subscription_messages_waiting", Help: "Messages to subscribers of status pages that were not sent yet.",
		}),
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "probefleet_subscriptions", Help: "Subscriptions to status pages, by state: pending, confirmed or dropped.",
		}, []string{"state"}),
	}
	if r != nil {
		r.MustRegister(m.deliveries, m.waiting, m.subscriptions)
	}
	return m
}
