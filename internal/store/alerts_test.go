package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// clocked is a store with a clock of its own for alerts.
type clocked struct {
	*store.Store
	t   *testing.T
	now time.Time
}

func withChannels(t *testing.T, channels ...alert.Channel) *clocked {
	s, _ := open(t)
	if _, err := s.ApplyChannels(t.Context(), channels, "", false); err != nil {
		t.Fatal(err)
	}
	return &clocked{s, t, time.Now().UTC().Truncate(time.Second).Add(time.Second)}
}

func hook(name string, change ...func(*alert.Channel)) alert.Channel {
	c := alert.Channel{Name: name, Webhook: &alert.Webhook{URL: "https://hooks.example/"}}
	for _, f := range change {
		f(&c)
	}
	return c
}

// pass plans every second for a while, and sends what is due; answer says what
// becomes of a try. It answers what was sent, a line a message.
func (s *clocked) pass(d time.Duration, answer func(alert.Delivery) alert.Outcome) (told []string) {
	s.t.Helper()
	for end := s.now.Add(d); s.now.Before(end); s.now = s.now.Add(time.Second) {
		if _, err := s.PlanAlerts(s.t.Context(), s.now); err != nil {
			s.t.Fatal(err)
		}
		for {
			d, ok, err := s.ClaimDelivery(s.t.Context(), s.now, time.Minute)
			if err != nil {
				s.t.Fatal(err)
			}
			if !ok {
				break
			}
			o := answer(d)
			o.At = s.now
			if _, err := s.SettleDelivery(s.t.Context(), d, o); err != nil {
				s.t.Fatal(err)
			}
			if o.Error == "" {
				told = append(told, d.Channel.Name+": "+words(d.Message))
			}
		}
	}
	return told
}

func words(m alert.Message) string {
	var items []string
	for _, i := range m.Items {
		items = append(items, string(i.What)+" "+i.CheckID)
	}
	slices.Sort(items)
	return strings.Join(items, ", ")
}

func arrives(alert.Delivery) alert.Outcome { return alert.Outcome{Status: 200} }

// A check goes down and comes up: each is told once, the first although it takes
// three tries, the other after it. What came of each try is kept.
func TestAnOutageIsTold(t *testing.T) {
	s := withChannels(t, hook("ops"), hook("shop", func(c *alert.Channel) { c.Tags = []string{"other"} }))
	c := shopLogin()
	c.Tags = []string{"shop"}
	apply(t, s.Store, store.Applied{Created: []string{c.ID}}, c)
	begin := lately()
	record(t, s.Store, store.Recorded{Stored: 1}, result(c, c.Locations[0], begin, jobs.Failed, time.Second))
	tries := 0
	var keys []string
	told := s.pass(40*time.Second, func(d alert.Delivery) alert.Outcome {
		keys = append(keys, d.Message.Key)
		if tries++; tries < 3 {
			return alert.Outcome{Status: 500, Error: "the service answered 500"}
		}
		return arrives(d)
	})
	record(t, s.Store, store.Recorded{Stored: 1}, result(c, c.Locations[0], begin.Add(c.Every), jobs.Passed, time.Second))
	told = append(told, s.pass(time.Minute, arrives)...)
	want := []string{"ops: opened " + c.ID, "ops: closed " + c.ID}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if len(slices.Compact(keys)) != 1 {
		t.Errorf("a message that is sent again has other keys: %q", keys)
	}
	found, err := s.Deliveries(t.Context(), store.DeliveryFilter{Channel: "ops", Limit: 10})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d deliveries, %v", len(found), err)
	}
	first, _, err := s.Delivery(t.Context(), found[1].ID)
	if err != nil || first.State != alert.Done || len(first.Log) != 3 || first.Log[0].Error == "" || first.Log[2].Error != "" {
		t.Errorf("%+v, %v", first, err)
	}
	alerts, err := s.Alerts(t.Context(), store.AlertFilter{Limit: 10})
	if err != nil || len(alerts) != 1 || alerts[0].Open() || alerts[0].Facts.Locations[0] != c.Locations[0] {
		t.Errorf("%+v, %v", alerts, err)
	}
}

