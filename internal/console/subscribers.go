package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/subscription"
)

// subscriberBook is where those are kept who want to be told of status pages.
type subscriberBook interface {
	Subscribers(ctx context.Context, f subscription.Filter) ([]subscription.Subscriber, error)
	// SubscriberCounts has the pages that have any, by their slugs.
	SubscriberCounts(ctx context.Context) (map[string]subscription.Counts, error)
	// ExportSubscribers is written down in the audit log.
	ExportSubscribers(ctx context.Context, page string) ([]subscription.Subscriber, error)
	// RemoveSubscriber answers the page that it was of.
	RemoveSubscriber(ctx context.Context, id string) (page string, ok bool, err error)
	SubscriptionDeliveries(ctx context.Context, f subscription.DeliveryFilter) ([]subscription.Sent, error)
}

// Subscriber is one who is told of a status page, as the API carries it.
type Subscriber struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind" enum:"email,webhook"`
	Address string   `json:"address" doc:"Masked, but in an export."`
	State   string   `json:"state" enum:"pending,confirmed,dropped"`
	Reason  string   `json:"reason,omitempty" doc:"Why it was dropped."`
	Whole   bool     `json:"whole" doc:"Whether it is told of everything on the page."`
	Checks  []string `json:"checks" nullable:"false"`
	Groups  []string `json:"groups" nullable:"false"`

	CreatedAt    time.Time  `json:"created_at"`
	ConfirmedAt  *time.Time `json:"confirmed_at,omitempty"`
	FailingSince *time.Time `json:"failing_since,omitempty" doc:"Since when messages fail by the address's own fault."`
	ToldAt       *time.Time `json:"told_at,omitempty"`
}

// SubscriberCounts are those of a page.
type SubscriberCounts struct {
	Confirmed int `json:"confirmed"`
	Pending   int `json:"pending" doc:"Not confirmed yet; forgotten after two days."`
	Failing   int `json:"failing" doc:"Confirmed, but messages to them fail."`
	Dropped   int `json:"dropped" doc:"Failed for days, and are told no more."`
}

// Subscribers is the answer of GET /api/v1/pages/{slug}/subscribers.
type Subscribers struct {
	Counts      SubscriberCounts `json:"counts"`
	Subscribers []Subscriber     `json:"subscribers" nullable:"false"`
}

// SubscriptionDelivery is a message to a subscriber with what became of it.
type SubscriptionDelivery struct {
	ID         string     `json:"id"`
	Subscriber string     `json:"subscriber,omitempty" doc:"The id; empty where they have left."`
	Kind       string     `json:"kind"`
	Key        string     `json:"key" doc:"The same at every try; what is told is told once by it."`
	Job        string     `json:"job" enum:"confirm,known,events"`
	About      string     `json:"about,omitempty" doc:"The first of the events that it tells."`
	What       string     `json:"what,omitempty"`
	Events     int        `json:"events"`
	State      string     `json:"state" enum:"waiting,sent,given_up,void"`
	CreatedAt  time.Time  `json:"created_at"`
	DueAt      time.Time  `json:"due_at"`
	SettledAt  *time.Time `json:"settled_at,omitempty"`
	Tries      int        `json:"tries"`
	Status     int        `json:"status,omitempty"`
	Error      string     `json:"error,omitempty"`
}

// SubscriptionDeliveries is the answer of GET /api/v1/pages/{slug}/deliveries.
type SubscriptionDeliveries struct {
	Deliveries []SubscriptionDelivery `json:"deliveries" nullable:"false"`
}

