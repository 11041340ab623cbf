package checkfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/plan"
)

// everything is a check of each kind with every property that a file can say,
// none at its default.
func everything() []check.Check {
	common := check.Check{
		ID: "all", Name: "All: of it", Description: "line one\nline # two", Group: "Shop", Tags: []string{"yes", "1.0", "two words"},
		Every: 90 * time.Second, Timeout: 2500 * time.Millisecond, Locations: []string{"here", "there"}, Muted: true,
	}
	one, steps, more, browser, bare := common, common, common, common, common
	one.Spec = check.OneRequest(check.Request{
		Method: "POST", URL: "https://shop.example/a?b=c#d", Headers: map[string]string{"Content-Type": "text/plain", "x-odd": " spaces "},
		Query: map[string]string{"q": "tea: green"}, Body: "{\"a\": \"{{ not a template }}\"}\n\ttab\n", Auth: &check.Auth{User: "me", Password: "a'b\"c"}, MaxRedirects: 3, MaxBody: 12345,
	}, []string{"status == 200", "body contains 'x: y'"}, []string{"time.total < 300ms"})
	steps.ID = "steps"
	steps.Spec = &check.API{Steps: []check.APIStep{
		{ID: "login", Request: check.Request{Method: "GET", URL: "https://shop.example/", Auth: &check.Auth{Bearer: "t0ken"}, MaxBody: check.DefaultMaxBody}, Expect: []string{"status == 200"}},
		{ID: "orders", Request: check.Request{Method: "HEAD", URL: "https://shop.example/o", MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}, Degraded: []string{"size > 0"}},
	}}
	more.ID = "more"
	more.Spec = &check.API{Templates: true, ExpectFailure: true, Steps: []check.APIStep{
		{ID: "json", Request: check.Request{Method: "POST", URL: "https://{{ secrets.host }}/", BodyType: check.BodyJSON, Body: `{"b":[1,2.50,null,true],"a":"{{ secrets.word }}"}`,
			Headers: map[string]string{"content-type": "application/json"}, MaxBody: 1, IPFamily: 6, HTTP: "1.1", Proxy: "http://proxy.example:3128",
			TLS:   &check.TLSSettings{SkipVerify: true, CA: "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", Cert: "{{ secrets.cert }}", Key: "{{ secrets.key }}", ServerName: "shop.example"},
			Waits: check.Waits{DNS: time.Second, Connect: 2 * time.Second, TLS: 3 * time.Second, FirstByte: time.Hour / 10, Download: 5 * time.Millisecond},
			Auth:  &check.Auth{OAuth2: &check.OAuth2{TokenURL: "https://id.example/token", ClientID: "me", ClientSecret: "{{ secrets.word }}", Scopes: []string{"a", "b"}, Audience: "shop", InBody: true}}}},
		{ID: "form", Request: check.Request{Method: "POST", URL: "https://shop.example/", BodyType: check.BodyForm, MaxBody: 1, Fields: []check.Field{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b"}},
			Headers: map[string]string{"x": "{{ \"{{\" }}"}}},
		{ID: "multipart", Always: true, Request: check.Request{Method: "POST", URL: "https://shop.example/", BodyType: check.BodyMultipart, MaxBody: 1, Fields: []check.Field{{Name: "f", Value: "x\ny", File: "f.txt", ContentType: "text/plain"}}}},
		{ID: "graphql", Request: check.Request{Method: "POST", URL: "https://shop.example/", BodyType: check.BodyGraphQL, MaxBody: 1, GraphQL: &check.GraphQL{Query: "query Q { shop }", Variables: `{"a":1}`, Operation: "Q"}}},
	}}
	browser.ID = "browser"
	browser.Spec = &check.Browser{Width: 800, Height: 600, Expect: []string{"title != ''"}, Degraded: []string{"time.total < 5s"}, Steps: []check.Step{
		{Action: check.ActionOpen, Value: "https://shop.example/", Timeout: 3 * time.Second},
		{Action: check.ActionClick, Selector: "#buy"}, {Action: check.ActionFill, Selector: "#name", Value: "null"},
		{Action: check.ActionPress, Value: "Enter"}, {Action: check.ActionPress, Value: "a", Selector: "#name"},
		{Action: check.ActionExpectText, Value: "Welcome", Selector: "main"}, {Action: check.ActionExpectText, Value: "yes"},
		{Action: check.ActionExpectURL, Value: "/done"}, {Action: check.ActionScreenshot, Value: "end"},
	}}
	flow := flowSpec()
	recorded := browser
	recorded.ID, recorded.Spec = "recorded", flow
	recorded.Retry = check.Retry{Strategy: check.RetryLinear, Base: 2 * time.Second, Max: 3, MaxDuration: time.Minute, Cap: time.Second, Jitter: 7, Elsewhere: true, OnlyNetwork: true}
	recorded.Alert, recorded.DependsOn = check.Alert{Runs: 2, For: time.Minute, Share: 30}, []string{"all", "bare"}
	recorded.Maintenance = []check.Maintenance{
		{From: time.Date(2026, 5, 1, 22, 0, 0, 5, time.UTC), To: time.Date(2026, 5, 2, 2, 0, 0, 0, time.UTC), Why: "{{ new }} disks"},
		{Cron: "30 2 * * 0", Zone: "Europe/Berlin", For: time.Hour},
	}
	bare.ID = "bare"
	bare = check.Check{
		ID: "bare", Name: "bare", Every: check.DefaultEvery, Timeout: check.DefaultAPITimeout, Locations: []string{"local"}, Active: true, Public: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "https://shop.example/", MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}, nil, nil),
	}
	heartbeat := bare
	heartbeat.ID, heartbeat.Name, heartbeat.Every, heartbeat.Locations = "heartbeat", "Backup", 30*time.Second, []string{check.HeartbeatLocation}
	heartbeat.Spec = &check.Heartbeat{Lines: check.Lines{Expect: []string{"exit_code in [0, 2]"}, Degraded: []string{"time.total < 10m"}}, Period: 30 * time.Second, Grace: 90 * time.Minute}
	return []check.Check{one, steps, browser, bare, more, recorded, heartbeat}
}

