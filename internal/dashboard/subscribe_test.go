package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/subscription"
)

// ledger is who wants to be told, in memory. Every token is that of one
// subscription to the page "pay".
type ledger struct {
	ways     subscription.Ways
	requests []subscription.Request
	answer   subscription.Answer
	held     subscription.Held
	token    subscription.Token
	calls    []string
	err      error
}

func (l *ledger) PublicWays(context.Context, string) (subscription.Ways, error) { return l.ways, l.err }

func (l *ledger) PublicSubscribe(_ context.Context, r subscription.Request) (subscription.Answer, error) {
	l.requests = append(l.requests, r)
	return l.answer, l.err
}

func (l *ledger) knows(what, page string, token [32]byte) bool {
	l.calls = append(l.calls, what+" "+page)
	return token == l.token.Hash && l.err == nil
}

func (l *ledger) PublicSubscription(_ context.Context, page string, token [32]byte) (subscription.Held, bool, error) {
	return l.held, l.knows("read", page, token), l.err
}

func (l *ledger) PublicConfirm(_ context.Context, page string, token [32]byte) (bool, error) {
	return l.knows("confirm", page, token), l.err
}

func (l *ledger) PublicChange(_ context.Context, page string, token [32]byte, c subscription.Choice) (bool, error) {
	l.held.Choice = c
	return l.knows("change", page, token), l.err
}

func (l *ledger) PublicUnsubscribe(_ context.Context, page string, token [32]byte) (bool, error) {
	return l.knows("end", page, token), l.err
}

// taking is a company whose pages take subscriptions.
func taking(t *testing.T, change func(*statuspage.Page)) (*ledger, *Dashboard) {
	t.Helper()
	f := rich(noon)
	for _, p := range tenants(t) {
		p.Subscriptions = &statuspage.Subscriptions{Email: "mail", Webhook: true, URL: "https://status.example/p/" + p.Slug}
		if change != nil {
			change(&p.Page)
		}
		f.pages = append(f.pages, p)
	}
	l := &ledger{ways: subscription.Ways{Email: true, Webhook: true}, answer: subscription.Taken, token: subscription.NewToken()}
	l.held = subscription.Held{State: subscription.Confirmed, Kind: subscription.Email, Choice: subscription.Choice{Whole: true}}
	d := New(Options{Store: f, Subscribers: l, Now: func() time.Time { return noon }})
	d.refresh(t.Context())
	return l, d
}

// post sends a form as a browser does from the page itself.
func post(t *testing.T, d *Dashboard, remote, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.RemoteAddr = remote
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

const subscribeAt = "http://any.example/p/pay/subscribe"

// The form offers what the page shows and nothing else, and takes down what was
// chosen of that.
func TestSubscribeForm(t *testing.T) {
	l, d := taking(t, nil)
	a := from(t, d, "192.0.2.1:1", subscribeAt)
	if a.Code != http.StatusOK || a.Header().Get("Cache-Control") != "no-store" {
		t.Fatal(a.Code, a.Header())
	}
	wantAll(t, "the form", a.Body.String(), `action="/p/pay/subscribe"`, `value="refunds"`, `name="group" value="Payments"`, "E-mail address, or the address of a program")
	wantNone(t, "the form", a.Body.String(), "sso", "Cart")
	for _, row := range []struct {
		form url.Values
		want subscription.Request
	}{
		{url.Values{"address": {" ada@Example.COM "}, "scope": {"all"}, "check": {"refunds"}}, subscription.Request{Kind: subscription.Email, Address: "ada@example.com", Choice: subscription.Choice{Whole: true}}},
		{
			url.Values{"address": {"https://Hooks.example/in"}, "scope": {"some"}, "check": {"refunds", "sso", "refunds"}, "group": {"Payments", "Accounts"}},
			subscription.Request{Kind: subscription.Webhook, Address: "https://hooks.example/in", Choice: subscription.Choice{Checks: []string{"refunds"}, Groups: []string{"Payments"}}},
		},
	} {
		l.requests = nil
		a := post(t, d, "192.0.2.1:1", subscribeAt, row.form)
		row.want.Page = "pay"
		if a.Code != http.StatusAccepted || len(l.requests) != 1 || fmt.Sprint(l.requests[0]) != fmt.Sprint(row.want) {
			t.Errorf("%v: %d %+v", row.form, a.Code, l.requests)
		}
	}
	l.requests = nil
	for address, want := range map[string]string{
		"": "Write the address", "ada": "not an e-mail address", `"><script>alert(1)</script>@example.com`: "not an e-mail address", "a@b": "not an e-mail address",
		"Ada <ada@example.com>": "not an e-mail address", "a@example.com\r\nBcc: b@example.com": "not an e-mail address",
		"http://hooks.example": "begins with https://", "https://u:p@hooks.example": "has a user in it", "https://": "not the address of a program",
	} {
		a := post(t, d, "192.0.2.1:1", subscribeAt, url.Values{"address": {address}, "scope": {"all"}})
		if a.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", address, a.Code)
		}
		wantAll(t, address, a.Body.String(), want)
		wantNone(t, address, a.Body.String(), "<script>alert")
	}
	if a := post(t, d, "192.0.2.1:1", subscribeAt, url.Values{"address": {"ada@example.com"}, "scope": {"some"}, "check": {"sso"}}); a.Code != http.StatusUnprocessableEntity {
		t.Errorf("a service of another page alone: %d", a.Code)
	}
	if a := post(t, d, "192.0.2.1:1", subscribeAt, url.Values{"address": {"ada@example.com"}}, "Sec-Fetch-Site", "cross-site"); a.Code != http.StatusForbidden {
		t.Errorf("from another site: %d", a.Code)
	}
	if len(l.requests) != 0 {
		t.Errorf("taken down: %+v", l.requests)
	}
	// A way that does not work at present is not offered.
	l.ways = subscription.Ways{Webhook: true}
	d.asking = newAsking(d.now)
	wantNone(t, "the form without mail", from(t, d, "192.0.2.1:1", subscribeAt).Body.String(), "E-mail address")
	l.ways = subscription.Ways{}
	d.asking = newAsking(d.now)
	wantAll(t, "the form without any way", from(t, d, "192.0.2.1:1", subscribeAt).Body.String(), "cannot send messages at present")
}

