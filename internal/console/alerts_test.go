package console

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/backtest"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// board keeps channels and messages in memory.
type board struct {
	channels   []StoredChannel
	alerts     []alert.Alert
	deliveries []Delivery
	attempts   []backtest.Attempt
	filter     DeliveryFilter
}

func (b *board) StoredChannels(context.Context) ([]StoredChannel, error) { return b.channels, nil }

func (b *board) ApplyChannels(_ context.Context, channels []alert.Channel, owner string, takeOver bool) (ChannelsApplied, error) {
	var a ChannelsApplied
	for _, c := range channels {
		at := slices.IndexFunc(b.channels, func(s StoredChannel) bool { return s.Name == c.Name })
		switch {
		case at < 0:
			b.channels = append(b.channels, StoredChannel{Channel: c, Owner: owner})
			a.Created = append(a.Created, c.Name)
		case b.channels[at].Owner != owner && !takeOver:
			return a, &OwnedError{Owners: map[string]string{c.Name: b.channels[at].Owner}}
		default:
			b.channels[at].Channel = c
			a.Changed = append(a.Changed, c.Name)
		}
	}
	return a, nil
}

func (b *board) has(name string) bool {
	return slices.ContainsFunc(b.channels, func(s StoredChannel) bool { return s.Name == name })
}

func (b *board) RemoveChannel(_ context.Context, name string) (bool, error) {
	had := b.has(name)
	b.channels = slices.DeleteFunc(b.channels, func(s StoredChannel) bool { return s.Name == name })
	return had, nil
}

func (b *board) TestChannel(_ context.Context, name string) (string, error) {
	if !b.has(name) {
		return "", nil
	}
	b.deliveries = append(b.deliveries, Delivery{ID: "d1", Channel: name, Test: true, State: "waiting"})
	return "d1", nil
}

func (b *board) AlertList(context.Context, AlertFilter) ([]alert.Alert, error) { return b.alerts, nil }

func (b *board) DeliveryList(_ context.Context, f DeliveryFilter) ([]Delivery, error) {
	b.filter = f
	return b.deliveries, nil
}

func (b *board) DeliveryOf(_ context.Context, id string) (Delivery, bool, error) {
	at := slices.IndexFunc(b.deliveries, func(d Delivery) bool { return d.ID == id })
	if at < 0 {
		return Delivery{}, false, nil
	}
	return b.deliveries[at], true, nil
}

func (b *board) ReplayRuns(_ context.Context, id string, _ time.Time, limit int) ([]backtest.Attempt, bool, error) {
	if id == "broken" {
		return nil, false, errors.New("the database is away")
	}
	return b.attempts, len(b.attempts) > limit, nil
}

func alerted(t *testing.T) (*shelf, *board, *Console) {
	t.Helper()
	s, b := &shelf{checks: map[string]check.Check{}}, &board{}
	return s, b, New(Options{Store: s, Tokens: newRing(), Alerts: b, Replays: b, Logger: slog.New(slog.DiscardHandler)})
}

func TestChannelsAPI(t *testing.T) {
	s, b, c := alerted(t)
	ops := `{"channels":[{"name":"ops","webhook":{"url":"https://hooks.example/","secret":"{{ secrets.key }}"}}],"owner":"team"}`
	if p := api[ChannelsPlan](t, c, 200, "POST", "/api/v1/channels/plan", ops); len(p.Create) != 1 || len(b.channels) != 0 {
		t.Errorf("%+v", p)
	}
	if a := api[ChannelsApplied](t, c, 200, "PUT", "/api/v1/channels", ops); len(a.Created) != 1 {
		t.Errorf("%+v", a)
	}
	changed := strings.Replace(ops, "https://hooks.example/", "https://hooks.example/other", 1)
	p := api[ChannelsPlan](t, c, 200, "POST", "/api/v1/channels/plan", changed)
	if len(p.Change) != 1 || len(p.Change[0].Changes) != 1 || p.Change[0].Changes[0].Path != "webhook.url" {
		t.Errorf("%+v", p)
	}
	for body, want := range map[string]string{
		strings.Replace(ops, "{{ secrets.key }}", "in the clear", 1): "is a secret",
		strings.Replace(ops, "webhook", "wbhook", 1):                 "unknown field",
		`{"channels":[{"name":"ops"}]}`:                              "exactly one",
	} {
		if p := api[Problem](t, c, 422, "PUT", "/api/v1/channels", body); !strings.Contains(strings.Join(p.Faults, "\n"), want) {
			t.Errorf("%s: %q, want %q", body, p.Faults, want)
		}
	}
	if p := api[Problem](t, c, 409, "PUT", "/api/v1/channels", strings.Replace(ops, "team", "others", 1)); len(p.Faults) != 1 {
		t.Errorf("%+v", p)
	}
	if l := api[Channels](t, c, 200, "GET", "/api/v1/channels", ""); len(l.Channels) != 1 || l.Channels[0].Type != "webhook" || l.Channels[0].Owner != "team" {
		t.Errorf("%+v", l)
	}
	test := api[ChannelTest](t, c, 200, "POST", "/api/v1/channels/ops/test", "")
	if d := api[Delivery](t, c, 200, "GET", "/api/v1/deliveries/"+test.Delivery, ""); !d.Test || d.Channel != "ops" {
		t.Errorf("%+v", d)
	}
	api[Problem](t, c, 404, "POST", "/api/v1/channels/nobody/test", "")
	api[Deliveries](t, c, 200, "GET", "/api/v1/deliveries?channel=ops&state=given_up&limit=5", "")
	if b.filter.Channel != "ops" || b.filter.State != "given_up" || b.filter.Limit != 5 {
		t.Errorf("asked for %+v", b.filter)
	}
	// A check may name only channels that there are.
	named := home("a")
	named.Alert.Channels = []string{"ops", "nobody"}
	if p := api[Problem](t, c, 422, "PUT", "/api/v1/checks", body(t, named)); len(p.Faults) != 1 || !strings.Contains(p.Faults[0], `"nobody"`) || len(s.checks) != 0 {
		t.Errorf("%+v", p)
	}
	if w := ask(c.Handler(), "DELETE", "/api/v1/channels/ops", testToken, ""); w.Code != 204 || len(b.channels) != 0 {
		t.Errorf("%d, %d channels", w.Code, len(b.channels))
	}
}

// A plan says how often people would have been paged.
func TestPlansAreBacktested(t *testing.T) {
	s, b, c := alerted(t)
	now := time.Now().UTC().Truncate(time.Minute)
	for i, o := range []jobs.Outcome{jobs.Passed, jobs.Failed, jobs.Passed, jobs.Failed, jobs.Failed, jobs.Passed} {
		r := jobs.Result{JobID: string(rune('a' + i)), CheckID: "a", Slot: now.Add(time.Duration(i-10) * time.Minute), Attempt: 1, Outcome: o}
		b.attempts = append(b.attempts, backtest.Attempt{Location: "local", Result: r})
	}
	s.checks["a"], s.checks["same"], s.checks["broken"] = home("a"), home("same"), home("broken")
	patient, broken := home("a"), home("broken")
	patient.Alert.Runs, broken.Alert.Runs = 2, 2
	p := api[Plan](t, c, 200, "POST", "/api/v1/checks/plan", body(t, patient, home("same"), broken, home("new")))
	if len(p.Backtests) != 1 || p.Backtests[0].ID != "a" || p.Backtests[0].Before.Outages != 2 || p.Backtests[0].After.Outages != 1 || p.Backtests[0].Runs != 6 || p.Left != 1 {
		t.Errorf("%+v, %d left", p.Backtests, p.Left)
	}
}
