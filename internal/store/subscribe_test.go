package store_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
	"github.com/probefleet/probefleet/internal/subscription"
)

// What the status page asks for goes into our tables, whatever tables whoever
// broke into it has made, and there is an end to it.
func TestWhatTheStatusPageMayAskFor(t *testing.T) {
	url := storetest.Database(t)
	desk := as(t, url, store.ConsoleRole)
	page := statuspage.Page{Slug: "shop", Title: "Shop", Subscriptions: &statuspage.Subscriptions{Webhook: true, Email: "nowhere", URL: "https://status.example"}}
	if _, err := desk.ApplyPages(t.Context(), []statuspage.Page{page, {Slug: "quiet", Title: "Quiet"}}, "", false); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	do := func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do(`SET ROLE probefleet_public`)
	do(`CREATE TEMP TABLE subscription_requests (LIKE public.public_pages); CREATE TEMP TABLE subscriptions (state text, id uuid)`)
	var answer string
	for _, row := range []struct{ page, kind, want string }{
		{"shop", "webhook", "taken"}, {"shop", "email", "closed"}, {"shop", "fax", "closed"}, {"quiet", "webhook", "closed"}, {"none", "webhook", "closed"},
	} {
		if err := conn.QueryRow(t.Context(), `SELECT public.public_subscribe($1, $2, 'https://hooks.example', true, '{}', '{}')`, row.page, row.kind).Scan(&answer); err != nil || answer != row.want {
			t.Errorf("%s at %q: %q, %v, want %q", row.kind, row.page, answer, err, row.want)
		}
	}
	for _, wrong := range []string{
		`SELECT public.public_subscribe('shop', 'webhook', repeat('x', 1025), true, '{}', '{}')`, `SELECT public.public_subscribe('shop', 'webhook', 'https://a.example', NULL, '{}', '{}')`,
		`SELECT public.public_subscribe('shop', 'webhook', 'https://a.example', true, array_fill('x'::text, '{201}'), '{}')`,
	} {
		if _, err := conn.Exec(t.Context(), wrong); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
	do(`RESET ROLE`)
	if n := ask[int](t, url, `SELECT count(*)::int FROM subscription_requests`); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	do(`INSERT INTO public.subscription_requests (page, kind, address, whole, checks, groups) SELECT 'shop', 'webhook', 'https://a.example/' || n, true, '{}', '{}' FROM generate_series(2, 1000) AS n`)
	front, err := store.OpenPublic(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	for _, address := range []string{"https://a.example/7", "https://new.example"} { // known or not
		a, err := front.PublicSubscribe(t.Context(), subscription.Request{Page: "shop", Kind: subscription.Webhook, Address: address, Choice: subscription.Choice{Whole: true}})
		if err != nil || a != subscription.Full {
			t.Errorf("%s: %q, %v", address, a, err)
		}
	}
	if w, err := front.PublicWays(t.Context(), "shop"); err != nil || w != (subscription.Ways{Webhook: true}) {
		t.Errorf("%+v, %v", w, err)
	}
}
