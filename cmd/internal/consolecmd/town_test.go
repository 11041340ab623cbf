package consolecmd

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/blob"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// every is the time between two runs: long, so that a machine that is slow does
// not make what was measured old.
const every = 10 * time.Minute

// town is a console with something to show on every page: checks of all kinds,
// their runs, incidents, alerts, a fleet, dead letters, people.
type town struct {
	*served
	t *testing.T
	// heard makes of what a target says what is written down; say does so with
	// what people and daemons say, which has no NUL in it: a database takes none.
	heard, say func(plain string) string
	dir        string // of the artifacts
	// tag is that of checks, of the channel that is told of them, and of maintenance.
	tag   string
	now   time.Time
	pages []sight
}

// sight is a page that somebody of a role looks at; nobody where it is "".
type sight struct {
	name, path string
	as         access.Role
}

// plainly writes down what was said.
func plainly(text string) string { return text }

func (w *town) see(name, path string) {
	w.pages = append(w.pages, sight{name, path, access.Admin})
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fit is what is said, within n characters.
func (w *town) fit(text string, n int) string { return web.Shorten(w.say(text), n) }

func (w *town) ctx() context.Context {
	return access.WithActor(w.t.Context(), access.Actor{Kind: access.ActorPerson, ID: "p", Name: w.say("anna"), Scopes: access.Scopes})
}

// settle makes a town whose every text is what say makes of it.
func settle(t *testing.T, say func(string) string) *town {
	t.Helper()
	w := &town{t: t, heard: say, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Minute)}
	w.say = func(plain string) string { return strings.ReplaceAll(say(plain), "\x00", "") }
	w.tag = w.fit("shop", 60)
	w.served = serve(t, People{}, func(c *Config) { c.Artifacts, c.StatusURL = "file://"+w.dir, "https://status.example" })
	all := w.checks()
	_, err := w.db.ApplySet(w.ctx(), all, store.ApplyOptions{Owner: "shop"})
	w.must(err)
	_, err = w.db.ChangeCheck(w.ctx(), "cart", func(c *check.Check) {
		c.Description, c.Muted = w.fit("Changed: what is in the cart.", 500), true
	})
	w.must(err)
	_, err = w.db.ChangeCheck(w.ctx(), "cart", func(c *check.Check) { c.Muted = false })
	w.must(err)
	w.long()
	w.runs(all)
	w.fleet()
	w.incidents()
	w.alerts()
	w.rest()
	w.pages = append(w.pages, []sight{
		{"log-in", "/login?next=" + url.QueryEscape("/checks?q="+w.fit("tea", 300)), ""}, {"log-in-provider", "/login/begin", ""}, {"log-in-missing", "/nowhere", ""},
		{"checks-viewer", "/checks", access.Viewer}, {"check-viewer", "/checks/cart", access.Viewer}, {"incidents-viewer", "/incidents", access.Viewer}, {"maintenance-viewer", "/maintenance", access.Viewer},
		{"fleet-viewer", "/fleet", access.Viewer}, {"fleet-editor", "/fleet", access.Editor}, {"alerts-editor", "/alerts", access.Editor}, {"people-forbidden", "/settings/people", access.Viewer},
	}...)
	for name, path := range map[string]string{
		"checks": "/checks", "checks-found": "/checks?kind=api&q=" + url.QueryEscape(w.fit("c", 200)), "checks-none": "/checks?q=" + url.QueryEscape(w.fit("nothing like that", 200)),
		"checks-outage": "/checks?state=outage", "definition": "/checks/cart/definition", "definition-flow": "/checks/check-out/definition",
		"check-failed": "/checks/cart?outcome=failed", "check-older": "/checks/cart?before=" + url.QueryEscape(w.now.Add(-20*every).Format(time.RFC3339)),
		"incidents": "/incidents", "incidents-open": "/incidents?state=open", "incident-new": "/incidents/new", "maintenance": "/maintenance",
		"alerts": "/alerts", "fleet": "/fleet", "tokens": "/settings/tokens", "people": "/settings/people", "audit": "/settings/audit", "audit-found": "/settings/audit?action=check&since=2020-01-01",
		"audit-wrong": "/settings/audit?since=" + url.QueryEscape(w.say("yesterday")), "account": "/account",
		"missing": "/nowhere/" + url.PathEscape(w.fit("x", 300)), "missing-check": "/checks/" + url.PathEscape(w.fit("x", 300)), "missing-run": "/runs/x", "missing-incident": "/incidents/x",
	} {
		w.see(name, path)
	}
	for _, c := range all {
		w.see("check-"+c.ID, "/checks/"+c.ID)
	}
	// In the same order each time, those of runs last, as they are many.
	slices.SortFunc(w.pages, func(a, b sight) int {
		return cmp.Or(cmp.Compare(strings.Count(a.name, "run-"), strings.Count(b.name, "run-")), strings.Compare(a.name, b.name))
	})
	return w
}