func (e *endpoints) subscribers() {
	c := e.console
	register(e, operation{
		id: "list-subscribers", method: http.MethodGet, path: "/pages/{slug}/subscribers", scope: access.SubscribersRead, tag: "pages",
		summary: "List the subscribers of a status page", description: "The newest first, with masked addresses, and how many there are.", errors: []int{http.StatusNotFound},
	}, c.listSubscribers)
	register(e, operation{
		id: "list-subscription-deliveries", method: http.MethodGet, path: "/pages/{slug}/deliveries", scope: access.SubscribersRead, tag: "pages",
		summary: "List what the subscribers of a status page were sent", description: "The newest first; no address is in it. Kept for 90 days.", errors: []int{http.StatusNotFound},
	}, c.listSubscriptionDeliveries)
	register(e, operation{
		id: "export-subscribers", method: http.MethodPost, path: "/pages/{slug}/subscribers/export", scope: access.SubscribersAdmin, tag: "pages",
		summary: "Export the subscribers of a status page", description: "All of them, with their addresses. That somebody did so is in the audit log.", errors: []int{http.StatusNotFound},
	}, c.exportSubscribers)
	register(e, operation{
		id: "remove-subscriber", method: http.MethodDelete, path: "/subscribers/{id}", scope: access.SubscribersAdmin, tag: "pages",
		summary: "Remove a subscriber", description: "The address is forgotten at once.", errors: []int{http.StatusNotFound},
	}, c.removeSubscriber)
}

// hasPage is an error where there is no such page.
func (c *Console) hasPage(ctx context.Context, slug string) error {
	found, err := c.o.Pages.Pages(ctx)
	if err != nil {
		return c.failed("reading the status pages", err)
	}
	for _, p := range found {
		if p.Slug == slug {
			return nil
		}
	}
	return newProblem(http.StatusNotFound, fmt.Sprintf("there is no status page %q; /api/v1/pages lists them", slug))
}

type listSubscribersInput struct {
	Slug  string `path:"slug" maxLength:"63"`
	State string `query:"state" enum:"pending,confirmed,failing,dropped" doc:"Only those; all where it is absent."`
	After string `query:"after" maxLength:"36" doc:"Continues after the subscriber of this id."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (c *Console) listSubscribers(ctx context.Context, in *listSubscribersInput) (*out[Subscribers], error) {
	if err := c.hasPage(ctx, in.Slug); err != nil {
		return nil, err
	}
	counts, err := c.o.Subscribers.SubscriberCounts(ctx)
	if err != nil {
		return nil, c.failed("counting the subscribers", err)
	}
	found, err := c.o.Subscribers.Subscribers(ctx, subscription.Filter{Page: in.Slug, State: in.State, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, c.failed("reading the subscribers", err)
	}
	return answer(Subscribers{SubscriberCounts(counts[in.Slug]), shownSubscribers(found, false)}), nil
}

func shownSubscribers(found []subscription.Subscriber, whole bool) []Subscriber {
	list := []Subscriber{}
	for _, s := range found {
		shown := Subscriber{
			ID: s.ID, Kind: string(s.Kind), Address: s.Address, State: string(s.State), Reason: s.Reason, Whole: s.Whole, Checks: nonNil(s.Checks), Groups: nonNil(s.Groups),
			CreatedAt: s.Created, ConfirmedAt: some(s.ConfirmedAt), FailingSince: some(s.FailingSince), ToldAt: some(s.ToldAt),
		}
		if !whole {
			shown.Address = subscription.Masked(s.Kind, s.Address)
		}
		list = append(list, shown)
	}
	return list
}

// some is nil for the zero time.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (c *Console) exportSubscribers(ctx context.Context, in *struct {
	Slug string `path:"slug" maxLength:"63"`
},
) (*out[Subscribers], error) {
	if err := c.hasPage(ctx, in.Slug); err != nil {
		return nil, err
	}
	found, err := c.o.Subscribers.ExportSubscribers(ctx, in.Slug)
	if err != nil {
		return nil, c.failed("exporting the subscribers", err)
	}
	list := Subscribers{Subscribers: shownSubscribers(found, true)}
	slices.Reverse(list.Subscribers)
	for _, s := range found {
		switch s.State {
		case subscription.Pending:
			list.Counts.Pending++
		case subscription.Dropped:
			list.Counts.Dropped++
		default:
			list.Counts.Confirmed++
			if !s.FailingSince.IsZero() {
				list.Counts.Failing++
			}
		}
	}
	c.o.Logger.Info("subscribers exported", "page", in.Slug, "number", len(found), "by", holder(ctx).Name)
	return answer(list), nil
}

func (c *Console) removeSubscriber(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"36"`
},
) (*struct{}, error) {
	page, ok, err := c.o.Subscribers.RemoveSubscriber(ctx, in.ID)
	switch {
	case err != nil:
		return nil, c.failed("removing the subscriber", err)
	case !ok:
		return nil, newProblem(http.StatusNotFound, "there is no such subscriber; they may have left by themselves")
	}
	c.o.Logger.Info("subscriber removed", "page", page, "subscription", in.ID, "by", holder(ctx).Name)
	return nil, nil
}

