package recorder_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
)

// outbox keeps alerts and messages in memory, as a store does.
type outbox struct {
	mu       sync.Mutex
	channels []alert.Channel
	alerts   []alert.Alert
	log      []alert.Told
	waiting  []*stored
	lost     int
}

type stored struct {
	alert.Delivery
	due, leased time.Time
	fate        alert.Fate
}

func (b *outbox) Now(context.Context) (time.Time, error)        { return time.Now(), nil }
func (b *outbox) UnplannedAlerts(context.Context) (bool, error) { return true, nil }
func (b *outbox) PruneAlerts(context.Context, time.Time) error  { return nil }
func (b *outbox) PlanAlerts(_ context.Context, now time.Time) (alert.Decision, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := alert.State{Now: now, Channels: b.channels, Alerts: b.alerts, Log: b.log, Sent: map[string]alert.Sent{}}
	for _, w := range b.waiting {
		sent := s.Sent[w.Channel.Name]
		sent.Busy = sent.Busy || w.fate == alert.Waiting
		sent.At = append(sent.At, w.Created)
		if w.Created.After(now.Add(-alert.StormTime)) {
			sent.Items += len(w.Message.Items)
		}
		s.Sent[w.Channel.Name] = sent
	}
	d := alert.Plan(s)
	for _, n := range d.Send {
		for _, c := range b.channels {
			if c.Name == n.Channel {
				b.waiting = append(b.waiting, &stored{alert.Delivery{ID: n.Key, Channel: c, Message: n.Message, Created: now}, now, time.Time{}, alert.Waiting})
			}
		}
	}
	b.log = append(b.log, d.Log...)
	return d, nil
}

func (b *outbox) ClaimDelivery(_ context.Context, now time.Time, lease time.Duration) (alert.Delivery, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]bool{}
	for _, w := range b.waiting {
		if w.fate != alert.Waiting || seen[w.Channel.Name] {
			continue
		}
		seen[w.Channel.Name] = true
		if w.due.After(now) || w.leased.After(now) {
			continue
		}
		w.Try++
		w.leased = now.Add(lease)
		w.Lease = fmt.Sprint(w.Try)
		return w.Delivery, true, nil
	}
	return alert.Delivery{}, false, nil
}

func (b *outbox) SettleDelivery(_ context.Context, d alert.Delivery, o alert.Outcome) (alert.Fate, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fate, next := d.Settle(o)
	for _, w := range b.waiting {
		if w.ID == d.ID && w.Lease == d.Lease {
			w.fate, w.due, w.leased = fate, next, time.Time{}
		}
	}
	return fate, nil
}

func (b *outbox) CountDeliveries(context.Context, time.Time) (waiting, givenUp map[string]int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return map[string]int{"ops": len(b.waiting)}, map[string]int{"ops": b.lost}, nil
}

func (b *outbox) happens(change func(*outbox)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// service is a notifier that does not answer well until a time.
type service struct {
	mu    sync.Mutex
	well  time.Time
	tries int
	got   []alert.Message
}

func (s *service) Send(_ context.Context, d alert.Delivery) alert.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if time.Now().Before(s.well) {
		return alert.Outcome{Status: 500, Error: "the service answered 500 Internal Server Error"}
	}
	s.got = append(s.got, d.Message)
	return alert.Outcome{Status: 200}
}

// A service answers 500 for an hour, while twenty checks go down and up again:
// afterwards it is told of all, once by key, begins before ends; two recorders
// send. It is not asked more often than the distances allow.
func TestAServiceThatAnswers500ForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &outbox{channels: []alert.Channel{{Name: "ops", Webhook: &alert.Webhook{URL: "https://hooks.example/"}}}}
		s := &service{well: time.Now().Add(time.Hour)}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 {
			r := recorder.New(recorder.Options{
				Store: &ledger{stored: map[string]int{}}, Queue: "results", Receiver: &queuetest.Queue{}, Alerts: b, Notifier: s,
			})
			all.Go(func() {
				if err := r.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range 20 {
			now := time.Now()
			b.happens(func(b *outbox) {
				b.alerts = append(b.alerts, alert.Alert{ID: fmt.Sprint(i), Kind: alert.Outage, CheckID: fmt.Sprint(i), Turn: 1, Opened: now, Noted: now})
			})
			time.Sleep(90 * time.Second)
			now = time.Now()
			b.happens(func(b *outbox) { b.alerts[i].Closed, b.alerts[i].ClosedNoted = now, now })
			time.Sleep(90 * time.Second)
		}
		time.Sleep(time.Hour)
		cancel()
		all.Wait()
		told, keys := map[string]int{}, map[string]bool{}
		for _, m := range s.got {
			if keys[m.Key] {
				t.Errorf("the key %s came twice", m.Key)
			}
			keys[m.Key] = true
			for _, it := range m.Items {
				line := string(it.What) + " " + it.AlertID
				told[line]++
				if it.What == alert.TellClosed && told["opened "+it.AlertID] == 0 {
					t.Errorf("the end of %s came before its begin", it.AlertID)
				}
			}
		}
		if len(told) != 40 || len(s.got) > 3 {
			t.Errorf("%d things were told in %d messages, want 40 in few: %v", len(told), len(s.got), told)
		}
		for line, n := range told {
			if n != 1 {
				t.Errorf("%s was told %d times", line, n)
			}
		}
		if s.tries > 25 {
			t.Errorf("the service was asked %d times within two hours", s.tries)
		}
	})
}

// What cannot be delivered is given up loudly.
func TestGivingUpIsLoud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		var mu sync.Mutex
		log := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return said.Write(p)
		}), nil))
		now := time.Now()
		b := &outbox{
			channels: []alert.Channel{{Name: "ops", Webhook: &alert.Webhook{URL: "https://hooks.example/"}, GiveUp: alert.Span(10 * time.Minute)}},
			alerts:   []alert.Alert{{ID: "1", Kind: alert.Outage, CheckID: "shop", Turn: 1, Opened: now, Noted: now}},
		}
		r := recorder.New(recorder.Options{
			Store: &ledger{stored: map[string]int{}}, Queue: "results", Receiver: &queuetest.Queue{}, Alerts: b,
			Notifier: &service{well: now.Add(24 * time.Hour)}, Logger: log,
		})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = r.Run(ctx) })
		time.Sleep(15 * time.Minute)
		cancel()
		all.Wait()
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Count(said.String(), "message given up"); got != 1 {
			t.Errorf("giving up was said %d times:\n%s", got, said.String())
		}
	})
}