// checks are one of each kind.
func (w *town) checks() []check.Check {
	base := func(id, name, group string, spec check.Spec) check.Check {
		c := check.Check{
			ID: id, Name: w.fit(name, 200), Description: w.fit("Says whether people can do it.", 500), Group: w.fit(group, 100), Tags: []string{w.tag, "money"},
			Every: every, Timeout: 10 * time.Second, Locations: []string{"frankfurt", "singapore"}, Active: true, Public: true, Spec: spec,
		}
		if c.Kind() == check.KindHeartbeat {
			c.Locations = []string{check.HeartbeatLocation}
		}
		return c
	}
	lines := check.Lines{Expect: []string{"time.total < 1s"}}
	cart := base("cart", "Cart", "Shop", check.OneRequest(check.Request{
		Method: "POST", URL: "https://shop.example/api/cart?q=" + w.fit("tea", 900), MaxBody: 1000, Headers: map[string]string{"x-asked-by": w.say("probefleet")},
	}, []string{"status == 200", "json.total > 0"}, []string{"time.total < 300ms"}))
	cart.Objective = check.Objective{Target: 999_000, Window: check.DefaultObjectiveWindow, Policy: check.DefaultObjectivePolicy}
	logIn := base("log-in", "Log in", "Shop", &check.API{Steps: []check.APIStep{
		{ID: "token", Request: check.Request{Method: "POST", URL: "https://shop.example/api/login", MaxBody: 1000}, Expect: []string{"status == 200"}},
		{ID: "orders", Request: check.Request{Method: "GET", URL: "https://shop.example/api/orders", MaxBody: 1000}, Expect: []string{"status == 200"}},
	}})
	checkOut := base("check-out", "Check out", "Shop", &check.Browser{Width: 800, Height: 600, Steps: []check.Step{
		{Action: check.ActionOpen, Value: "https://shop.example/products/fog-mug"}, {Action: check.ActionClick, Selector: "aria/Add to cart"},
		{Action: check.ActionFill, Selector: "label/Name", Value: w.say("Ada")}, {Action: check.ActionClick, Selector: "aria/Place order"}, {Action: check.ActionWaitElement, Selector: "#order", Elements: &check.Elements{Operator: ">=", Count: 1}},
	}})
	checkOut.DependsOn = []string{"cart"}
	return []check.Check{
		cart, logIn, checkOut,
		base("till", "Till", "Back office", &check.TCP{Lines: lines, Address: "till.example:8086", Send: w.say("PRICE fog-mug"), MaxBody: 1000}),
		base("names", "Name server", "Back office", &check.DNS{Lines: lines, Name: "shop.example", Type: "MX", Protocol: "udp"}),
		base("vault", "Certificate of the vault", "Back office", &check.TLS{Lines: check.Lines{Expect: []string{"tls.days_left > 14"}}, Address: "vault.example:443"}),
		base("gateway", "Gateway answers pings", "Back office", &check.ICMP{Lines: lines, Host: "gateway.example", Count: 3}),
		base("stock", "Stock service", "Back office", &check.GRPC{Lines: lines, Address: "stock.example:8087", Service: w.fit("shop.Stock", 200)}),
		base("prices", "Live prices", "Back office", &check.WebSocket{Lines: lines, URL: "wss://shop.example/live", MaxBody: 1000}),
		base("stocktaking", "Stocktaking", "Back office", &check.Heartbeat{Lines: lines, Period: every, Grace: time.Minute}),
	}
}

// long has the checks be there for eight hours already.
func (w *town) long() {
	w.exec(`UPDATE check_history SET since = since - interval '8 hours'`)
}

// exec does to the database what nobody can by the console.
func (w *town) exec(statement string, args ...any) {
	w.t.Helper()
	db, err := pgx.Connect(w.t.Context(), w.dsn)
	w.must(err)
	defer db.Close(w.t.Context())
	_, err = db.Exec(w.t.Context(), statement, args...)
	w.must(err)
}

