package recorder

import "github.com/prometheus/client_golang/prometheus"

// alertMetrics are those of what people are told. Channels are few.
func alertMetrics(m *Metrics) []prometheus.Collector {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "probefleet_alerts_" + name, Help: help}, []string{label})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "probefleet_alerts_" + name, Help: help}, []string{"channel"})
	}
	m.planned = counter("messages_total", "Messages that this recorder put into the outbox, by channel.", "channel")
	m.deliveries = counter("tries_total", "Tries to send a message by what became of it: sent, waiting for another try, given_up.", "fate")
	m.waiting = gauge("waiting", "Messages that are not sent yet, by channel.")
	m.lost = gauge("given_up", "Messages of the last day that were given up, by channel: people were not told.")
	return []prometheus.Collector{m.planned, m.deliveries, m.waiting, m.lost}
}
