package recorder_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/notify"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// From the results queue to a receiver, with two recorders, a real database and
// real HTTP: a check goes down and one message comes; it comes up and one more
// does.
func TestAnOutageReachesItsReceiver(t *testing.T) {
	got := make(chan alert.Message, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		var m alert.Message
		if err := json.Unmarshal(data, &m); err != nil {
			t.Error(err)
		}
		got <- m
	}))
	defer receiver.Close()
	db := storetest.Store(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := check.Check{
		ID: "a", Name: "A", Every: time.Minute, Timeout: time.Second, Locations: []string{"here"}, Active: true, Public: true,
		Spec:  check.OneRequest(check.Request{Method: "GET", URL: "https://a.example/", MaxBody: check.DefaultMaxBody}, nil, nil),
		Alert: check.Alert{Channels: []string{"ops"}},
	}
	if _, err := db.ApplyChecks(ctx, []check.Check{c}); err != nil {
		t.Fatal(err)
	}
	at := alert.Span(0)
	ops := alert.Channel{Name: "ops", Webhook: &alert.Webhook{URL: receiver.URL}, Group: &at, NamedOnly: true}
	if _, err := db.ApplyChannels(ctx, []alert.Channel{ops}, "", false); err != nil {
		t.Fatal(err)
	}
	q := &queuetest.Queue{}
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range 2 {
		r := recorder.New(recorder.Options{Store: db, Queue: "results", Receiver: q, Alerts: db, Conditions: db, Notifier: notify.New(notify.Options{})})
		all.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	receive := func(what alert.What) alert.Message {
		t.Helper()
		select {
		case m := <-got:
			if len(m.Items) != 1 || m.Items[0].What != what || m.Items[0].CheckID != "a" {
				t.Errorf("the message tells %+v, want %s", m.Items, what)
			}
			return m
		case <-time.After(time.Minute):
			t.Fatalf("no message tells %s", what)
		}
		return alert.Message{}
	}
	now := time.Now().UTC().Truncate(time.Minute)
	down := resultAt(now.Add(-2 * time.Minute))
	down.Outcome, down.Fault = jobs.Failed, &jobs.Fault{Class: jobs.FaultConnect, Message: "no answer <b>"}
	q.Put(body(t, down))
	first := receive(alert.TellOpened)
	if first.Items[0].Message != "no answer <b>" {
		t.Errorf("it says %q", first.Items[0].Message)
	}
	q.Put(body(t, resultAt(now.Add(-time.Minute))))
	if second := receive(alert.TellClosed); second.Thread != first.Thread || second.Key == first.Key {
		t.Errorf("threads %q and %q, keys %q and %q", first.Thread, second.Thread, first.Key, second.Key)
	}
	found, err := db.Deliveries(ctx, store.DeliveryFilter{Limit: 10})
	if err != nil || len(found) != 2 {
		t.Errorf("%d deliveries, %v", len(found), err)
	}
}