// runs records forty slots of them; cart and check-out fail lately, the
// vault is degraded, and what is at Singapore is ours at times.
func (w *town) runs(all []check.Check) {
	files, err := blob.Open(w.t.Context(), "file://"+w.dir)
	w.must(err)
	defer files.Close()
	var shot bytes.Buffer
	w.must(jpeg.Encode(&shot, image.NewGray(image.Rect(0, 0, 320, 200)), nil))
	var results []jobs.Result
	for i := range 40 {
		slot := w.now.Add(time.Duration(i-40) * every)
		for _, c := range all {
			for at, location := range c.Locations {
				r := jobs.ResultFor(jobs.New(c, location, slot, 1, slot, slot.Add(every)))
				w.lived(&r, 80*time.Millisecond+time.Duration(i*at)*time.Millisecond)
				switch bad := i > 33; {
				case i == 32 && at == 1:
					r.Outcome, r.Fault = jobs.Inconclusive, &jobs.Fault{Class: jobs.FaultBrowser, Message: w.heard("The browser went away")}
				case bad && (c.ID == "cart" || c.ID == "log-in" || c.ID == "check-out"):
					r.Fail(jobs.FaultAssertion, w.heard("status == 200 (got 500)"))
				case bad && c.ID == "till":
					r.Fail(jobs.FaultConnect, w.heard("till.example:8086 does not answer: connection refused"))
				case c.ID == "vault":
					r.Outcome, r.Fault = jobs.Degraded, &jobs.Fault{Class: jobs.FaultAssertion, Message: w.heard("time.total < 50ms (got 80ms)")}
				}
				w.evidence(&r)
				results = append(results, r)
			}
		}
	}
	for _, r := range results[len(results)-60:] {
		for _, a := range r.Evidence.Artifacts {
			w.must(files.Put(w.t.Context(), a.Key, a.ContentType, shot.Bytes()))
		}
	}
	_, err = w.db.RecordReceived(w.t.Context(), results, nil)
	w.must(err)
	seen := map[string]bool{}
	for i := len(results) - 1; i >= 0; i-- {
		r := results[i]
		name := "run-" + r.CheckID + "-" + string(r.Outcome)
		if !seen[name] && (r.Outcome.Conclusive() || r.CheckID == "check-out") {
			seen[name] = true
			w.see(name, "/runs/"+r.JobID)
		}
	}
}

// fleet has workers and recorders, one of them gone, a location that is unwell,
// and a result that the database did not take.
func (w *town) fleet() {
	for i, place := range []string{"frankfurt", "frankfurt", "singapore"} {
		w.must(w.db.WorkerSaid(w.t.Context(), jobs.Announcement{
			Worker: jobs.Worker{ID: w.fit(fmt.Sprintf("worker-%d", i), 400), Build: w.say("v1.2.3"), Browser: w.say("Chromium 149")}, Location: place, Reads: 2, Writes: 2,
			Lanes:     []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 20, Busy: 3}, {Class: jobs.ClassBrowser, Slots: 2, Busy: 1}},
			StartedAt: w.now.Add(-time.Hour), SentAt: w.now, Leaving: i == 1,
		}))
	}
	w.must(w.db.RecorderSaid(w.t.Context(), rollout.Recorder{ID: w.fit("recorder-0", 400), Build: w.say("v1.2.3"), Reads: 2, Seen: time.Now()}))
	_, err := w.db.DeclareLocation(w.t.Context(), "singapore", false, w.say("12 of 20 runs were faults of its own: DNS"))
	w.must(err)
	w.must(w.db.OverridePin(w.ctx(), rollout.Target{Location: "frankfurt", Class: jobs.ClassAPI}, 1))
	body := []byte(w.say(`{"v":2,"check":"cart"}`))
	sum := sha256.Sum256(body)
	w.exec(`INSERT INTO dead_results (digest, reason, body) VALUES ($1, $2, $3)`, sum[:], w.fit("the slot is out of range", 500), body)
	w.see("dead-letter", "/fleet/dead-letters/"+hex.EncodeToString(sum[:]))
}

// incidents are those that the rules found and one that a person wrote down,
// with updates and what was learnt.
func (w *town) incidents() {
	id, err := w.db.OpenIncident(w.ctx(), status.Report{Title: w.fit("Payments by card are refused", 200), Impact: status.ImpactOutage, Checks: []string{"cart", "check-out"}, Public: true, Author: w.say("anna")})
	w.must(err)
	w.must(w.db.UpdateIncident(w.ctx(), id, status.Update{Phase: status.Identified, Body: w.fit("It is the **bank**: see [their page](https://bank.example/status).\n\n- cards\n- refunds\n\n| what | how |\n|---|---|\n| cards | refused |\n\n```\nPOST /pay 500\n```", 9000), Public: true, Author: w.say("anna")}))
	w.must(w.db.DescribeIncident(w.ctx(), id, w.fit("Payments by card are refused", 200), true, w.say("# What happened\n\nThe bank's certificate *ended*.\n\n> Renew it in time.\n")))
	w.see("incident-by-hand", "/incidents/"+id)
	found, err := w.db.Incidents(w.t.Context(), store.IncidentFilter{})
	w.must(err)
	byRules := 0
	for _, i := range found {
		if i.ByRules {
			byRules++
			w.see("incident-"+i.CheckID, "/incidents/"+i.ID)
			w.must(w.db.UpdateIncident(w.ctx(), i.ID, status.Update{Phase: status.Investigating, Body: w.fit("We look into it.", 9000), Author: w.say("ben")}))
		}
	}
	if byRules < 3 {
		w.t.Fatalf("the rules have found %d incidents, want those of cart, log-in, check-out and till", byRules)
	}
	for _, p := range []status.Planned{
		{Title: w.fit("New database", 200), Checks: []string{"cart"}, Maintenance: check.Maintenance{From: w.now.Add(-time.Minute), To: w.now.Add(time.Hour), Why: w.fit("The shop moves house.", 200)}, Public: true},
		{Title: w.fit("Weekly restart", 200), Tags: []string{w.tag}, Groups: []string{w.fit("Shop", 60)}, Maintenance: check.Maintenance{Cron: "30 2 * * sun", Zone: "Europe/Berlin", For: 90 * time.Minute}},
	} {
		p.CreatedBy = w.say("anna")
		_, err := w.db.PlanMaintenance(w.ctx(), p)
		w.must(err)
	}
}

