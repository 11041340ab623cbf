package checkfile

import (
	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// heartbeatNever are keys that a heartbeat does not have, and why. What stands
// under `defaults:` is meant for other checks.
var heartbeatNever = []struct{ key, why string }{
	{"every", "it has a period, and is looked at once a minute or more often"},
	{"locations", "it runs nowhere: the job calls the console"},
	{"timeout", "it is not run from here; how long a run of the job may take is its grace"},
	{"retry", "a job that did not run cannot be run again from here"},
}

// heartbeat decodes what is special to a heartbeat: `heartbeat: 24h` or more of
// it.
func (o *object) heartbeat(c *check.Check) check.Spec {
	kind := check.KindHeartbeat
	h := &check.Heartbeat{
		Lines: check.Lines{Expect: o.assertions("expect", kind), Degraded: o.assertions("degraded", kind)},
		Grace: check.DefaultGrace,
	}
	n := o.value(string(kind))
	o.place(string(kind), n, true)
	var understood bool
	if n.Kind == yaml.ScalarNode {
		understood = o.duration(string(kind), &h.Period)
		o.place("heartbeat.period", n, understood)
	} else {
		p, ok := o.d.object(n, string(kind), string(kind), []string{"period", "grace"})
		if !ok {
			o.place(string(kind), nil, false)
		}
		understood = ok && p.duration("period", &h.Period)
		if ok {
			p.duration("grace", &h.Grace)
		}
		if ok && !p.has("period") {
			o.d.fault(n, "heartbeat.period: is missing; write the time between two runs of the job, such as 24h")
			p.place("period", nil, false)
		}
	}
	for _, never := range heartbeatNever {
		if f := o.field(never.key); f != nil {
			o.d.fault(f.key, "%s: is not for heartbeats: %s", never.key, never.why)
			o.place(never.key, nil, false)
		}
	}
	c.Locations, c.Retry, c.Timeout = []string{check.HeartbeatLocation}, check.Retry{}, check.DefaultAPITimeout
	c.Every = check.DefaultEvery
	if understood && h.Period >= check.MinPeriod {
		c.Every = h.Every()
	}
	return h
}

// heartbeat writes what a heartbeat is.
func (m *mapping) heartbeat(h *check.Heartbeat) {
	of := newMapping()
	of.duration("period", h.Period, 0)
	of.duration("grace", h.Grace, check.DefaultGrace)
	m.put(string(check.KindHeartbeat), of.node)
	m.texts("expect", h.Expect)
	m.texts("degraded", h.Degraded)
}
