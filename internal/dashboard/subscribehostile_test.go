package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/pagetest"
	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/subscription"
)

// Whatever services, groups and pages are called, and whatever is written into
// the forms or is the token of a link: nothing of subscribing is executed or
// fetched, and the policy has nothing to report.
func TestNothingOfSubscribingIsExecuted(t *testing.T) {
	f, ids := newFake(), []string(nil)
	for i, text := range corpus {
		ids = append(ids, fmt.Sprintf("x-%d", i))
		f.tell(story{id: ids[i], name: text, group: text, kind: check.KindAPI, history: 20 * time.Minute, locations: []string{"here"}, outcome: healthy}, noon)
	}
	f.pages = []statuspage.Stored{{Page: statuspage.Page{
		Slug: "pay", Title: strings.Join(corpus, " "), Subscriptions: &statuspage.Subscriptions{Email: "mail", Webhook: true, URL: "https://status.example/p/pay"},
	}, Key: "k", UpdatedAt: noon}}
	l := &ledger{ways: subscription.Ways{Email: true, Webhook: true}, answer: subscription.Taken, token: subscription.NewToken()}
	l.held = subscription.Held{State: subscription.Confirmed, Kind: subscription.Email, Choice: subscription.Choice{Checks: ids, Groups: corpus}}
	clock := noon // a minute goes by with each form: what one network may do is bounded
	d := New(Options{Store: f, Subscribers: l, Now: func() time.Time { return clock }})
	d.refresh(t.Context())
	server := httptest.NewServer(d.Handler())
	t.Cleanup(func() {
		d.hub.close()
		server.Close()
	})
	b := pagetest.Start(t)
	judge := func(what string, code int, s pagetest.Seen) {
		t.Helper()
		if s.Status != code || len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 {
			t.Errorf("%s answers %d, want %d: executed %q, violations %q, from elsewhere %q", what, s.Status, code, s.Executed, s.Violations, s.Elsewhere)
		}
	}
	for _, path := range []string{"subscribe", "subscribe?check=x-1", "subscribe/confirm?token=" + l.token.Text, "subscribe/manage?token=" + l.token.Text, "unsubscribe?token=" + l.token.Text} {
		judge(path, http.StatusOK, b.Open(t, server.URL+"/p/pay/"+path, pagetest.View{}))
	}
	for i := 0; i < len(corpus); i += 4 {
		clock = clock.Add(10 * time.Minute)
		address := "subscribe/confirm?token=" + url.QueryEscape(corpus[i])
		judge(address, http.StatusNotFound, b.Open(t, server.URL+"/p/pay/"+address, pagetest.View{}))
		tab := b.Visit(t, server.URL+"/p/pay/subscribe", pagetest.View{})
		tab.Fill("#address", corpus[i])
		tab.Click(".send button")
		judge("an address that is "+corpus[i], http.StatusUnprocessableEntity, tab.Look())
		tab.Close()
	}
}
