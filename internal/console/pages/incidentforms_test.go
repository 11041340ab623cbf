package pages_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
)

// byHand is the database in the words of the console.
type byHand struct{ *store.Store }

func inWords(err error) error {
	if r, ok := errors.AsType[*store.RefusedError](err); ok {
		return &console.RefusedError{Reason: r.Reason}
	}
	return err
}

func (d byHand) Incidents(ctx context.Context, f console.IncidentFilter) ([]status.Recorded, error) {
	return d.Store.Incidents(ctx, store.IncidentFilter(f))
}

func (d byHand) OpenIncident(ctx context.Context, r status.Report) (string, error) {
	id, err := d.Store.OpenIncident(ctx, r)
	return id, inWords(err)
}

func (d byHand) UpdateIncident(ctx context.Context, id string, u status.Update) error {
	return inWords(d.Store.UpdateIncident(ctx, id, u))
}

func (d byHand) DescribeIncident(ctx context.Context, id, title string, public bool, postmortem string) error {
	return inWords(d.Store.DescribeIncident(ctx, id, title, public, postmortem))
}

func (d byHand) MergeIncident(ctx context.Context, id, into string) error {
	return inWords(d.Store.MergeIncident(ctx, id, into))
}

func (d byHand) PlanMaintenance(ctx context.Context, p status.Planned) (string, error) {
	id, err := d.Store.PlanMaintenance(ctx, p)
	return id, inWords(err)
}

// desk is a person with every right, at the forms.
type desk struct {
	t *testing.T
	h http.Handler
}

func (d desk) every() string { return strings.ReplaceAll(access.Join(access.Scopes), ",", " ") }

// send sends a form, which has to be answered with a status; the answer's
// address or body is given.
func (d desk) send(path string, form url.Values, want int) string {
	d.t.Helper()
	w := send(d.h, d.every(), "POST", path, form)
	if w.Code != want {
		d.t.Fatalf("%s %v: %d, want %d: %s", path, form, w.Code, want, w.Body)
	}
	if want == http.StatusSeeOther {
		return w.Header().Get("Location")
	}
	return w.Body.String()
}

// page is a page, which has to hold texts.
func (d desk) page(path string, wants ...string) string {
	d.t.Helper()
	w := send(d.h, d.every(), "GET", path, nil)
	if w.Code != http.StatusOK {
		d.t.Fatalf("%s: %d", path, w.Code)
	}
	for _, text := range wants {
		if !strings.Contains(w.Body.String(), text) {
			d.t.Errorf("%s lacks %q:\n%s", path, text, w.Body)
		}
	}
	return w.Body.String()
}

// What is done here is listed at once.
func TestTheListOfIncidentsFollows(t *testing.T) {
	_, _, h := console1(t)
	d := desk{t, h}
	d.page("/incidents") // it is kept from now on
	d.send("/incidents", url.Values{"title": {"Cards fail"}, "impact": {"outage"}, "checks": {"a"}}, http.StatusSeeOther)
	d.page("/incidents", "Cards fail")
}

