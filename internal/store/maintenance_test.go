package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// What is planned by hand silences what fails from then on, for the checks that
// it concerns, until it is called off.
func TestMaintenanceByHand(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Truncate(time.Second)
	c, other := shopLogin(), shopLogin()
	other.ID, other.Group = "other", "Elsewhere"
	apply(t, s, store.Applied{Created: []string{other.ID, c.ID}}, c, other)
	plan := status.Planned{
		Title: "New database", Groups: []string{"Shop"}, Public: true, CreatedBy: "ada",
		Maintenance: check.Maintenance{From: now.Add(-time.Hour), To: now.Add(time.Hour), Why: "It is faster."},
	}
	id, err := s.PlanMaintenance(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	later := now.Add(10 * time.Second)
	record(t, s, store.Recorded{Stored: 2}, result(c, "here", later, jobs.Failed, time.Second), result(other, "here", later, jobs.Failed, time.Second))
	found, err := s.Incidents(ctx, store.IncidentFilter{})
	if err != nil || len(found) != 1 || found[0].CheckID != "other" {
		t.Errorf("incidents %+v (%v), want one of the other check", found, err)
	}
	list, err := s.PlannedMaintenance(ctx, false)
	plan.ID, plan.Checks, plan.Tags = id, []string{}, []string{}
	if d := cmp.Diff([]status.Planned{plan}, list, cmpopts.IgnoreFields(status.Planned{}, "CreatedAt")); err != nil || d != "" {
		t.Errorf("planned (-want +got, %v):\n%s", err, d)
	}
	for _, want := range []bool{true, false} {
		if ok, err := s.CancelMaintenance(ctx, id); err != nil || ok != want {
			t.Errorf("calling off: %v %v, want %v", ok, err, want)
		}
	}
	if ok, err := s.CancelMaintenance(ctx, "nonsense"); ok || err != nil {
		t.Errorf("what is no id: %v %v", ok, err)
	}
	if list, err = s.PlannedMaintenance(ctx, false); err != nil || len(list) != 0 {
		t.Errorf("called off, and planned: %+v (%v)", list, err)
	}
	if list, err = s.PlannedMaintenance(ctx, true); err != nil || len(list) != 1 || list[0].CancelledAt.IsZero() {
		t.Errorf("all: %+v (%v)", list, err)
	}
	plan.Title = ""
	_, err = s.PlanMaintenance(ctx, plan)
	if r, ok := errors.AsType[*store.RefusedError](err); !ok || !strings.Contains(r.Reason, "title") {
		t.Errorf("no title: %v", err)
	}
}
