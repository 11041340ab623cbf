package console

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// journal keeps incidents in memory.
type journal struct {
	list    []status.Recorded
	planned []status.Planned
}

func (d *journal) Incidents(_ context.Context, f IncidentFilter) (found []status.Recorded, err error) {
	for _, r := range d.list {
		if !f.Open || r.Open() {
			found = append(found, r)
		}
	}
	return found, nil
}

func (d *journal) find(id string) *status.Recorded {
	for i := range d.list {
		if d.list[i].ID == id {
			return &d.list[i]
		}
	}
	return nil
}

func (d *journal) Incident(_ context.Context, id string) (status.Recorded, bool, error) {
	if r := d.find(id); r != nil {
		return *r, true, nil
	}
	return status.Recorded{}, false, nil
}

const firstIncident = "6f1d0c9e-3c1b-4f8e-9c55-1d2f6a7b8c9d"

func (d *journal) OpenIncident(_ context.Context, r status.Report) (string, error) {
	if f := r.Fault(); f != "" {
		return "", &RefusedError{f}
	}
	d.list = append(d.list, status.Recorded{
		ID: firstIncident, Title: r.Title, Impact: r.Impact, Checks: r.Checks, Public: r.Public, CreatedBy: r.Author,
		Incident: status.Incident{Opened: r.Opened},
	})
	return firstIncident, nil
}

func (d *journal) UpdateIncident(_ context.Context, id string, u status.Update) error {
	r := d.find(id)
	if r == nil {
		return &RefusedError{"there is no such incident"}
	}
	if u.Phase == status.Resolved {
		r.Closed = time.Now()
	}
	r.Updates = append(r.Updates, u)
	return nil
}

func (d *journal) DescribeIncident(_ context.Context, id, title string, public bool, postmortem string) error {
	r := d.find(id)
	r.Title, r.Public, r.Postmortem = title, public, postmortem
	return nil
}

func (d *journal) MergeIncident(context.Context, string, string) error {
	return &RefusedError{"an incident cannot be merged into itself; name another one"}
}

func (d *journal) PlanMaintenance(_ context.Context, p status.Planned) (string, error) {
	if f := p.Fault(time.Now()); f != "" {
		return "", &RefusedError{f}
	}
	p.ID = firstIncident
	d.planned = append(d.planned, p)
	return p.ID, nil
}

func (d *journal) PlannedMaintenance(context.Context, bool) ([]status.Planned, error) {
	return d.planned, nil
}

func (d *journal) CancelMaintenance(_ context.Context, id string) (bool, error) {
	for i, p := range d.planned {
		if p.ID == id && p.CancelledAt.IsZero() {
			d.planned[i].CancelledAt = time.Now()
			return true, nil
		}
	}
	return false, nil
}

func TestIncidentsAPI(t *testing.T) {
	s, _, _, c := whole(t)
	s.checks["pay"] = check.Check{ID: "pay"}
	p := api[Problem](t, c, 422, "POST", "/api/v1/incidents", `{"title": "Payments fail", "checks": ["pay", "paid"]}`)
	if len(p.Faults) != 1 || !strings.Contains(p.Faults[0], `body.checks[1]: there is no active check "paid"`) {
		t.Errorf("an unknown check: %+v", p)
	}
	if p := api[Problem](t, c, 422, "POST", "/api/v1/incidents", `{"title": "x", "opened": "2999-01-01T00:00:00Z"}`); !strings.Contains(p.Detail, "in the future") {
		t.Errorf("a beginning to come: %+v", p)
	}
	made := api[Incident](t, c, 200, "POST", "/api/v1/incidents", `{"title": "Payments fail", "checks": ["pay"], "public": true, "body": "We **look** into it."}`)
	if made.Source != "person" || made.Impact != status.ImpactOutage || made.Closed != nil || len(made.Updates) != 1 ||
		made.Updates[0].Phase != status.Investigating || made.Updates[0].Author != "test" || !made.Updates[0].Public {
		t.Errorf("opened: %+v", made)
	}
	at := "/api/v1/incidents/" + made.ID
	api[Incident](t, c, 200, "POST", at+"/updates", `{"phase": "identified", "body": "The bank.", "public": false}`)
	done := api[Incident](t, c, 200, "POST", at+"/updates", `{"phase": "resolved", "body": "All is well."}`)
	if done.Closed == nil || len(done.Updates) != 3 || done.Updates[1].Public {
		t.Errorf("resolved: %+v", done)
	}
	described := api[Incident](t, c, 200, "PATCH", at, `{"postmortem": "# What we learnt"}`)
	if described.Title != "Payments fail" || !described.Public || described.Postmortem != "# What we learnt" {
		t.Errorf("what was not named did not stay: %+v", described)
	}
	if p := api[Problem](t, c, 422, "POST", at+"/merge", `{"into": "`+made.ID+`"}`); !strings.Contains(p.Detail, "into itself") {
		t.Errorf("a refusal of the store: %+v", p)
	}
	if list := api[Incidents](t, c, 200, "GET", "/api/v1/incidents?open=true", ""); len(list.Incidents) != 0 {
		t.Errorf("open: %+v", list)
	}
	api[Problem](t, c, 404, "GET", "/api/v1/incidents/00000000-0000-4000-8000-000000000000", "")
}

func TestMaintenanceAPI(t *testing.T) {
	_, _, _, c := whole(t)
	for body, want := range map[string]string{
		`{"title": "x", "from": "2999-01-01T00:00:00Z", "to": "2999-01-01T01:00:00Z"}`:                "concerns no check",
		`{"title": "x", "tags": ["a"], "cron": "0 3 * *", "for": "1h"}`:                               "cron",
		`{"title": "x", "tags": ["a"], "cron": "0 3 * * *", "for": "an hour"}`:                        "is not a duration",
		`{"title": "x", "tags": ["a"], "cron": "0 3 * * *", "for": "1h", "zone": "X"}`:                "is not a time zone",
		`{"title": "x", "tags": ["a"], "from": "2020-01-01T00:00:00Z", "to": "2020-01-01T01:00:00Z"}`: "is over already",
	} {
		if p := api[Problem](t, c, 422, "POST", "/api/v1/maintenance", body); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %q, want %q", body, p.Detail, want)
		}
	}
	m := api[Maintenance](t, c, 200, "POST", "/api/v1/maintenance", `{"title": "New database", "groups": ["Shop"], "cron": "0 3 * * *", "zone": "Europe/Berlin", "for": "90m"}`)
	if m.NextFrom == nil || m.NextTo.Sub(*m.NextFrom) != 90*time.Minute || m.For != "1h30m0s" || !*m.Public {
		t.Errorf("planned: %+v", m)
	}
	if list := api[Maintenances](t, c, 200, "GET", "/api/v1/maintenance", ""); len(list.Maintenance) != 1 {
		t.Errorf("list: %+v", list)
	}
	if w := ask(c.Handler(), "DELETE", "/api/v1/maintenance/"+m.ID, testToken, ""); w.Code != http.StatusNoContent {
		t.Errorf("calling off: %d %s", w.Code, w.Body)
	}
	api[Problem](t, c, 404, "DELETE", "/api/v1/maintenance/"+m.ID, "")
}