type listSubscriptionDeliveriesInput struct {
	Slug   string    `path:"slug" maxLength:"63"`
	State  string    `query:"state" enum:"waiting,sent,given_up,void"`
	Before time.Time `query:"before" doc:"Only those that were made before."`
	Limit  int       `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (c *Console) listSubscriptionDeliveries(ctx context.Context, in *listSubscriptionDeliveriesInput) (*out[SubscriptionDeliveries], error) {
	if err := c.hasPage(ctx, in.Slug); err != nil {
		return nil, err
	}
	found, err := c.o.Subscribers.SubscriptionDeliveries(ctx, subscription.DeliveryFilter{Page: in.Slug, State: in.State, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, c.failed("reading what subscribers were sent", err)
	}
	list := SubscriptionDeliveries{Deliveries: []SubscriptionDelivery{}}
	for _, d := range found {
		list.Deliveries = append(list.Deliveries, SubscriptionDelivery{
			ID: d.ID, Subscriber: d.Subscription, Kind: string(d.Kind), Key: d.Key, Job: string(d.Job), About: d.About, What: string(d.What), Events: d.Events,
			State: string(d.State), CreatedAt: d.Created, DueAt: d.Due, SettledAt: some(d.Settled), Tries: d.Tries, Status: d.Status, Error: d.Error,
		})
	}
	return answer(list), nil
}

// What follows is the same for the console's pages; see doors.go.

// HasSubscribers reports whether the console knows of subscribers.
func (c *Console) HasSubscribers() bool { return c.o.Subscribers != nil && c.o.Pages != nil }

// PageSubscribers are a page's, with masked addresses.
func (c *Console) PageSubscribers(ctx context.Context, slug, state string, limit int) (Subscribers, error) {
	return plain(c.listSubscribers(ctx, &listSubscribersInput{Slug: slug, State: state, Limit: limit}))
}

// PageDeliveries are what a page's subscribers were sent.
func (c *Console) PageDeliveries(ctx context.Context, slug string, limit int) ([]SubscriptionDelivery, error) {
	list, err := plain(c.listSubscriptionDeliveries(ctx, &listSubscriptionDeliveriesInput{Slug: slug, Limit: limit}))
	return list.Deliveries, err
}

// ExportSubscribers are all of a page's, with their addresses.
func (c *Console) ExportSubscribers(ctx context.Context, slug string) ([]Subscriber, error) {
	list, err := plain(c.exportSubscribers(ctx, &struct {
		Slug string `path:"slug" maxLength:"63"`
	}{slug}))
	return list.Subscribers, err
}

// RemoveSubscriber forgets a subscriber.
func (c *Console) RemoveSubscriber(ctx context.Context, id string) error {
	_, err := c.removeSubscriber(ctx, &struct {
		ID string `path:"id" maxLength:"36"`
	}{id})
	return err
}

// PageCounted is a status page with the number of its subscribers.
type PageCounted struct {
	Slug, Title string
	// Takes says that one may subscribe to it.
	Takes bool
	SubscriberCounts
}

// CountedPages are the status pages with the numbers of their subscribers.
func (c *Console) CountedPages(ctx context.Context) ([]PageCounted, error) {
	found, err := c.o.Pages.Pages(ctx)
	if err != nil {
		return nil, c.failed("reading the status pages", err)
	}
	counts, err := c.o.Subscribers.SubscriberCounts(ctx)
	if err != nil {
		return nil, c.failed("counting the subscribers", err)
	}
	var list []PageCounted
	for _, p := range found {
		list = append(list, PageCounted{p.Slug, p.Title, p.Subscriptions != nil, SubscriberCounts(counts[p.Slug])})
	}
	return list, nil
}