// One network cannot ask without end; another one still may.
func TestSubscribingIsBounded(t *testing.T) {
	l, d := taking(t, nil)
	codes := map[int]int{}
	for i := range 20 {
		codes[post(t, d, "192.0.2.1:1", subscribeAt, url.Values{"address": {fmt.Sprintf("a%d@example.com", i)}}).Code]++
	}
	if codes[http.StatusAccepted] != subscribeAtOnce || codes[http.StatusTooManyRequests] != 20-subscribeAtOnce {
		t.Errorf("%v", codes)
	}
	if a := post(t, d, "198.51.100.1:1", subscribeAt, url.Values{"address": {"b@example.com"}}); a.Code != http.StatusAccepted {
		t.Errorf("another network: %d", a.Code)
	}
	if a := post(t, d, "203.0.113.1:1", subscribeAt, url.Values{"address": {strings.Repeat("x", maxSubscribeForm)}}); a.Code != http.StatusBadRequest {
		t.Errorf("a large form: %d", a.Code)
	}
	l.answer = subscription.Full
	if a := post(t, d, "203.0.113.1:1", subscribeAt, url.Values{"address": {"b@example.com"}}); a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" {
		t.Errorf("full: %d", a.Code)
	}
	l.err = errors.New("the database is away")
	a := post(t, d, "203.0.113.1:1", subscribeAt, url.Values{"address": {"b@example.com"}})
	if a.Code != http.StatusServiceUnavailable || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("away: %d", a.Code)
	}
}

