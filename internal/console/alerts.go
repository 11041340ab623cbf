package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/alert/alertbody"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/plan"
)

// alertBook is what the console needs to know of channels and alerts.
type alertBook interface {
	// StoredChannels lists the channels in the order of their names.
	StoredChannels(ctx context.Context) ([]StoredChannel, error)
	// ApplyChannels answers an *[OwnedError] where channels belong to others.
	ApplyChannels(ctx context.Context, channels []alert.Channel, owner string, takeOver bool) (ChannelsApplied, error)
	RemoveChannel(ctx context.Context, name string) (bool, error)
	// TestChannel answers the id of the delivery, "" where there is no such
	// channel.
	TestChannel(ctx context.Context, name string) (string, error)
	AlertList(ctx context.Context, f AlertFilter) ([]alert.Alert, error)
	DeliveryList(ctx context.Context, f DeliveryFilter) ([]Delivery, error)
	DeliveryOf(ctx context.Context, id string) (Delivery, bool, error)
}

// StoredChannel is a channel as it is kept.
type StoredChannel struct {
	alert.Channel
	Owner     string
	UpdatedAt time.Time
}

// AlertFilter chooses alerts; what is empty does not matter.
type AlertFilter struct {
	Kind, Check string
	Open        bool
	Before      time.Time
	Limit       int
}

// DeliveryFilter chooses deliveries; what is empty does not matter.
type DeliveryFilter struct {
	Channel, State, Alert string
	Before                time.Time
	Limit                 int
}

// ChannelShown is a channel as the API carries it.
type ChannelShown struct {
	Name  string `json:"name"`
	Type  string `json:"type" enum:"url,webhook,email,slack,pagerduty,dead_man"`
	Owner string `json:"owner,omitempty"`
	// Channel is as an apply takes it. Secrets are in it by reference.
	Channel   json.RawMessage `json:"channel" doc:"The channel, as an apply takes it."`
	UpdatedAt time.Time       `json:"updated_at"`
}

// Channels is the answer of GET /api/v1/channels.
type Channels struct {
	Channels []ChannelShown `json:"channels" nullable:"false"`
}

// WantedChannels is the body of an apply of channels, and of its plan.
type WantedChannels struct {
	Channels []json.RawMessage `json:"channels" nullable:"false" maxItems:"200" doc:"Channels with the keys of a check file's, and their name."`
	Owner    string            `json:"owner,omitempty" maxLength:"63"`
	TakeOver bool              `json:"take_over,omitempty"`
}

// ChannelsApplied names channels by what became of them.
type ChannelsApplied struct {
	Created   []string `json:"created" nullable:"false"`
	Changed   []string `json:"changed" nullable:"false"`
	Unchanged []string `json:"unchanged" nullable:"false"`
}

// ChannelsPlan is what an apply of channels would do.
type ChannelsPlan struct {
	Create []string     `json:"create" nullable:"false"`
	Change []PlanChange `json:"change" nullable:"false"`
	Same   int          `json:"unchanged"`
}

// Alert is something that is wrong, or was, as the API carries it.
type Alert struct {
	ID     string      `json:"id"`
	Kind   alert.Kind  `json:"kind"`
	Check  string      `json:"check,omitempty"`
	Name   string      `json:"name"`
	Line   string      `json:"line" doc:"What is wrong, in one line."`
	Opened time.Time   `json:"opened"`
	Closed *time.Time  `json:"closed,omitempty"`
	Never  bool        `json:"retracted,omitempty" doc:"Later results showed that it never was."`
	Hushed string      `json:"hushed,omitempty" doc:"Why nobody was told."`
	Facts  alert.Facts `json:"facts"`
}

// Alerts is the answer of GET /api/v1/alerts.
type Alerts struct {
	Alerts []Alert `json:"alerts" nullable:"false"`
}

// Delivery is a message to a channel and what became of it.
type Delivery struct {
	ID      string     `json:"id"`
	Channel string     `json:"channel"`
	Key     string     `json:"key" doc:"The same whenever the same message is sent again."`
	Test    bool       `json:"test,omitempty"`
	State   string     `json:"state" enum:"waiting,sent,given_up,withheld"`
	Title   string     `json:"title"`
	Items   int        `json:"items" doc:"Things that it tells."`
	Created time.Time  `json:"created"`
	Due     time.Time  `json:"due" doc:"When it is tried next, where it waits."`
	Settled *time.Time `json:"settled,omitempty"`
	Tries   int        `json:"tries"`
	Status  int        `json:"status,omitempty" doc:"Of the service's last answer."`
	Error   string     `json:"error,omitempty" doc:"Of the last try, without secrets."`
	// Message and Log are told of one delivery only.
	Message *alert.Message `json:"message,omitempty"`
	Log     []DeliveryTry  `json:"log,omitempty"`
}