// alerts are told to one channel that takes them and one that does not.
func (w *town) alerts() {
	ctx := w.t.Context()
	_, err := w.db.ApplyChannels(w.ctx(), []alert.Channel{
		{Name: "ops", Webhook: &alert.Webhook{URL: "https://hooks.example/ops"}, Tags: []string{w.tag}, GiveUp: alert.Span(time.Minute)},
		{Name: "shop", Slack: &alert.Slack{Webhook: "https://hooks.slack.example/services/x"}},
	}, "shop", false)
	w.must(err)
	now := time.Now().UTC().Add(time.Second)
	w.must(w.db.KeepConditions(ctx, alert.Location, now, []alert.Condition{{Subject: "singapore", Name: "singapore", Since: now, Facts: alert.Facts{Message: w.say("12 of 20 runs were faults of its own")}}}))
	w.must(w.db.KeepConditions(ctx, alert.Certificate, now, []alert.Condition{{Subject: "vault", CheckID: "vault", Name: w.fit("Certificate of the vault", 200), Since: now, Facts: alert.Facts{Message: w.say("CN=vault"), Ends: now.Add(9 * 24 * time.Hour)}}}))
	for range 12 {
		_, err := w.db.PlanAlerts(ctx, now)
		w.must(err)
		for {
			d, ok, err := w.db.ClaimDelivery(ctx, now, time.Minute)
			w.must(err)
			if !ok {
				break
			}
			o := alert.Outcome{At: now, Took: 120 * time.Millisecond, Status: 200}
			if d.Channel.Name == "ops" {
				o.Status, o.Error = 500, w.say("the service answered 500")
			}
			_, err = w.db.SettleDelivery(ctx, d, o)
			w.must(err)
		}
		now = now.Add(20 * time.Second)
	}
	_, err = w.db.TestChannel(w.ctx(), "shop")
	w.must(err)
	sent, err := w.db.Deliveries(ctx, store.DeliveryFilter{Limit: 50})
	w.must(err)
	states := map[string]bool{}
	for _, d := range sent {
		if !states[string(d.State)] {
			states[string(d.State)] = true
			w.see("delivery-"+string(d.State), "/alerts/deliveries/"+d.ID)
		}
	}
	if len(states) != 3 {
		w.t.Fatalf("deliveries are %v, want waiting, sent and given up", states)
	}
}

// rest is a token, somebody who was asked to come, and runs that were asked for.
func (w *town) rest() {
	past := time.Now().Add(-time.Hour)
	for i, ends := range []time.Time{{}, past} {
		w.must(w.db.CreateToken(w.ctx(), access.Token{ID: fmt.Sprintf("t%d", i), Name: w.fit("CI of the shop", 100), Scopes: []access.Scope{access.ChecksRead, access.ChecksWrite, access.RunsRead}, CreatedBy: w.say("anna"), ExpiresAt: ends}, access.Hash(fmt.Sprint("pf_", i))))
	}
	_, _, err := w.desk.Add(w.ctx(), "zoe@example.org", access.Viewer, true)
	w.must(err)
	asked := store.TriggerRequest{ID: "5f0c1f0e-8f0a-5d5e-9a5a-0d6f4d0c1a11", RequestedBy: w.say("anna")}
	for _, place := range []string{"frankfurt", "singapore"} {
		asked.Runs = append(asked.Runs, jobs.Trigger{AttemptID: jobs.AttemptID("cart", place, w.now.Add(time.Second), 1), CheckID: "cart", Location: place, Slot: w.now.Add(time.Second), ExpiresAt: w.now.Add(time.Hour)})
	}
	w.must(w.db.AddTriggers(w.ctx(), asked))
	w.see("run-now", "/triggers/"+asked.ID)
	subscriber(w.t, w.db)
	w.see("subscribers", "/subscribers")
	w.see("subscribers-of-a-page", "/subscribers/told")
}