// Links do nothing by being looked at; buttons do, for tokens of that page.
func TestLinksOfMessages(t *testing.T) {
	l, d := taking(t, nil)
	token := url.Values{"token": {l.token.Text}}
	for path, button := range map[string]string{"/subscribe/confirm": "Yes, tell me", "/unsubscribe": "Unsubscribe</button>"} {
		a := from(t, d, "192.0.2.1:1", "http://any.example/p/pay"+path+"?"+token.Encode())
		if a.Code != http.StatusOK || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d", path, a.Code)
		}
		wantAll(t, path, a.Body.String(), button, l.token.Text, `method="post"`)
	}
	if len(l.calls) != 0 {
		t.Errorf("a look did %q", l.calls)
	}
	other := url.Values{"token": {subscription.NewToken().Text}}
	for _, row := range []struct {
		path string
		form url.Values
		code int
		want string
	}{
		{"/subscribe/confirm", token, 200, "You are subscribed"},
		{"/subscribe/confirm", other, 404, "leads nowhere"},
		{"/subscribe/confirm", url.Values{"token": {"x"}}, 404, "leads nowhere"},
		{"/subscribe/manage", url.Values{"token": {l.token.Text}, "scope": {"some"}, "check": {"refunds"}}, 200, `value="refunds" checked`},
		{"/subscribe/manage", url.Values{"token": {l.token.Text}, "scope": {"some"}}, 422, "Choose at least one"},
		{"/subscribe/manage", other, 404, "leads nowhere"},
		{"/unsubscribe", token, 200, "Unsubscribed"},
		{"/unsubscribe", other, 200, "Unsubscribed"}, // it has ended, or never was
		{"/unsubscribe", url.Values{}, 404, "leads nowhere"},
	} {
		a := post(t, d, "192.0.2.1:1", "http://any.example/p/pay"+row.path, row.form)
		if a.Code != row.code {
			t.Errorf("%s %v: %d, want %d", row.path, row.form, a.Code, row.code)
		}
		wantAll(t, row.path, a.Body.String(), row.want)
	}
	// RFC 8058: by a program that is no browser, the token in the address alone.
	l.calls = nil
	a := post(t, d, "192.0.2.1:1", "http://any.example/p/pay/unsubscribe?"+token.Encode(), url.Values{"List-Unsubscribe": {"One-Click"}}, "Sec-Fetch-Site", "cross-site")
	if a.Code != http.StatusOK || fmt.Sprint(l.calls) != "[end pay]" {
		t.Errorf("one click: %d %q", a.Code, l.calls)
	}
	for _, path := range []string{"/subscribe", "/unsubscribe?" + token.Encode(), "/subscribe/manage?" + token.Encode()} {
		if code := from(t, d, "192.0.2.1:1", "http://nowhere.example"+path).Code; code != http.StatusNotFound {
			t.Errorf("%s where there is no page: %d", path, code)
		}
	}
}

// A page that not everybody may read shows its forms to its readers alone. Who
// wants to hear no more need not be one, and learns nothing.
func TestSubscribingToProtectedPages(t *testing.T) {
	l, d := taking(t, nil)
	token := "?token=" + l.token.Text
	for _, path := range []string{"/subscribe", "/subscribe/confirm" + token, "/subscribe/manage" + token} {
		for slug, want := range map[string]int{"secret": http.StatusUnauthorized, "inside": http.StatusForbidden} {
			a := from(t, d, "192.0.2.1:1", "http://any.example/p/"+slug+path)
			if a.Code != want {
				t.Errorf("%s%s: %d, want %d", slug, path, a.Code, want)
			}
			wantNone(t, slug+path, a.Body.String(), "Single sign-on", "Cart")
			if a := post(t, d, "192.0.2.1:1", "http://any.example/p/"+slug+path, url.Values{"address": {"a@example.com"}, "token": {l.token.Text}}); a.Code != want {
				t.Errorf("POST %s%s: %d, want %d", slug, path, a.Code, want)
			}
		}
	}
	if len(l.calls)+len(l.requests) != 0 {
		t.Errorf("done without the password: %q %+v", l.calls, l.requests)
	}
	for _, slug := range []string{"secret", "inside"} {
		for _, a := range []*httptest.ResponseRecorder{
			from(t, d, "192.0.2.1:1", "http://any.example/p/"+slug+"/unsubscribe"+token),
			post(t, d, "192.0.2.1:1", "http://any.example/p/"+slug+"/unsubscribe"+token, url.Values{"List-Unsubscribe": {"One-Click"}}),
		} {
			if a.Code != http.StatusOK {
				t.Errorf("%s: %d", slug, a.Code)
			}
			wantNone(t, slug, a.Body.String(), "For partners", "Inside", "Single sign-on", "Cart")
		}
	}
	// Where it is not switched on there is nothing.
	_, d = taking(t, func(p *statuspage.Page) { p.Subscriptions = nil })
	for _, path := range []string{"/subscribe", "/subscribe/confirm" + token} {
		if code := from(t, d, "192.0.2.1:1", "http://any.example/p/pay"+path).Code; code != http.StatusNotFound {
			t.Errorf("%s where it is off: %d", path, code)
		}
	}
	wantNone(t, "the page where it is off", from(t, d, "192.0.2.1:1", "http://any.example/p/pay/").Body.String(), "/subscribe")
}
