package subscribe_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/notify"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
	"github.com/probefleet/probefleet/internal/subscribe"
	"github.com/probefleet/probefleet/internal/subscription"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// town is an installation: each daemon with its own role on one database, a mail
// server, and a clock that the test moves.
type town struct {
	t       *testing.T
	url     string
	desk    *store.Store // the console's
	front   *store.Store // the status page's
	back    *store.Store // the recorder's
	conn    *pgx.Conn    // the owner's
	mail    *mailServer
	roots   *x509.CertPool
	teller  *subscribe.Teller
	carrier *notify.Notifier
	log     bytes.Buffer
	now     time.Time
}

func open(t *testing.T, url, role string) *store.Store {
	t.Helper()
	s, err := store.OpenAs(t.Context(), url, role)
	if role == store.PublicRole {
		s, err = store.OpenPublic(t.Context(), url)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newTown(t *testing.T, roots *x509.CertPool) *town {
	t.Helper()
	w := &town{t: t, url: storetest.Database(t), mail: newMailServer(t), roots: roots}
	w.desk, w.front, w.back = open(t, w.url, store.ConsoleRole), open(t, w.url, store.PublicRole), open(t, w.url, store.RecorderRole)
	var err error
	if w.conn, err = pgx.Connect(t.Context(), w.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.conn.Close(context.WithoutCancel(t.Context())) })
	if w.now, err = w.back.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.carrier = notify.New(notify.Options{Control: egress.NewPolicy(egress.Private, nil).Control, Roots: roots})
	w.teller = w.another()
	var checks []check.Check
	for _, id := range []string{"cart", "pay", "refund", "search", "login", "secret"} {
		group := "Shop"
		if id == "login" {
			group = "Accounts"
		}
		checks = append(checks, check.Check{
			ID: id, Name: "The " + id, Group: group, Every: time.Minute, Timeout: time.Second, Locations: []string{check.HeartbeatLocation}, Active: true,
			Public: id != "secret", Spec: &check.Heartbeat{Period: time.Minute, Grace: time.Minute},
		})
	}
	if _, err := w.desk.ApplyChecks(t.Context(), checks); err != nil {
		t.Fatal(err)
	}
	channel := alert.Channel{Name: "mail", NamedOnly: true, Email: &alert.Email{Server: w.mail.address, From: "Shop <status@shop.example>", To: []string{"ops@shop.example"}, TLS: "none"}}
	if _, err := w.desk.ApplyChannels(t.Context(), []alert.Channel{channel}, "", false); err != nil {
		t.Fatal(err)
	}
	w.pages(
		statuspage.Page{Slug: "shop", Title: "Shop status", Groups: []string{"Shop"}, Subscriptions: &statuspage.Subscriptions{Email: "mail", Webhook: true, URL: "https://status.example/p/shop/"}},
		statuspage.Page{Slug: "other", Title: "Other", Groups: []string{"Accounts"}, Subscriptions: &statuspage.Subscriptions{Webhook: true, URL: "https://other.example"}},
	)
	return w
}

func (w *town) another() *subscribe.Teller {
	return subscribe.New(subscribe.Options{Book: w.back, Carrier: w.carrier, Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
}

func (w *town) pages(list ...statuspage.Page) {
	w.t.Helper()
	for _, p := range list {
		if faults := p.Validate(); len(faults) > 0 {
			w.t.Fatal(faults)
		}
	}
	if _, err := w.desk.ApplyPages(w.t.Context(), list, "", false); err != nil {
		w.t.Fatal(err)
	}
}

// pass moves the clock and has everything done that is due then.
func (w *town) pass(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	if err := w.teller.Round(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
	for {
		sent, err := w.teller.SendOnce(w.t.Context(), w.now)
		if err != nil {
			w.t.Fatal(err)
		}
		if !sent {
			return
		}
	}
}

func (w *town) ask(page string, kind subscription.Kind, address string, c subscription.Choice) {
	w.t.Helper()
	a, err := w.front.PublicSubscribe(w.t.Context(), subscription.Request{Page: page, Kind: kind, Address: address, Choice: c})
	if err != nil || a != subscription.Taken {
		w.t.Fatal(a, err)
	}
}

var linkToken = regexp.MustCompile(`/(?:subscribe/confirm|subscribe/manage|unsubscribe)\?token=([A-Za-z0-9_-]{43})`)

// tokenIn is the token of the first link of a text.
func tokenIn(t *testing.T, text string) subscription.Token {
	t.Helper()
	m := linkToken.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no link in:\n%s", text)
	}
	token, ok := subscription.ParseToken(m[1])
	if !ok {
		t.Fatal(m[1])
	}
	return token
}

// member subscribes and confirms by mail.
func (w *town) member(address string, c subscription.Choice) {
	w.t.Helper()
	before := len(w.mail.arrived())
	w.ask("shop", subscription.Email, address, c)
	w.pass(time.Second)
	list := w.mail.arrived()
	if len(list) != before+1 {
		w.t.Fatalf("%d letters, want one more than %d", len(list), before)
	}
	ok, err := w.front.PublicConfirm(w.t.Context(), "shop", tokenIn(w.t, list[before].text).Hash)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
}

func (w *town) incident(title string, checks ...string) string {
	w.t.Helper()
	id, err := w.desk.OpenIncident(w.t.Context(), status.Report{Title: title, Impact: status.ImpactOutage, Public: true, Checks: checks})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *town) update(id string, u status.Update) {
	w.t.Helper()
	if err := w.desk.UpdateIncident(w.t.Context(), id, u); err != nil {
		w.t.Fatal(err)
	}
}

// outage is one that the rules found.
func (w *town) outage(id string) {
	w.t.Helper()
	_, err := w.conn.Exec(w.t.Context(), `
		INSERT INTO incidents (id, source, check_id, checks, title, impact, opened, fault_message)
		VALUES (gen_random_uuid(), 'rules', $1, ARRAY[$1], '', 'outage', $2, 'connection refused')`, id, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
}

// count asks the owner of the database for a number.
func (w *town) count(statement string, args ...any) (n int) {
	w.t.Helper()
	if err := w.conn.QueryRow(w.t.Context(), statement, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

var all = subscription.Choice{Whole: true}

// From the form to the inbox and out again: nothing before the confirmation,
// one message of an incident over five services with what people said of it, no
// address in any log, and nothing left after the end.
func TestFromTheFormToTheInbox(t *testing.T) {
	w := newTown(t, nil)
	w.ask("shop", subscription.Email, "ada@example.com", all)
	w.incident("Before anybody knew", "cart")
	w.pass(time.Minute)
	w.pass(time.Minute)
	list := w.mail.arrived()
	if len(list) != 1 || !strings.Contains(list[0].text, "Confirm it until") || !strings.Contains(list[0].html, "Confirm the subscription</a>") {
		t.Fatalf("%+v", list)
	}
	token := tokenIn(t, list[0].text)
	for page, want := range map[string]bool{"other": false, "": false} {
		if ok, err := w.front.PublicConfirm(t.Context(), page, token.Hash); err != nil || ok != want {
			t.Errorf("confirmed at page %q: %v, %v", page, ok, err)
		}
	}
	for range 2 { // who presses the button twice is confirmed
		if ok, err := w.front.PublicConfirm(t.Context(), "shop", token.Hash); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	id := w.incident(`Cards <script>alert(1)</script> fail`, "cart", "pay", "refund", "search", "login", "secret")
	w.update(id, status.Update{Phase: status.Identified, Body: "The **bank** <img src=x onerror=alert(1)>", Public: true})
	w.update(id, status.Update{Phase: status.Identified, Body: "Eve did it", Public: false})
	w.pass(time.Second)
	if n := len(w.mail.arrived()); n != 1 {
		t.Fatalf("%d letters before what happened had company", n)
	}
	w.pass(subscription.Gather)
	w.pass(time.Minute)
	list = w.mail.arrived()
	if len(list) != 2 {
		t.Fatalf("%d letters, want one of the incident", len(list))
	}
	got := list[1]
	if !strings.Contains(got.to, "ada@example.com") || got.header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || !strings.HasPrefix(got.header.Get("List-Unsubscribe"), "<https://status.example/p/shop/unsubscribe?token=") {
		t.Errorf("%q %v", got.to, got.header)
	}
	for _, want := range []string{"The cart, The pay, The refund, The search", "https://status.example/p/shop/incidents/" + id, "The bank"} {
		if !strings.Contains(got.text, want) {
			t.Errorf("no %q in:\n%s", want, got.text)
		}
	}
	for _, secret := range []string{"The login", "The secret", "Eve", "Before anybody"} {
		if strings.Contains(got.text+got.html, secret) {
			t.Errorf("the page hides %q:\n%s", secret, got.text)
		}
	}
	if strings.Contains(got.html, "<script") || strings.Contains(got.html, "<img") {
		t.Errorf("markup of strangers:\n%s", got.html)
	}
	if strings.Contains(w.log.String(), "ada@") {
		t.Errorf("the log has the address:\n%s", w.log.String())
	}
	token = tokenIn(t, got.header.Get("List-Unsubscribe"))
	if n := w.count(`SELECT count(*)::int FROM subscription_tokens WHERE hash = $1`, []byte(token.Text)); n != 0 {
		t.Error("the token itself is kept")
	}
	if ok, err := w.front.PublicUnsubscribe(t.Context(), "shop", token.Hash); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.update(id, status.Update{Phase: status.Resolved, Body: "Over.", Public: true})
	w.pass(time.Minute)
	w.pass(time.Minute)
	if n := len(w.mail.arrived()); n != 2 {
		t.Errorf("%d letters after the end", n)
	}
	for _, table := range []string{"subscriptions", "subscription_tokens", "subscription_requests", "subscription_secrets"} {
		if n := w.count(`SELECT count(*)::int FROM ` + table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	if n := w.count(`SELECT count(*)::int FROM subscription_deliveries d WHERE d::text LIKE '%ada@%'`); n != 0 {
		t.Error("the log of deliveries has the address")
	}
}

// Each is told of what they chose, and of what is over; what is told together is
// one message, however often it is looked at and by how many.
func TestWhoIsToldOfWhat(t *testing.T) {
	w := newTown(t, nil)
	w.member("all@example.com", all)
	w.member("cart@example.com", subscription.Choice{Checks: []string{"cart"}})
	w.member("group@example.com", subscription.Choice{Groups: []string{"Shop"}})
	w.member("none@example.com", subscription.Choice{Checks: []string{"login"}}) // not on this page
	begin := len(w.mail.arrived())
	w.outage("pay")
	w.outage("refund")
	w.outage("cart")
	second := w.another()
	var parts sync.WaitGroup
	for range 10 {
		parts.Go(func() {
			for _, teller := range []*subscribe.Teller{w.teller, second} {
				if err := teller.Round(t.Context(), w.now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	parts.Wait()
	for range 10 { // the same fold, told ten times
		w.pass(subscription.Gather / 5)
	}
	got := map[string]string{}
	for _, l := range w.mail.arrived()[begin:] {
		who := regexp.MustCompile(`[a-z]+@`).FindString(l.to)
		if got[who] != "" {
			t.Errorf("%s was told twice", who)
		}
		got[who] = l.header.Get("Subject")
	}
	if len(got) != 3 || !strings.HasSuffix(got["all@"], ", and 2 more") || !strings.HasSuffix(got["group@"], ", and 2 more") || got["cart@"] != "Shop status: The cart has an outage" {
		t.Errorf("%q", got)
	}
	// What is over is told with the others' next message, at the earliest after
	// the pause.
	begin = len(w.mail.arrived())
	if _, err := w.conn.Exec(t.Context(), `UPDATE incidents SET closed = $1`, w.now); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.pass(time.Minute)
	if n := len(w.mail.arrived()); n != begin {
		t.Errorf("%d letters within the pause", n-begin)
	}
	w.pass(subscription.Spaced)
	if n := len(w.mail.arrived()) - begin; n != 3 {
		t.Errorf("%d were told that it is over, want 3", n)
	}
	for _, l := range w.mail.arrived()[begin:] {
		if !strings.Contains(l.text, "Resolved: The") || !strings.Contains(l.text, "had an outage") {
			t.Error(l.text)
		}
	}
}

// Maintenance is told before it, when it begins and when it ends, or that it is
// called off.
func TestMaintenanceIsTold(t *testing.T) {
	w := newTown(t, nil)
	w.member("ada@example.com", all)
	begin := len(w.mail.arrived())
	plan := func(title string, from time.Time) string {
		id, err := w.desk.PlanMaintenance(t.Context(), status.Planned{Title: title, Public: true, Checks: []string{"pay"}, Maintenance: check.Maintenance{From: from, To: from.Add(time.Hour)}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	plan("New database", w.now.Add(2*time.Hour))
	off := plan("New roof", w.now.Add(5*time.Hour))
	w.pass(time.Second)
	w.pass(time.Minute)
	if ok, err := w.desk.CancelMaintenance(t.Context(), off); err != nil || !ok {
		t.Fatal(ok, err)
	}
	for range 8 {
		w.pass(30 * time.Minute)
		w.pass(time.Minute)
	}
	var subjects []string
	for _, l := range w.mail.arrived()[begin:] {
		subjects = append(subjects, l.header.Get("Subject"))
	}
	want := []string{
		"Shop status: maintenance planned: New", "Shop status: maintenance called off: New roof",
		"Shop status: maintenance has begun: New database", "Shop status: maintenance is over: New database",
	}
	if len(subjects) != len(want) {
		t.Fatalf("%q", subjects)
	}
	for i := range want {
		if !strings.HasPrefix(subjects[i], want[i]) {
			t.Errorf("%q, want %q", subjects[i], want[i])
		}
	}
}

// An address is asked no more often than it can be asked without annoyance; one
// that is known is told so, and nobody else is.
func TestAnAddressIsNotFlooded(t *testing.T) {
	w := newTown(t, nil)
	for range 30 {
		w.ask("shop", subscription.Email, "Ada@Example.com", all)
		w.ask("shop", subscription.Email, "ada@example.com", all)
	}
	w.pass(time.Second)
	for range 30 {
		w.ask("shop", subscription.Email, "ada@example.com", all)
		w.pass(20 * time.Minute)
	}
	if n := len(w.mail.arrived()); n < 2 || n > subscription.AskAtMost {
		t.Errorf("%d letters to one who said nothing, want at most %d", n, subscription.AskAtMost)
	}
	w.member("bob@example.com", subscription.Choice{Checks: []string{"cart"}})
	w.pass(time.Hour)
	before := len(w.mail.arrived())
	w.ask("shop", subscription.Email, "bob@example.com", all)
	w.pass(time.Second)
	list := w.mail.arrived()
	if len(list) != before+1 || !strings.Contains(list[before].text, "It is already") {
		t.Fatalf("%d letters", len(list)-before)
	}
	h, ok, err := w.front.PublicSubscription(t.Context(), "shop", tokenIn(t, list[before].text).Hash)
	if err != nil || !ok || h.Whole || len(h.Checks) != 1 {
		t.Errorf("%+v %v %v: a stranger has changed it", h, ok, err)
	}
	// Nobody confirmed ada: after two days nothing of it is left.
	if err := w.back.PruneSubscriptions(t.Context(), w.now.Add(subscription.ConfirmWithin)); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`SELECT count(*)::int FROM subscriptions WHERE address ILIKE 'ada%'`); n != 0 {
		t.Error("an address that nobody confirmed is kept")
	}
}

// A mailbox that is refused for days is dropped with a reason; a mail server of
// our own that is away drops nobody.
func TestWhoCannotBeReachedIsDropped(t *testing.T) {
	w := newTown(t, nil)
	w.member("gone@example.com", all)
	w.mail.mu.Lock()
	w.mail.reject = func(string) string { return "550 5.1.1 <gone@example.com>: no such user" }
	w.mail.mu.Unlock()
	states := func() string {
		list, err := w.desk.Subscribers(t.Context(), subscription.Filter{Page: "shop", Limit: 10})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return string(list[0].State) + ": " + list[0].Reason
	}
	for day := range 5 {
		w.incident(fmt.Sprintf("Day %d", day), "cart")
		for range 4 {
			w.pass(time.Minute)
		}
		if got := states(); day < 3 && got != "confirmed: " {
			t.Errorf("day %d: %s", day, got)
		}
		w.pass(24 * time.Hour)
	}
	if got := states(); !strings.HasPrefix(got, "dropped: messages to it failed for days") || strings.Contains(got, "gone@") {
		t.Error(got)
	}
	sent, err := w.desk.SubscriptionDeliveries(t.Context(), subscription.DeliveryFilter{Page: "shop", Limit: 100})
	if err != nil || len(sent) < 4 {
		t.Fatal(len(sent), err)
	}
	for _, d := range sent {
		if strings.Contains(d.Error, "gone@") {
			t.Errorf("the address is in the log: %s", d.Error)
		}
	}
}