// flowSpec has every sort of step, with what only recordings and other clients
// say.
func flowSpec() *check.Browser {
	page := &check.Page{
		Width: 100, Height: 900, Scale: 2.625, Mobile: true, Touch: true, Landscape: true, UserAgent: "probe/{version} {{", Locale: "de-CH", TimeZone: "Europe/Zurich",
		Network: &check.Network{Offline: true, Latency: 562500 * time.Microsecond, Download: 1}, Geolocation: &check.Geolocation{Latitude: -1e-9, Accuracy: 5},
		User: "u", Password: "{{ secrets.word }}", Headers: map[string]string{"x": "{{ secrets.word }}"}, Block: []string{"*{{*"},
		Mocks: []check.Mock{{URL: "*/a", Method: "PUT", Status: 503, Headers: map[string]string{"x": "1"}, Body: "[1]"}, {URL: "*", Status: 200}},
	}
	either := [][]string{{"#host", "button"}, {"text/Buy {{ secrets.word }}"}}
	return &check.Browser{Templates: true, Width: 1280, Height: 720, Page: page, Steps: []check.Step{
		{Action: check.ActionOpen, Value: "https://shop.example/", Recorded: true, Strict: true, Events: []check.Navigation{{URL: "https://shop.example/", Title: "Shop {{"}, {}}},
		{Action: check.ActionClick, Selectors: either, Recorded: true, Strict: true, Frame: []int{0, 2}, Point: &check.Point{X: 1.5}, Button: "middle", Hold: time.Second},
		{Action: check.ActionClick, Selector: "role/button[name=\"Buy\"]", Recorded: true, Timeout: 1500 * time.Microsecond},
		{Action: check.ActionClick, Selector: "role/button[name=\"Buy\"]", Strict: true, Exact: true, Nth: 2}, {Action: check.ActionHover, Selector: "role/link"},
		{Action: check.ActionDoubleClick, Selector: "label/{{ secrets.word }}", Strict: true, Name: "{{ name }}", Optional: true}, {Action: check.ActionHover, Selector: "#a", Strict: true},
		{Action: check.ActionKeyDown, Value: "Shift", Recorded: true}, {Action: check.ActionKeyUp, Value: "Shift", Target: "https://pop.example/"}, {Action: check.ActionCustom, Recorded: true},
		{Action: check.ActionCheck, Selector: "#a", Value: "true"}, {Action: check.ActionCheck, Selector: "#a", Value: "false", Always: true, Iframe: "#b"},
		{Action: check.ActionSelect, Selector: "test_id/a", Strict: true, Values: []string{"{{ secrets.word }}", "1"}}, {Action: check.ActionDrag, Selector: "#a", To: "#b"},
		{Action: check.ActionUpload, Selector: "role/button", Strict: true, Files: []check.File{{Name: "a.png", Content: []byte{0, 255}}, {Name: "b.txt", Type: "text/odd", Content: []byte("x\r\ny")}}},
		{Action: check.ActionUpload, Selector: "#a", Files: []check.File{{Name: "a.txt"}}},
		{Action: check.ActionScroll, Recorded: true, Strict: true, Point: &check.Point{Y: -3}}, {Action: check.ActionScroll}, {Action: check.ActionScroll, Selector: "#a"},
		{Action: check.ActionPress, Value: "a", Selectors: either}, {Action: check.ActionFill, Selectors: either, Value: ""},
		{Action: check.ActionDialog, Value: "dismiss"}, {Action: check.ActionDialog, Value: "accept", Values: []string{"{{ secrets.word }}"}},
		{Action: check.ActionCookies, Value: "clear"}, {Action: check.ActionCookies, Cookies: []check.Cookie{{Name: "b", Value: "1", URL: "https://shop.example/"}, {Name: "a", Value: "2"}}},
		{Action: check.ActionStorage, Value: "clear"}, {Action: check.ActionStorage, Value: "session"}, {Action: check.ActionStorage, Value: "local", Pairs: map[string]string{"yes": "1"}},
		{Action: check.ActionPage, Page: page}, {Action: check.ActionPage, Page: &check.Page{Network: &check.Network{}}}, {Action: check.ActionClose, Target: "https://pop.example/", Recorded: true},
		{Action: check.ActionWait, Value: "a === 'b: c'"},
		{Action: check.ActionWaitElement, Selectors: either, Recorded: true, Elements: &check.Elements{Operator: "==", Count: 0, Not: true, Properties: "{ \"a\":1}", Attributes: map[string]string{"x": "{{ y }}"}}},
		{Action: check.ActionWaitElement, Selector: "text/a", Strict: true, Elements: &check.Elements{Operator: ">=", Count: 1}},
		{Action: check.ActionExpectText, Value: "a", Selector: "text/b", Strict: true}, {Action: check.ActionExpectTitle, Value: "a"},
		{Action: check.ActionExpectVisible, Selector: "text/b", Strict: true}, {Action: check.ActionExpectHidden, Selectors: either},
		{Action: check.ActionExpectCount, Selector: "text/b", Strict: true, Elements: &check.Elements{Operator: "<=", Count: 2}}, {Action: check.ActionExpectCount, Selector: "#b", Elements: &check.Elements{Operator: "=="}},
		{Action: check.ActionExpectValue, Selector: "placeholder/b\nc", Strict: true}, {Action: check.ActionExpectAttribute, Selector: "#a", Pairs: map[string]string{"href": "{{ secrets.word }}"}},
		{Action: check.ActionExpectConsole}, {Action: check.ActionExpectDialog, Value: "a"}, {Action: check.ActionExpectResponse, Value: "a"}, {Action: check.ActionExpectResponse, Value: "a", Status: 404},
		{Action: check.ActionExpectSnapshot, Value: "- link \"a: b\"\n- button\n"}, {Action: check.ActionExpectSnapshot, Value: "- link", Selector: "#a"},
	}}
}

