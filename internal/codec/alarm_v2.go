package codec

import "github.com/probefleet/probefleet/internal/check"

// alarmV2 is what a check of version 2 says of alerts, its parents, its
// maintenance windows and its objective. Jobs leave it out: it changes nothing of what a worker
// does. So a check that has it may be given to workers of any version.
type alarmV2 struct {
	Alert       *alertV2        `json:"alert,omitempty"`
	DependsOn   []string        `json:"depends_on,omitempty"`
	Maintenance []maintenanceV2 `json:"maintenance,omitempty"`
	Objective   *objectiveV2    `json:"objective,omitempty"`
}

type alertV2 struct {
	Runs      int    `json:"runs,omitempty"`
	For       micros `json:"for_us,omitempty"`
	Locations int    `json:"locations,omitempty"`
	Share     int    `json:"share,omitempty"`

	Channels  []string `json:"channels,omitempty"`
	Remind    micros   `json:"remind_us,omitempty"`
	Reminders int      `json:"reminders,omitempty"`
	Urgent    bool     `json:"urgent,omitempty"`
}

type maintenanceV2 struct {
	From timestamp `json:"from,omitzero"`
	To   timestamp `json:"to,omitzero"`
	Cron string    `json:"cron,omitempty"`
	Zone string    `json:"zone,omitempty"`
	For  micros    `json:"for_us,omitempty"`
	Why  string    `json:"why,omitempty"`
}

func newAlarmV2(c check.Check) alarmV2 {
	w := alarmV2{DependsOn: c.DependsOn, Maintenance: each(c.Maintenance, newMaintenanceV2), Objective: newObjectiveV2(c.Objective)}
	if a := c.Alert; !a.IsZero() {
		w.Alert = &alertV2{
			Runs: a.Runs, For: microsOf(a.For), Locations: a.Locations, Share: a.Share,
			Channels: a.Channels, Remind: microsOf(a.Remind), Reminders: a.Reminders, Urgent: a.Urgent,
		}
	}
	return w
}

func newMaintenanceV2(m check.Maintenance) maintenanceV2 {
	return maintenanceV2{
		From: stamp(m.From), To: stamp(m.To), Cron: m.Cron, Zone: m.Zone, For: microsOf(m.For), Why: m.Why,
	}
}

func (w maintenanceV2) window() check.Maintenance {
	return check.Maintenance{
		From: w.From.Time, To: w.To.Time, Cron: w.Cron, Zone: w.Zone, For: w.For.duration(), Why: w.Why,
	}
}

// into puts what w says into c.
func (w alarmV2) into(c *check.Check) {
	if a := w.Alert; a != nil {
		c.Alert = check.Alert{
			Runs: a.Runs, For: a.For.duration(), Locations: a.Locations, Share: a.Share,
			Channels: some(a.Channels), Remind: a.Remind.duration(), Reminders: a.Reminders, Urgent: a.Urgent,
		}
	}
	c.DependsOn = some(w.DependsOn)
	c.Maintenance = each(w.Maintenance, maintenanceV2.window)
	c.Objective = w.Objective.objective()
}

// lost says what version 1 has no room for, "" where there is nothing.
func (w alarmV2) lost() string {
	switch {
	case w.Alert != nil:
		return "its alert rules"
	case len(w.DependsOn) > 0:
		return "the checks it depends on"
	case len(w.Maintenance) > 0:
		return "its maintenance windows"
	case w.Objective != nil:
		return "its objective"
	}
	return ""
}
