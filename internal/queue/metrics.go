package queue

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the measurements of every [Consume] loop of a process, told
// apart by the label queue.
type Metrics struct {
	received, redelivered, receiveErrors, notReady *prometheus.CounterVec
	handled, acks, extends                         *prometheus.CounterVec
	slots, busy, lastPoll                          *prometheus.GaugeVec
	age, duration                                  *prometheus.HistogramVec
}

// NewMetrics registers the metrics of this room; a nil reg leaves them
// unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "probefleet_queue_" + name, Help: help}, append(labels, "queue"))
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "probefleet_queue_" + name, Help: help}, []string{"queue"})
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "probefleet_queue_" + name, Help: help, Buckets: buckets}, []string{"queue"})
	}
	m := &Metrics{
		received:      counter("received_total", "Messages received."),
		redelivered:   counter("redelivered_total", "Messages received that had been delivered before."),
		receiveErrors: counter("receive_errors_total", "Receive calls that did not succeed."),
		notReady:      counter("not_ready_total", "Receive calls that were not made because what they need was away."),
		handled:       counter("handled_total", "Messages by how their handling ended: done, retry, error, panic, lost, released.", "outcome"),
		acks:          counter("acks_total", "Deletes and releases by how they ended: ok, given_up.", "action", "result"),
		extends:       counter("extends_total", "Heartbeats by how they ended: ok, error, lost.", "result"),
		slots:         gauge("slots", "Messages that may be worked on at a time."),
		busy:          gauge("slots_busy", "Messages that are being worked on."),
		lastPoll:      gauge("last_poll_timestamp_seconds", "Unix time of the last receive that succeeded."),
		age:           histogram("message_age_seconds", "Time from send to receipt, by the clocks of queue and process.", prometheus.ExponentialBuckets(0.01, 4, 10)),
		duration:      histogram("handle_duration_seconds", "Time that handlers took.", prometheus.ExponentialBuckets(0.001, 4, 10)),
	}
	if reg != nil {
		reg.MustRegister(m.received, m.redelivered, m.receiveErrors, m.notReady, m.handled, m.acks, m.extends,
			m.slots, m.busy, m.lastPoll, m.age, m.duration)
	}
	return m
}

// meter is Metrics for one queue.
type meter struct {
	*Metrics
	queue string
}

func (m meter) count(v *prometheus.CounterVec, labels ...string) {
	v.WithLabelValues(append(labels, m.queue)...).Inc()
}

func (m meter) receivedMessage(msg Message) {
	m.count(m.received)
	if msg.Receives > 1 {
		m.count(m.redelivered)
	}
	if !msg.SentAt.IsZero() {
		m.age.WithLabelValues(m.queue).Observe(max(0, msg.ReceivedAt.Sub(msg.SentAt).Seconds()))
	}
}

func (m meter) polled() {
	m.lastPoll.WithLabelValues(m.queue).Set(float64(time.Now().UnixMilli()) / 1000)
}

func (m meter) took(d time.Duration) {
	m.duration.WithLabelValues(m.queue).Observe(d.Seconds())
}
