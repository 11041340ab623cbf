package consolecmd

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/store"
)

// alerted is the store's knowledge of alerts in the words of the console.
type alerted struct{ *store.Store }

func (d alerted) StoredChannels(ctx context.Context) ([]console.StoredChannel, error) {
	found, err := d.Channels(ctx)
	list := make([]console.StoredChannel, len(found))
	for i, c := range found {
		list[i] = console.StoredChannel(c)
	}
	return list, err
}

func (d alerted) ApplyChannels(ctx context.Context, cs []alert.Channel, owner string, takeOver bool) (console.ChannelsApplied, error) {
	a, err := d.Store.ApplyChannels(ctx, cs, owner, takeOver)
	return console.ChannelsApplied{Created: a.Created, Changed: a.Changed, Unchanged: a.Unchanged}, err
}

func (d alerted) AlertList(ctx context.Context, f console.AlertFilter) ([]alert.Alert, error) {
	return d.Alerts(ctx, store.AlertFilter{Kind: alert.Kind(f.Kind), CheckID: f.Check, Open: f.Open, Before: f.Before, Limit: f.Limit})
}

func (d alerted) DeliveryList(ctx context.Context, f console.DeliveryFilter) ([]console.Delivery, error) {
	found, err := d.Deliveries(ctx, store.DeliveryFilter{Channel: f.Channel, State: alert.Fate(f.State), AlertID: f.Alert, Before: f.Before, Limit: f.Limit})
	list := make([]console.Delivery, len(found))
	for i, s := range found {
		list[i] = delivery(s)
	}
	return list, err
}

func (d alerted) DeliveryOf(ctx context.Context, id string) (console.Delivery, bool, error) {
	s, ok, err := d.Delivery(ctx, id)
	if err != nil || !ok {
		return console.Delivery{}, ok, err
	}
	shown := delivery(s)
	shown.Message = &s.Message
	for _, t := range s.Log {
		shown.Log = append(shown.Log, console.DeliveryTry{Try: t.Try, At: t.At, Millis: t.Took.Milliseconds(), Status: t.Status, Error: t.Error})
	}
	return shown, true, nil
}

func delivery(s store.StoredDelivery) console.Delivery {
	d := console.Delivery{
		ID: s.ID, Channel: s.Channel, Key: s.Key, Test: s.Test, State: string(s.State), Title: s.Message.Title, Items: len(s.Message.Items),
		Created: s.Created, Due: s.Due, Tries: s.Tries, Status: s.Status, Error: s.Error,
	}
	if s.Settled != (time.Time{}) {
		d.Settled = &s.Settled
	}
	return d
}
