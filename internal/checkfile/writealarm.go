package checkfile

import (
	"fmt"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
)

// retry writes whether a slot is tried again, a strategy alone where the rest
// is at its default.
func (m *mapping) retry(r check.Retry) {
	if r == (check.Retry{}) {
		return
	}
	of := newMapping()
	of.text("strategy", string(r.Strategy))
	of.duration("base", r.Base, check.DefaultRetryBase)
	of.number("max", int64(r.Max), check.DefaultRetryMax)
	of.duration("max_duration", r.MaxDuration, check.DefaultRetryMaxDuration)
	of.duration("cap", r.Cap, 0)
	if r.Jitter != 0 {
		of.text("jitter", fmt.Sprintf("%d%%", r.Jitter))
	}
	if r.Elsewhere {
		of.text("location", "other")
	}
	if r.OnlyNetwork {
		of.text("only_on", "network")
	}
	m.put("retry", short(of, "strategy"))
}

// alarm writes when failing is an outage, and when it is not.
func (m *mapping) alarm(c check.Check) {
	m.texts("depends_on", c.DependsOn)
	if a := c.Alert; !a.IsZero() {
		of := newMapping()
		if a.Runs != 0 || a.For != 0 {
			after := newMapping()
			after.number("runs", int64(a.Runs), 0)
			after.duration("for", a.For, 0)
			of.put("after", after.node)
		}
		of.number("locations", int64(a.Locations), 0)
		if a.Share != 0 {
			of.text("locations", fmt.Sprintf("%d%%", a.Share))
		}
		of.texts("channels", a.Channels)
		of.duration("remind", a.Remind, 0)
		of.number("reminders", int64(a.Reminders), 0)
		of.flag("urgent", a.Urgent, false)
		m.put("alert", of.node)
	}
	m.objective(c.Objective)
	if len(c.Maintenance) == 0 {
		return
	}
	items := make([]*yaml.Node, len(c.Maintenance))
	for i, w := range c.Maintenance {
		of := newMapping()
		of.moment("from", w.From)
		of.moment("to", w.To)
		of.text("cron", w.Cron)
		of.text("zone", w.Zone)
		of.duration("for", w.For, 0)
		of.text("why", w.Why)
		items[i] = of.node
	}
	m.put("maintenance", sequence(items...))
}

func (m *mapping) moment(key string, at time.Time) {
	if !at.IsZero() {
		m.text(key, at.Format(time.RFC3339Nano))
	}
}