// An incident is opened, goes on, is described, learnt from and merged by forms
// alone; what is not taken comes back with what was written.
func TestIncidentsByForms(t *testing.T) {
	db, _, h := console1(t)
	d := desk{t, h}
	d.page("/incidents", `href="/incidents/new"`)
	d.page("/incidents/new", `action="/incidents"`, `<option value="a">`)
	body := d.send("/incidents", url.Values{"title": {"Cards fail"}, "impact": {"outage"}, "checks": {"a, nobody"}, "body": {"We *look*."}, "public": {"yes"}}, http.StatusUnprocessableEntity)
	for _, want := range []string{"there is no active check &#34;nobody&#34;", `value="Cards fail"`, `value="a, nobody"`, "We *look*."} {
		if !strings.Contains(body, want) {
			t.Errorf("the form comes back without %q:\n%s", want, body)
		}
	}
	d.send("/incidents", url.Values{"title": {""}, "impact": {"outage"}}, http.StatusUnprocessableEntity)
	d.send("/incidents", url.Values{"title": {"x"}, "impact": {"outage"}, "opened": {"yesterday"}}, http.StatusUnprocessableEntity)
	at := d.send("/incidents", url.Values{"title": {"Cards fail"}, "impact": {"outage"}, "checks": {"a, b"}, "body": {"We *look*."}, "public": {"yes"}, "opened": {"2026-01-02T03:04"}}, http.StatusSeeOther)
	d.page(at, "Cards fail", "<em>look</em>", `action="`+at+`/updates"`, "2 Jan 03:04")
	body = d.send(at+"/updates", url.Values{"phase": {"identified"}, "body": {" "}}, http.StatusUnprocessableEntity)
	if !strings.Contains(body, "the text is empty") || !strings.Contains(body, "<option selected>identified") {
		t.Errorf("an empty update: %s", body)
	}
	d.send(at+"/updates", url.Values{"phase": {"identified"}, "body": {"It is the **bank**."}}, http.StatusSeeOther)
	d.page(at, "<strong>bank</strong>", "not on the status page", "by anna")
	d.send(at+"/describe", url.Values{"title": {"Cards are refused"}}, http.StatusSeeOther)
	d.page(at, "Cards are refused")
	d.send(at+"/postmortem", url.Values{"postmortem": {"# Why\r\n\r\n<script>alert(1)</script> the bank"}}, http.StatusSeeOther)
	if body := d.page(at, "Why</h4>", "&lt;script&gt;"); strings.Contains(body, "<script>alert") {
		t.Error("the post-mortem is executed")
	}
	d.send(at+"/postmortem", url.Values{"postmortem": {strings.Repeat("x", 200_001)}}, http.StatusUnprocessableEntity)
	other := d.send("/incidents", url.Values{"title": {"The bank is away"}, "impact": {"degraded"}}, http.StatusSeeOther)
	into := strings.TrimPrefix(other, "/incidents/")
	d.page(at, `<option value="`+into+`">`)
	d.send(at+"/merge", url.Values{"into": {"nonsense"}}, http.StatusUnprocessableEntity)
	if to := d.send(at+"/merge", url.Values{"into": {into}}, http.StatusSeeOther); to != other {
		t.Errorf("merged, and shown %s", to)
	}
	d.send(other+"/updates", url.Values{"phase": {"resolved"}, "body": {"It is back."}, "public": {"yes"}}, http.StatusSeeOther)
	found, _, err := db.Incident(t.Context(), into)
	if err != nil || found.Closed.IsZero() || len(found.Updates) != 3 || strings.Join(found.Checks, " ") != "a b" {
		t.Errorf("%+v, %v", found, err)
	}
	// In the audit log it is theirs.
	log, err := db.Audit(t.Context(), access.EntryFilter{Action: "incident", Limit: 100})
	if err != nil || len(log) < 6 || log[0].Actor != "anna" {
		t.Errorf("%d entries: %+v, %v", len(log), log, err)
	}
	for _, path := range []string{"/incidents/nonsense", "/incidents/nonsense/updates", "/maintenance/nonsense/cancel"} {
		method := map[bool]string{true: "GET", false: "POST"}[path == "/incidents/nonsense"]
		if w := send(h, d.every(), method, path, url.Values{}); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

var cancels = regexp.MustCompile(`action="(/maintenance/[^"]+/cancel)"`)

// Maintenance is planned once and again, and called off, by forms alone.
func TestMaintenanceByForms(t *testing.T) {
	db, _, h := console1(t)
	d := desk{t, h}
	d.page("/maintenance", "Nothing is planned", `name="cron"`)
	for why, form := range map[string]url.Values{
		"concerns no check": {"title": {"x"}, "zone": {"UTC"}, "kind": {"once"}, "from": {"2999-01-01T00:00"}, "to": {"2999-01-01T01:00"}},
		"is no time":        {"title": {"x"}, "zone": {"UTC"}, "kind": {"once"}, "checks": {"a"}, "from": {"soon"}},
		"is no time zone":   {"title": {"x"}, "zone": {"Berlin"}, "kind": {"once"}, "checks": {"a"}},
		"choose the days":   {"title": {"x"}, "zone": {"UTC"}, "kind": {"again"}, "checks": {"a"}, "at": {"02:30"}, "for": {"90"}},
		"at what time":      {"title": {"x"}, "zone": {"UTC"}, "kind": {"again"}, "checks": {"a"}, "day": {"sun"}, "for": {"90"}},
		"how many minutes":  {"title": {"x"}, "zone": {"UTC"}, "kind": {"again"}, "checks": {"a"}, "day": {"sun"}, "at": {"02:30"}},
		"no active check":   {"title": {"x"}, "zone": {"UTC"}, "kind": {"again"}, "checks": {"zzz"}, "cron": {"0 3 * * *"}, "for": {"90"}},
	} {
		if body := d.send("/maintenance", form, http.StatusUnprocessableEntity); !strings.Contains(body, why) || !strings.Contains(body, `name="title" required maxlength="200" value="x"`) {
			t.Errorf("%v: %s", form, body)
		}
	}
	d.send("/maintenance", url.Values{"title": {"New disks"}, "zone": {"Europe/Berlin"}, "kind": {"once"}, "checks": {"a"}, "from": {"2999-07-01T22:00"}, "to": {"2999-07-02T02:00"}, "public": {"yes"}}, http.StatusSeeOther)
	d.send("/maintenance", url.Values{"title": {"Restart"}, "zone": {"Europe/Berlin"}, "kind": {"again"}, "tags": {"shop, money"}, "groups": {"Shop"}, "day": {"sat", "sun", "evil"}, "at": {"02:05"}, "for": {"90"}}, http.StatusSeeOther)
	found, err := db.PlannedMaintenance(t.Context(), false)
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, p := range found {
		switch p.Title {
		case "New disks":
			if want := time.Date(2999, 7, 1, 20, 0, 0, 0, time.UTC); !p.From.Equal(want) || !p.Public || p.CreatedBy != "anna" {
				t.Errorf("once: %+v", p)
			}
		case "Restart":
			if p.Cron != "5 2 * * sat,sun" || p.Zone != "Europe/Berlin" || p.For != 90*time.Minute || p.Public || strings.Join(p.Tags, " ") != "shop money" {
				t.Errorf("again: %+v", p)
			}
		}
	}
	body := d.page("/maintenance", "New disks", "1 Jul 2999, 20:00", "5 2 * * sat,sun (Europe/Berlin), for 1h30m<", "not announced", "tag shop, money; group Shop")
	for _, m := range cancels.FindAllStringSubmatch(body, -1) {
		d.send(m[1], url.Values{}, http.StatusSeeOther)
	}
	d.page("/maintenance", "Nothing is planned")
	// Who may only read sees the windows and no form.
	if body := send(h, "runs:read", "GET", "/maintenance", nil).Body.String(); strings.Contains(body, "<form method=\"post\" action=\"/maintenance") {
		t.Error("a reader is offered to plan")
	}
}

// A form that another site sends does nothing.
func TestFormsOfOtherSites(t *testing.T) {
	db, _, h := console1(t)
	for _, path := range []string{"/incidents", "/maintenance"} {
		r := httptest.NewRequest("POST", path, strings.NewReader("title=x&impact=outage&zone=UTC&kind=again&checks=a&cron=0+3+*+*+*&for=5"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Scopes", desk{}.every())
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, w.Code)
		}
	}
	found, err := db.Incidents(t.Context(), store.IncidentFilter{Limit: 10})
	planned, err2 := db.PlannedMaintenance(t.Context(), true)
	if err != nil || err2 != nil || len(found)+len(planned) > 0 {
		t.Errorf("%v %v %v %v", found, planned, err, err2)
	}
}

// The version of messages is set by hand on the fleet page, and given back.
func TestPinsByForms(t *testing.T) {
	db, _, h := console1(t)
	d := desk{t, h}
	set := func(version string, want int) {
		t.Helper()
		d.send("/fleet/pins", url.Values{"location": {"here"}, "class": {"api"}, "version": {version}}, want)
	}
	set("99", http.StatusUnprocessableEntity)
	set("", http.StatusUnprocessableEntity)
	set("1", http.StatusSeeOther)
	d.page("/fleet", "jobs, here, api", "yes;", `<option selected>1</option>`, `action="/fleet/pins"`)
	set("0", http.StatusSeeOther)
	if body := d.page("/fleet"); strings.Contains(body, "would be computed") {
		t.Error("the pin was not given back")
	}
	if body := send(h, "fleet:read", "GET", "/fleet", nil).Body.String(); strings.Contains(body, "/fleet/pins") {
		t.Error("a reader is offered to pin")
	}
	log, err := db.Audit(t.Context(), access.EntryFilter{Action: "fleet.pin", Limit: 10})
	if err != nil || len(log) != 2 {
		t.Errorf("%+v, %v", log, err)
	}
}