// Every action is among what is written.
func TestEveryActionIsWritten(t *testing.T) {
	written := map[check.Action]bool{}
	for _, c := range everything() {
		if b, ok := c.Spec.(*check.Browser); ok {
			for _, s := range b.Steps {
				written[s.Action] = true
			}
		}
	}
	for _, a := range check.Actions {
		if !written[a] {
			t.Errorf("no step of the tests of writing has the action %q: put one into flowSpec", a)
		}
	}
}

func TestWhatIsWrittenSaysTheSame(t *testing.T) {
	checks := everything()
	files, err := Write(checks)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	back, err := Parse("written.yaml", files[0], Options{})
	if err != nil || len(back) != len(checks) {
		t.Fatalf("%v in:\n%s", err, files[0])
	}
	for i := range checks {
		if d := plan.Diff(checks[i], back[i]); d != nil {
			t.Errorf("%s: %v in:\n%s", checks[i].ID, d, files[0])
		}
	}
	if text := string(files[0]); strings.Contains(text, "max_redirects: 10") || !strings.Contains(text, "every: 1m30s") {
		t.Errorf("written:\n%s", text)
	}
}

// Every file that the parser takes can be written again.
func TestGoodFilesAreWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, "../../examples/checks/shop.yaml", "../../examples/checks/network.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		checks, err := Parse(name, data, Options{Vars: map[string]string{"base": "https://shop.example"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Write(checks); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the file has no words for is named, not dropped.
func TestNothingIsLostInWriting(t *testing.T) {
	c := everything()[0]
	c.Unknown = `{"later":1}`
	d := everything()[3]
	d.ID = "Not An Id"
	_, err := Write([]check.Check{c, d})
	for _, word := range []string{`check "all"`, "unknown", `check "Not An Id"`} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("the error is %v, want %q", err, word)
		}
	}
}

// Many checks are several files, each of which can be read.
func TestManyChecksAreSeveralFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a megabyte")
	}
	var checks []check.Check
	for i := range 60 {
		c := everything()[0]
		c.ID = fmt.Sprintf("c%d", i)
		c.Spec.(*check.API).Steps[0].Request.Body = strings.Repeat("x", 20_000)
		checks = append(checks, c)
	}
	files, err := Write(checks)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	n := 0
	for _, f := range files {
		back, err := Parse("f", f, Options{})
		if err != nil {
			t.Fatal(errors.Join(err))
		}
		n += len(back)
	}
	if n != len(checks) {
		t.Errorf("%d checks came back", n)
	}
}