// DeliveryTry is one try of a delivery.
type DeliveryTry struct {
	Try    int       `json:"try"`
	At     time.Time `json:"at"`
	Millis int64     `json:"took_ms"`
	Status int       `json:"status,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// Deliveries is the answer of GET /api/v1/deliveries.
type Deliveries struct {
	Deliveries []Delivery `json:"deliveries" nullable:"false"`
}

// ChannelTest is the answer to a test.
type ChannelTest struct {
	Delivery string `json:"delivery" doc:"Follow it at /api/v1/deliveries/{id}."`
}

type channelName struct {
	Name string `path:"name" maxLength:"63"`
}

func (e *endpoints) alerts() {
	c := e.console
	register(e, operation{
		id: "list-channels", method: http.MethodGet, path: "/channels", scope: access.ChecksRead, tag: "alerts",
		summary: "List channels", description: "In the order of their names. Secrets are in them by reference.",
	}, c.listChannels)
	register(e, operation{
		id: "apply-channels", method: http.MethodPut, path: "/channels", scope: access.ChannelsAdmin, tag: "alerts",
		summary: "Apply channels", description: "Creates and changes channels so that they are as given, all or none. Those that are not named stay.",
		errors: []int{http.StatusConflict, http.StatusUnprocessableEntity},
	}, c.applyChannels)
	register(e, operation{
		id: "plan-channels", method: http.MethodPost, path: "/channels/plan", scope: access.ChecksRead, tag: "alerts",
		summary: "Plan an apply of channels", errors: []int{http.StatusUnprocessableEntity},
	}, c.planChannels)
	register(e, operation{
		id: "delete-channel", method: http.MethodDelete, path: "/channels/{name}", scope: access.ChannelsAdmin, tag: "alerts",
		summary: "Delete a channel", description: "What it was not told yet is given up.", errors: []int{http.StatusNotFound},
	}, c.deleteChannel)
	register(e, operation{
		id: "test-channel", method: http.MethodPost, path: "/channels/{name}/test", scope: access.ChannelsAdmin, tag: "alerts",
		summary: "Send a test message to a channel", description: "On the way that alerts take, once, and at once.", errors: []int{http.StatusNotFound},
	}, c.testChannel)
	register(e, operation{
		id: "list-alerts", method: http.MethodGet, path: "/alerts", scope: access.RunsRead, tag: "alerts",
		summary: "List alerts", description: "The newest first.",
	}, c.listAlerts)
	register(e, operation{
		id: "list-deliveries", method: http.MethodGet, path: "/deliveries", scope: access.RunsRead, tag: "alerts",
		summary: "List messages to channels", description: "The newest first.",
	}, c.listDeliveries)
	register(e, operation{
		id: "get-delivery", method: http.MethodGet, path: "/deliveries/{id}", scope: access.RunsRead, tag: "alerts",
		summary: "Show a message with its tries", errors: []int{http.StatusNotFound},
	}, c.getDelivery)
}

func (c *Console) listChannels(ctx context.Context, _ *struct{}) (*out[Channels], error) {
	found, err := c.o.Alerts.StoredChannels(ctx)
	if err != nil {
		return nil, c.failed("reading the channels", err)
	}
	list := Channels{Channels: []ChannelShown{}}
	for _, s := range found {
		data, err := s.Encode()
		if err != nil {
			return nil, c.failed("reading the channels", err)
		}
		list.Channels = append(list.Channels, ChannelShown{s.Name, s.Type(), s.Owner, data, s.UpdatedAt})
	}
	return answer(list), nil
}

// decodeChannels reads channels and lists everything that is wrong with them.
func decodeChannels(raw []json.RawMessage) (channels []alert.Channel, faults []string) {
	seen := map[string]bool{}
	for i, data := range raw {
		c, err := alert.Decode(data)
		if err != nil {
			faults = append(faults, fmt.Sprintf("channels[%d]: %v", i, err))
			continue
		}
		for _, f := range c.Validate(alertbody.Check) {
			faults = append(faults, fmt.Sprintf("channel %q: %v", c.Name, f))
		}
		if seen[c.Name] {
			faults = append(faults, fmt.Sprintf("channel %q is there twice", c.Name))
		}
		seen[c.Name] = true
		channels = append(channels, c)
	}
	return channels, faults
}

func (c *Console) applyChannels(ctx context.Context, in *struct{ Body WantedChannels }) (*out[ChannelsApplied], error) {
	w := in.Body
	channels, faults := decodeChannels(w.Channels)
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "nothing was applied: mend what is listed under faults", faults...)
	}
	done, err := c.o.Alerts.ApplyChannels(ctx, channels, w.Owner, w.TakeOver)
	if owned, ok := errors.AsType[*OwnedError](err); ok {
		var lines []string
		for name, owner := range owned.Owners {
			lines = append(lines, fmt.Sprintf("channel %q belongs to %q", name, owner))
		}
		slices.Sort(lines)
		return nil, newProblem(http.StatusConflict, "nothing was applied: these channels belong to another set; name their owner, or take them over", lines...)
	}
	if err != nil {
		return nil, c.failed("applying the channels", err)
	}
	c.o.Logger.Info("channels applied", "created", len(done.Created), "changed", len(done.Changed), "by", holder(ctx).Name)
	return answer(ChannelsApplied{nonNil(done.Created), nonNil(done.Changed), nonNil(done.Unchanged)}), nil
}

func (c *Console) planChannels(ctx context.Context, in *struct{ Body WantedChannels }) (*out[ChannelsPlan], error) {
	channels, faults := decodeChannels(in.Body.Channels)
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "this could not be applied: mend what is listed under faults", faults...)
	}
	found, err := c.o.Alerts.StoredChannels(ctx)
	if err != nil {
		return nil, c.failed("reading the channels", err)
	}
	p := ChannelsPlan{Create: []string{}, Change: []PlanChange{}}
	for _, wanted := range channels {
		at := slices.IndexFunc(found, func(s StoredChannel) bool { return s.Name == wanted.Name })
		if at < 0 {
			p.Create = append(p.Create, wanted.Name)
			continue
		}
		changes, err := plan.DiffJSON(found[at].Channel, wanted)
		if err != nil {
			return nil, c.failed("comparing the channels", err)
		}
		if len(changes) == 0 {
			p.Same++
			continue
		}
		p.Change = append(p.Change, PlanChange{wanted.Name, changes})
	}
	slices.Sort(p.Create)
	return answer(p), nil
}

func noChannel(name string) *Problem {
	return newProblem(http.StatusNotFound, fmt.Sprintf("there is no channel %q; /api/v1/channels lists them", name))
}

func (c *Console) deleteChannel(ctx context.Context, in *channelName) (*struct{}, error) {
	removed, err := c.o.Alerts.RemoveChannel(ctx, in.Name)
	switch {
	case err != nil:
		return nil, c.failed("deleting the channel", err)
	case !removed:
		return nil, noChannel(in.Name)
	}
	c.o.Logger.Info("channel deleted", "channel", in.Name, "by", holder(ctx).Name)
	return nil, nil
}

func (c *Console) testChannel(ctx context.Context, in *channelName) (*out[ChannelTest], error) {
	id, err := c.o.Alerts.TestChannel(ctx, in.Name)
	switch {
	case err != nil:
		return nil, c.failed("asking for a test message", err)
	case id == "":
		return nil, noChannel(in.Name)
	}
	return answer(ChannelTest{id}), nil
}

type listAlertsInput struct {
	Kind   string    `query:"kind" doc:"Only of this kind."`
	Check  string    `query:"check" doc:"Only of this check."`
	Open   bool      `query:"open" doc:"Only what lasts."`
	Before time.Time `query:"before" doc:"Only what was noted before."`
	Limit  int       `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (c *Console) listAlerts(ctx context.Context, in *listAlertsInput) (*out[Alerts], error) {
	found, err := c.o.Alerts.AlertList(ctx, AlertFilter{in.Kind, in.Check, in.Open, in.Before, in.Limit})
	if err != nil {
		return nil, c.failed("reading the alerts", err)
	}
	return answer(Alerts{Alerts: shownAlerts(found)}), nil
}

func shownAlerts(found []alert.Alert) []Alert {
	list := []Alert{}
	for _, a := range found {
		list = append(list, Alert{
			ID: a.ID, Kind: a.Kind, Check: a.CheckID, Name: a.Name, Line: a.Line(), Opened: a.Opened, Closed: moment(a.Closed),
			Never: a.Retracted, Hushed: a.Hushed, Facts: a.Facts,
		})
	}
	return list
}

type listDeliveriesInput struct {
	Channel string    `query:"channel" doc:"Only to this channel."`
	State   string    `query:"state" enum:"waiting,sent,given_up,withheld" doc:"Only in this state."`
	Alert   string    `query:"alert" doc:"Only those that tell of this alert."`
	Before  time.Time `query:"before" doc:"Only those made before."`
	Limit   int       `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (c *Console) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*out[Deliveries], error) {
	found, err := c.o.Alerts.DeliveryList(ctx, DeliveryFilter{in.Channel, in.State, in.Alert, in.Before, in.Limit})
	if err != nil {
		return nil, c.failed("reading the deliveries", err)
	}
	list := Deliveries{Deliveries: []Delivery{}}
	list.Deliveries = append(list.Deliveries, found...)
	return answer(list), nil
}

func (c *Console) getDelivery(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"63"`
},
) (*out[Delivery], error) {
	d, ok, err := c.o.Alerts.DeliveryOf(ctx, in.ID)
	switch {
	case err != nil:
		return nil, c.failed("reading the delivery", err)
	case !ok:
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no delivery %q; /api/v1/deliveries lists them", in.ID))
	}
	return answer(d), nil
}

// unknownChannels are faults of checks that name channels which there are not.
func (c *Console) unknownChannels(ctx context.Context, checks []check.Check) (faults []string, err error) {
	if c.o.Alerts == nil || !slices.ContainsFunc(checks, func(ch check.Check) bool { return len(ch.Alert.Channels) > 0 }) {
		return nil, nil
	}
	found, err := c.o.Alerts.StoredChannels(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = s.Name
	}
	for _, ch := range checks {
		for _, name := range ch.Alert.Channels {
			if !slices.Contains(names, name) {
				faults = append(faults, fmt.Sprintf("check %q: alert.channels: there is no channel %q (there are: %s); apply it first", ch.ID, name, strings.Join(names, ", ")))
			}
		}
	}
	return faults, nil
}