// A recorder that dies between sending and saying so: another one sends the same
// message with the same key. What the dead one says later changes nothing.
func TestADeadSenderIsFollowedByAnother(t *testing.T) {
	s := withChannels(t, hook("ops"))
	c := shopLogin()
	apply(t, s.Store, store.Applied{Created: []string{c.ID}}, c)
	record(t, s.Store, store.Recorded{Stored: 1}, result(c, c.Locations[0], lately(), jobs.Failed, time.Second))
	ctx := t.Context()
	for range 2 { // noted, and due ten seconds later
		if _, err := s.PlanAlerts(ctx, s.now); err != nil {
			t.Fatal(err)
		}
		s.now = s.now.Add(10 * time.Second)
	}
	dead, ok, err := s.ClaimDelivery(ctx, s.now, time.Minute)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err = s.ClaimDelivery(ctx, s.now.Add(59*time.Second), time.Minute); ok || err != nil {
		t.Fatalf("a message is sent by two at a time: %v", err)
	}
	other, ok, err := s.ClaimDelivery(ctx, s.now.Add(61*time.Second), time.Minute)
	if err != nil || !ok || other.Message.Key != dead.Message.Key || other.ID != dead.ID || other.Try != 2 {
		t.Fatalf("%t %+v, %v", ok, other, err)
	}
	if _, err := s.SettleDelivery(ctx, dead, alert.Outcome{At: s.now, Error: "the connection was lost"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SettleDelivery(ctx, other, alert.Outcome{At: s.now}); err != nil {
		t.Fatal(err)
	}
	if d, _, err := s.Delivery(ctx, dead.ID); err != nil || d.State != alert.Done || len(d.Log) != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	if _, ok, _ = s.ClaimDelivery(ctx, s.now.Add(time.Hour), time.Minute); ok {
		t.Error("it is sent again although it was sent")
	}
}

// Four recorders plan and send at a time: every message goes out once.
func TestRecordersTellNothingTwice(t *testing.T) {
	s := withChannels(t, hook("one"), hook("two", func(c *alert.Channel) { g := alert.Span(0); c.Group = &g }))
	var checks []check.Check
	var results []jobs.Result
	ids := store.Applied{}
	for i := range 40 {
		c := shopLogin()
		c.ID = fmt.Sprintf("check-%02d", i)
		checks, ids.Created = append(checks, c), append(ids.Created, c.ID)
		results = append(results, result(c, c.Locations[0], lately(), jobs.Failed, time.Second))
	}
	apply(t, s.Store, ids, checks...)
	record(t, s.Store, store.Recorded{Stored: len(results)}, results...)
	var mu sync.Mutex
	sent := map[string]int{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 40 {
				now := s.now.Add(time.Duration(n) * time.Second)
				if _, err := s.PlanAlerts(t.Context(), now); err != nil {
					t.Error(err)
				}
				d, ok, err := s.ClaimDelivery(t.Context(), now, time.Hour)
				if err != nil || !ok {
					continue
				}
				mu.Lock()
				for _, i := range d.Message.Items {
					sent[d.Channel.Name+" "+string(i.What)+" "+i.CheckID]++
				}
				mu.Unlock()
				if _, err := s.SettleDelivery(t.Context(), d, alert.Outcome{At: now}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if len(sent) != 80 {
		t.Errorf("%d things were told, want 80", len(sent))
	}
	for what, n := range sent {
		if n != 1 {
			t.Errorf("%s: told %d times", what, n)
		}
	}
}

// Whether somebody is to be told is asked when it is sent, not when it happened:
// a parent that failed a moment later, and a check that was muted since.
func TestSilenceIsAskedAgain(t *testing.T) {
	s := withChannels(t, hook("ops"))
	parent, child, muted := shopLogin(), shopLogin(), shopLogin()
	parent.ID, child.ID, muted.ID = "db", "shop", "loud"
	child.DependsOn = []string{"db"}
	apply(t, s.Store, store.Applied{Created: []string{"db", "loud", "shop"}}, parent, child, muted)
	begin := lately()
	at := func(c check.Check, slot time.Time, o jobs.Outcome) {
		record(t, s.Store, store.Recorded{Stored: 1}, result(c, c.Locations[0], slot, o, time.Second))
	}
	at(child, begin, jobs.Failed)
	at(muted, begin, jobs.Failed)
	if _, err := s.PlanAlerts(t.Context(), s.now); err != nil {
		t.Fatal(err)
	}
	at(parent, begin.Add(5*time.Second), jobs.Failed)
	muted.Muted = true
	apply(t, s.Store, store.Applied{Changed: []string{"loud"}}, muted)
	told := s.pass(time.Minute, arrives)
	if want := []string{"ops: opened db"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	open, err := s.Alerts(t.Context(), store.AlertFilter{Open: true, CheckID: "shop", Limit: 1})
	if err != nil || len(open) != 1 || !strings.HasPrefix(open[0].Hushed, "depends on db") {
		t.Errorf("of the child it is said %+v, %v", open, err)
	}
}

// A test goes its own way: past what waits, once, and without a trace in the log
// of alerts. A channel that is gone gives up what it was not told.
func TestTestsAndRemovedChannels(t *testing.T) {
	s := withChannels(t, hook("ops"))
	s.now = time.Now().Add(time.Minute)
	c := shopLogin()
	apply(t, s.Store, store.Applied{Created: []string{c.ID}}, c)
	record(t, s.Store, store.Recorded{Stored: 1}, result(c, c.Locations[0], lately(), jobs.Failed, time.Second))
	fails := func(alert.Delivery) alert.Outcome { return alert.Outcome{Status: 500, Error: "500"} }
	s.pass(20*time.Second, fails)
	id, err := s.TestChannel(t.Context(), "ops")
	if err != nil {
		t.Fatal(err)
	}
	s.pass(time.Second, fails)
	if d, _, err := s.Delivery(t.Context(), id); err != nil || d.State != alert.GivenUp || d.Tries != 1 || !d.Message.Test {
		t.Errorf("%+v, %v", d, err)
	}
	if id, err := s.TestChannel(t.Context(), "nobody"); err != nil || id != "" {
		t.Errorf("a test of no channel: %q, %v", id, err)
	}
	if ok, err := s.RemoveChannel(t.Context(), "ops"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if told := s.pass(time.Hour/60, arrives); told != nil {
		t.Errorf("a removed channel is told %q", told)
	}
}

func TestChannelsHaveOwners(t *testing.T) {
	s := withChannels(t)
	ctx := t.Context()
	if a, err := s.ApplyChannels(ctx, []alert.Channel{hook("ops")}, "team", false); err != nil || len(a.Created) != 1 {
		t.Fatal(a, err)
	}
	if a, err := s.ApplyChannels(ctx, []alert.Channel{hook("ops")}, "team", false); err != nil || len(a.Unchanged) != 1 {
		t.Error(a, err)
	}
	if _, err := s.ApplyChannels(ctx, []alert.Channel{hook("ops"), hook("new")}, "others", false); err == nil {
		t.Error("a channel of another set was changed")
	}
	if found, err := s.Channels(ctx); err != nil || len(found) != 1 || found[0].Owner != "team" || found[0].Since.IsZero() {
		t.Errorf("%+v, %v", found, err)
	}
}
