package store

import (
	"encoding/json"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
)

// incidentColumns are the columns behind [incidentRow.targets], of a table i.
const incidentColumns = `i.id::text, i.opened, coalesce(i.closed, 'epoch'), coalesce(i.first_slot, 'epoch'), coalesce(i.last_slot, 'epoch'),
	i.failed, i.flaps, i.locations, i.fault_class, i.fault_message, i.first_fail, i.last_pass, i.turn`

// incidentRow reads a row of incidentColumns.
type incidentRow struct {
	id                          string
	opened, closed, first, last time.Time
	failed, flaps, turn         int
	locations                   []string
	class, message              string
	firstFail, lastPass         []byte
}

func (r *incidentRow) targets() []any {
	return []any{
		&r.id, &r.opened, &r.closed, &r.first, &r.last, &r.failed, &r.flaps, &r.locations,
		&r.class, &r.message, &r.firstFail, &r.lastPass, &r.turn,
	}
}

func (r *incidentRow) incident() (status.Incident, error) {
	i := status.Incident{
		Opened: r.opened, Closed: sinceEpoch(r.closed), First: sinceEpoch(r.first), Last: sinceEpoch(r.last),
		Failed: r.failed, Flaps: r.flaps, Locations: append([]string(nil), r.locations...),
		Class: jobs.FaultClass(r.class), Message: r.message,
	}
	for _, ref := range []struct {
		data []byte
		into *status.RunRef
	}{{r.firstFail, &i.FirstFail}, {r.lastPass, &i.LastPass}} {
		if ref.data == nil {
			continue
		}
		if err := json.Unmarshal(ref.data, ref.into); err != nil {
			return i, err
		}
	}
	return i, nil
}
