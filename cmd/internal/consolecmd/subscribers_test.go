package consolecmd

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/subscription"
)

// subscriber makes one of a page "told", and is its id.
func subscriber(t *testing.T, db *store.Store) string {
	t.Helper()
	page := statuspage.Page{Slug: "told", Title: "Told", Subscriptions: &statuspage.Subscriptions{Webhook: true, URL: "https://status.example"}}
	if _, err := db.ApplyPages(t.Context(), []statuspage.Page{page}, "", false); err != nil {
		t.Fatal(err)
	}
	r := subscription.Request{Page: "told", Kind: subscription.Webhook, Address: "https://hooks.example/in", Choice: subscription.Choice{Whole: true}}
	if a, err := db.PublicSubscribe(t.Context(), r); err != nil || a != subscription.Taken {
		t.Fatal(a, err)
	}
	if n, err := db.TakeSubscriptionRequests(t.Context(), time.Now(), 10); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	list, err := db.Subscribers(t.Context(), subscription.Filter{Page: "told", Limit: 10})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0].ID
}

// Who may see subscribers sees masked addresses; the addresses are for admins
// alone, and that they have them is written down.
func TestSubscribersOnTheConsole(t *testing.T) {
	c := serve(t, People{})
	id := subscriber(t, c.db)
	viewer, editor, admin := c.as(t, access.Viewer), c.as(t, access.Editor), c.as(t, access.Admin)
	r := subscription.Request{Page: "told", Kind: subscription.Webhook, Address: "https://b.example/<script>alert(1)</script>", Choice: subscription.Choice{Checks: []string{"<b>x</b>"}}}
	if _, err := c.db.PublicSubscribe(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := c.db.TakeSubscriptionRequests(t.Context(), time.Now(), 10); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/subscribers", "/subscribers/told", "/api/v1/pages/told/subscribers", "/api/v1/pages/told/deliveries"} {
		if code := viewer.get(path).StatusCode; code != http.StatusForbidden {
			t.Errorf("%s by a viewer: %d", path, code)
		}
		a := editor.get(path)
		if a.StatusCode != http.StatusOK || strings.Contains(a.body, "hooks.example/in") || strings.Contains(a.body, "<script>alert") ||
			!strings.Contains(path, "/api/") && strings.Contains(a.body, "<b>x") {
			t.Errorf("%s by an editor: %d\n%s", path, a.StatusCode, a.body)
		}
	}
	if a := editor.get("/subscribers/told"); !strings.Contains(a.body, "https://hooks.example/…") || strings.Contains(a.body, id) {
		t.Errorf("the page of an editor:\n%s", a.body)
	}
	if a := editor.get("/api/v1/pages/none/subscribers"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a page that is not there: %d", a.StatusCode)
	}
	post := func(b *browser, path, form string) answer {
		return b.send("POST", path, "application/x-www-form-urlencoded", form, "Sec-Fetch-Site", "same-origin")
	}
	if a := post(editor, "/subscribers/told/export", ""); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "hooks.example/in") {
		t.Errorf("an export by an editor: %d", a.StatusCode)
	}
	a := post(admin, "/subscribers/told/export", "")
	if !strings.Contains(a.body, ",https://hooks.example/in,pending,yes,") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("an export by an admin: %d %v\n%s", a.StatusCode, a.Header, a.body)
	}
	post(admin, "/subscribers/told/remove", "id="+id)
	if list, err := c.db.Subscribers(t.Context(), subscription.Filter{Page: "told", Limit: 10}); err != nil || slices.ContainsFunc(list, func(s subscription.Subscriber) bool { return s.ID == id }) {
		t.Errorf("%+v, %v", list, err)
	}
	entries, err := c.db.Audit(t.Context(), access.EntryFilter{Subject: "told", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprint(entries)
	if !strings.Contains(said, "page.subscriber-remove") || !strings.Contains(said, "page.subscribers-export") || strings.Contains(said, "hooks.example") {
		t.Errorf("the audit log: %s", said)
	}
}

// What a spreadsheet would run is written so that it does not.
func TestExportIsNoFormula(t *testing.T) {
	var out strings.Builder
	list := []console.Subscriber{{ID: "1", Kind: "email", Address: `=HYPERLINK("x")@example.com`, Groups: []string{"+1"}, Checks: []string{"@x"}}}
	if err := pages.WriteSubscribers(csv.NewWriter(&out), list); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"'=HYPERLINK(""x"")@example.com"`) || !strings.Contains(out.String(), ",'@x,'+1,") {
		t.Error(out.String())
	}
}
