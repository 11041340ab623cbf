package store_test

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// What is wrong besides outages begins once, ends once, and begins again.
func TestConditions(t *testing.T) {
	s := withChannels(t, hook("ops"))
	ctx := t.Context()
	keep := func(kind alert.Kind, cs ...alert.Condition) {
		t.Helper()
		if err := s.KeepConditions(ctx, kind, s.now, cs); err != nil {
			t.Fatal(err)
		}
	}
	sick := alert.Condition{Subject: "fra", Name: "fra", Since: s.now, Facts: alert.Facts{Message: "no way out"}}
	keep(alert.Location, sick)
	keep(alert.Location, sick)
	told := s.pass(15*time.Second, arrives)
	keep(alert.Location)
	keep(alert.Location)
	told = append(told, s.pass(15*time.Second, arrives)...)
	keep(alert.Location, sick)
	told = append(told, s.pass(15*time.Second, arrives)...)
	if len(told) != 3 {
		t.Errorf("told %q, want a begin, an end and a begin", told)
	}
	open, err := s.Alerts(ctx, store.AlertFilter{Open: true, Limit: 10})
	if err != nil || len(open) != 1 || open[0].Turn != 2 || open[0].Facts.Message != "no way out" {
		t.Errorf("%+v, %v", open, err)
	}
}

func TestWhatIsMeasuredAndCertified(t *testing.T) {
	s := withChannels(t, alert.Channel{Name: "beat", DeadMan: &alert.DeadMan{URL: "https://hc.example/"}})
	ctx := t.Context()
	c := shopLogin()
	apply(t, s.Store, store.Applied{Created: []string{c.ID}}, c)
	if due, err := s.DueDeadMen(ctx, s.now); err != nil || len(due) != 0 {
		t.Errorf("a switch is called though nothing was stored: %v, %v", due, err)
	}
	now := time.Now().UTC()
	ends := now.Add(10 * 24 * time.Hour).Truncate(time.Second)
	r := result(c, c.Locations[0], now.Add(-time.Minute).Truncate(time.Second), jobs.Passed, time.Second)
	r.Evidence.Response = &jobs.Response{Status: 200, TLS: &jobs.TLS{Subject: "CN=shop", NotAfter: ends}}
	record(t, s.Store, store.Recorded{Stored: 1}, r)
	for i, want := range []int{1, 0} { // the second asks too soon
		if due, err := s.DueDeadMen(ctx, s.now); err != nil || len(due) != want {
			t.Errorf("call %d: %d switches are due, want %d (%v)", i, len(due), want, err)
		}
	}
	if due, err := s.DueDeadMen(ctx, s.now.Add(time.Hour)); err != nil || len(due) != 0 {
		t.Errorf("a switch is called an hour after the last result: %v", err)
	}
	found, err := s.EndingCertificates(ctx, now)
	if err != nil || len(found) != 1 || found[0].CheckID != c.ID || !found[0].Facts.Ends.Equal(ends) || found[0].Facts.Message != "CN=shop" {
		t.Errorf("%+v, %v", found, err)
	}
	measured, err := s.LastMeasured(ctx)
	if err != nil || len(measured) != 1 || alert.Uncovered(now, measured) != nil {
		t.Fatalf("%+v, %v", measured, err)
	}
	if lost := alert.Uncovered(now.Add(measured[0].Fresh+time.Minute), measured); len(lost) != 1 || lost[0].CheckID != c.ID {
		t.Errorf("%+v", lost)
	}
	attempts, cut, err := s.ReplayRuns(ctx, c.ID, now.Add(-time.Hour), 10)
	if err != nil || cut || len(attempts) != 1 || attempts[0].Result.Outcome != jobs.Passed {
		t.Errorf("%+v, %t, %v", attempts, cut, err)
	}
}
