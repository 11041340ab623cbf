package console

import (
	"context"
	"fmt"
	"net/http"
)

// AlertsShown is what the page of alerts shows.
type AlertsShown struct {
	// Alerts and Deliveries are the newest ones.
	Alerts     []Alert
	Deliveries []Delivery
	Channels   []StoredChannel
}

// shownAtOnce is the number of alerts, and of messages, on the page.
const shownAtOnce = 50

// HasAlerts reports whether the console knows of alerts.
func (c *Console) HasAlerts() bool { return c.o.Alerts != nil }

// AlertsOverview is what the page of alerts shows.
func (c *Console) AlertsOverview(ctx context.Context) (AlertsShown, error) {
	var s AlertsShown
	found, err := c.o.Alerts.AlertList(ctx, AlertFilter{Limit: shownAtOnce})
	if err != nil {
		return s, c.failed("reading the alerts", err)
	}
	s.Alerts = shownAlerts(found)
	if s.Deliveries, err = c.o.Alerts.DeliveryList(ctx, DeliveryFilter{Limit: shownAtOnce}); err != nil {
		return s, c.failed("reading the deliveries", err)
	}
	if s.Channels, err = c.o.Alerts.StoredChannels(ctx); err != nil {
		return s, c.failed("reading the channels", err)
	}
	return s, nil
}

// DeliveryShown is one message with its tries; the error is a *[Problem].
func (c *Console) DeliveryShown(ctx context.Context, id string) (Delivery, error) {
	d, ok, err := c.o.Alerts.DeliveryOf(ctx, id)
	switch {
	case err != nil:
		return d, c.failed("reading the delivery", err)
	case !ok:
		return d, newProblem(http.StatusNotFound, fmt.Sprintf("there is no message %q; it may have been forgotten by now", id))
	}
	return d, nil
}

// SendTest asks for a test message to a channel and answers the delivery's id;
// the error is a *[Problem].
func (c *Console) SendTest(ctx context.Context, name string) (string, error) {
	id, err := c.o.Alerts.TestChannel(ctx, name)
	switch {
	case err != nil:
		return "", c.failed("asking for a test message", err)
	case id == "":
		return "", noChannel(name)
	}
	return id, nil
}
