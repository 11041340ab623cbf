package codec

import (
	"maps"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// at is a fixed time of the samples, ms after a slot.
func at(ms int) time.Time {
	return time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC).Add(time.Duration(ms) * time.Millisecond)
}

func sampleAPI() check.Check {
	return check.Check{
		ID: "shop-orders", Name: "List orders", Description: "The orders of the demo account.", Group: "Shop",
		Tags: []string{"shop", "api"}, Every: 30 * time.Second, Timeout: 10 * time.Second,
		Locations: []string{"local", "eu-west-1"}, Active: true, Muted: true, Public: true,
		Spec: &check.API{Steps: []check.APIStep{{
			Request: check.Request{
				Method: "POST", URL: "https://shop.example/api/orders?page=1",
				Headers: map[string]string{"Accept": "application/json", "X-Trace": "yes", "B": "<&>"},
				Query:   map[string]string{"limit": "10", "q": "a b"},
				Body:    `{"user":"demo"}`,
				Auth:    &check.Auth{User: "demo", Password: "demo"},
				// More than 2^53, though no valid check has it.
				MaxRedirects: 10, MaxBody: 1<<53 + 1,
			},
			Expect:   []string{"status == 200", "len(json.orders) >= 1"},
			Degraded: []string{"time.total < 300ms"},
		}}},
	}
}

// sampleSteps is a check that version 1 has no room for.
func sampleSteps() check.Check {
	c := sampleAPI()
	orders := c.Spec.(*check.API).Steps[0]
	orders.ID = "orders"
	c.Spec = &check.API{Steps: []check.APIStep{
		{
			ID:      "token",
			Request: check.Request{Method: "GET", URL: "https://shop.example/api/login", MaxBody: 1 << 20},
			Expect:  []string{"status == 200"},
		},
		orders,
	}}
	return c
}

func sampleBrowser() check.Check {
	return check.Check{
		ID: "shop-checkout", Name: "Check out", Every: 5 * time.Minute, Timeout: time.Minute,
		Locations: []string{"local"}, Active: true,
		Spec: &check.Browser{
			Width: 1280, Height: 720,
			Steps: []check.Step{
				{Action: check.ActionOpen, Value: "https://shop.example/"},
				{Action: check.ActionClick, Selector: "text/Log in", Timeout: 1500 * time.Millisecond},
				{Action: check.ActionFill, Selector: "#user", Value: "demo"},
				{Action: check.ActionPress, Value: "Enter"},
				{Action: check.ActionExpectText, Selector: "h1", Value: "Thank you"},
				{Action: check.ActionExpectURL, Value: "/done"},
				{Action: check.ActionScreenshot, Value: "done"},
			},
			Expect: []string{"console_errors == 0"}, Degraded: []string{"time.total < 5s"},
		},
	}
}

func sampleUnicode() check.Check {
	c := sampleAPI()
	c.Name, c.Group = "Überprüfung ✓ 検査 \u2028 👩‍🚀", "\u202eرجل"
	c.Tags = []string{`quote " backslash \ tab` + "\t", "\\u0000 is text here"}
	return c
}

func sampleJob(c check.Check) jobs.Job {
	j := jobs.New(c, "local", at(0), 1, at(120), at(30_000))
	j.TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	j.Reply = 1
	return j
}

// sampleRecorded has every field that version 2 added to browser checks.
func sampleRecorded() check.Check {
	page := &check.Page{
		Width: 390, Height: 844, Scale: 2.625, Mobile: true, Touch: true, Landscape: true, UserAgent: "Mozilla/5.0",
		Network: &check.Network{Offline: true, Latency: 165 * time.Millisecond, Download: 1_012_500, Upload: 168_750},
		Locale:  "de-CH", TimeZone: "Europe/Zurich", Geolocation: &check.Geolocation{Latitude: 47.37, Longitude: -8.5, Accuracy: 10},
		User: "demo", Password: "demo", Headers: map[string]string{"X-Check": "yes"}, Block: []string{"*.ads.example/*"},
		Mocks: []check.Mock{{URL: "*/api/stock", Method: "GET", Status: 503, Headers: map[string]string{"Retry-After": "1"}, Body: "{}"}},
	}
	c := sampleBrowser()
	c.Spec = &check.Browser{
		Width: 1280, Height: 720, Page: page,
		Steps: []check.Step{
			{Action: check.ActionOpen, Value: "https://shop.example/", Recorded: true, Events: []check.Navigation{{URL: "https://shop.example/", Title: "Shop"}}},
			{
				Action: check.ActionClick, Selectors: [][]string{{"aria/Buy"}, {"#host", "button"}}, Recorded: true, Strict: true,
				Target: "https://pay.example/frame", Frame: []int{0, 2}, Point: &check.Point{X: 1.5, Y: 18}, Button: "right", Hold: 50 * time.Millisecond,
			},
			{
				Action: check.ActionWaitElement, Selector: "li", Elements: &check.Elements{
					Operator: "==", Not: true, Properties: `{"id":"a"}`, Attributes: map[string]string{"class": "b"},
				},
			},
			{Action: check.ActionUpload, Selector: "label/Photo", Exact: true, Nth: 2, Files: []check.File{{Name: "a.txt", Type: "text/plain", Content: []byte("hello")}}},
			{Action: check.ActionDrag, Selector: "#a", To: "#b", Iframe: "#board", Name: "Move the card", Optional: true},
			{Action: check.ActionSelect, Selector: "#size", Values: []string{"S", "L"}},
			{Action: check.ActionStorage, Value: "local", Pairs: map[string]string{"theme": "dark"}},
			{Action: check.ActionCookies, Cookies: []check.Cookie{{Name: "a", Value: "b", URL: "https://shop.example/"}}},
			{Action: check.ActionExpectResponse, Value: "/api/stock", Status: 503},
			{Action: check.ActionPage, Page: &check.Page{Network: &check.Network{}}, Always: true},
		},
	}
	return c
}

// The samples of version 2 only; all others are written in every version.
func newJobSamples() map[string]jobs.Job {
	single := sampleAPI()
	single.Spec.(*check.API).Steps[0].ID = "only"
	steps, only, recorded := sampleJob(sampleSteps()), sampleJob(single), sampleJob(sampleRecorded())
	templates := sampleJob(sampleTemplates())
	steps.Reply, only.Reply, recorded.Reply, templates.Reply = 2, 2, 2, 2
	all := map[string]jobs.Job{"steps": steps, "one-named-step": only, "recorded": recorded, "browser-templates": templates}
	maps.Copy(all, netJobSamples())
	return all
}

func newResultSamples() map[string]jobs.Result {
	browser := sampleBrowserFailed()
	for i := range browser.Steps {
		st := &browser.Steps[i]
		st.At, st.Selector, st.Element = time.Duration(i)*time.Second, "aria/Buy", `<button id="buy">`
	}
	browser.Steps[0].Optional, browser.Steps[1].Instead = true, []string{"Add to cart", "Log in"}

	r := sampleResult(sampleSteps())
	token := jobs.Timings{DNS: time.Millisecond, Connect: 2 * time.Millisecond, FirstByte: 30 * time.Millisecond, Total: 33 * time.Millisecond}
	orders := jobs.Timings{Connect: 2 * time.Millisecond, TLS: time.Microsecond, Download: time.Millisecond, Total: 4 * time.Millisecond}
	r.Timings = jobs.Timings{DNS: time.Millisecond, Connect: 4 * time.Millisecond, TLS: time.Microsecond,
		FirstByte: 30 * time.Millisecond, Download: time.Millisecond, Total: 37 * time.Millisecond}
	r.Steps = []jobs.StepResult{
		{Name: "token", Duration: token.Total, Timings: token, OK: true},
		{Name: "orders", Duration: orders.Total, Timings: orders, Error: "status == 200 (got 503)"},
	}
	r.Verdicts = []jobs.Verdict{
		{Step: "token", Expr: "status == 200", OK: true},
		{Step: "orders", Expr: "status == 200", Message: "status == 200 (got 503)"},
	}
	r.Conclude()
	all := map[string]jobs.Result{"steps": r, "browser-steps": browser, "visit": sampleVisit()}
	maps.Copy(all, netResultSamples())
	return all
}

func announcementSamples() map[string]jobs.Announcement {
	full := NewAnnouncement(jobs.Worker{ID: "worker-1.local/77", Build: "v0.2.0-5d876cb", Browser: "HeadlessChrome/145.0.7632.46"}, "eu-west-1", at(0), at(15_000))
	full.Lanes = []jobs.LaneState{{Class: jobs.ClassAPI, Slots: 20, Busy: 3}, {Class: jobs.ClassBrowser, Slots: 2}}
	full.Reads, full.Writes = 2, 2
	leaving := full
	leaving.Lanes, leaving.Leaving = nil, true
	return map[string]jobs.Announcement{"full": full, "leaving": leaving}
}

func newCheckSamples() map[string]check.Check {
	all := map[string]check.Check{"steps": sampleSteps(), "api-full": sampleFullAPI(), "retry": sampleRetry()}
	for name, j := range netJobSamples() {
		all[name] = j.Check
	}
	all["browser-templates"] = sampleTemplates()
	maps.Copy(all, alarmSamples())
	return all
}

func jobSamples() map[string]jobs.Job {
	retry := jobs.New(sampleAPI(), "eu-west-1", at(0).Add(987654321), 3, at(0).Add(987654322), at(60_000))
	retry.Reply = 1
	minimal := jobs.New(check.Check{ID: "a", Every: time.Second, Timeout: time.Second, Spec: &check.API{Steps: make([]check.APIStep, 1)}}, "l", at(0), 1, at(0), at(0))
	minimal.Reply = 1
	return map[string]jobs.Job{
		"api":     sampleJob(sampleAPI()),
		"browser": sampleJob(sampleBrowser()),
		"unicode": sampleJob(sampleUnicode()),
		"retry":   retry,
		"minimal": minimal,
	}
}

func checkSamples() map[string]check.Check {
	bearer := sampleAPI()
	bearer.Spec.(*check.API).Steps[0].Request.Auth = &check.Auth{Bearer: "secret"}
	return map[string]check.Check{
		"api": sampleAPI(), "browser": sampleBrowser(), "unicode": sampleUnicode(), "bearer": bearer,
		"minimal": {ID: "a", Every: time.Second, Timeout: time.Second, Spec: &check.Browser{}},
	}
}

func sampleResult(c check.Check) jobs.Result {
	r := jobs.ResultFor(sampleJob(c))
	r.ReceivedAt, r.StartedAt, r.FinishedAt = at(130), at(131), at(131).Add(345_678_901)
	r.Worker = jobs.Worker{ID: "worker-1.local/77", Build: "v0.1.0-5d876cb"}
	return r
}

func samplePassed() jobs.Result {
	r := sampleResult(sampleAPI())
	r.Timings = jobs.Timings{
		DNS: 1200 * time.Microsecond, Connect: 10 * time.Millisecond, TLS: 20 * time.Millisecond,
		FirstByte: 250 * time.Millisecond, Download: time.Microsecond, Total: 345678 * time.Microsecond,
	}
	r.Verdicts = []jobs.Verdict{
		{Expr: "status == 200", OK: true},
		{Expr: "len(json.orders) >= 1", OK: true},
		{Expr: "time.total < 400ms", OK: true, Degraded: true},
	}
	r.Evidence.Response = &jobs.Response{
		Status: 200, Proto: "HTTP/2.0", Headers: map[string]string{"content-type": "application/json", "server": "shop"},
		Excerpt: `{"orders":[{"id":1,"html":"<b>&amp;</b>"}]}`, Size: 1<<53 + 1, RemoteAddr: "192.0.2.7:443",
		URL: "https://shop.example/api/orders", Redirects: 1,
		TLS: &jobs.TLS{Version: "TLS 1.3", Issuer: "CN=Example CA", Subject: "CN=shop.example", NotAfter: at(0).AddDate(0, 2, 0)},
	}
	r.Conclude()
	return r
}

func sampleBrowserFailed() jobs.Result {
	r := sampleResult(sampleBrowser())
	r.Worker.Browser = "HeadlessChrome/145.0.7632.46"
	r.Timings.Total = 6*time.Second + 7*time.Microsecond
	r.Steps = []jobs.StepResult{
		{Name: `open "https://shop.example/"`, Action: check.ActionOpen, Duration: 812 * time.Millisecond, OK: true},
		{Name: `click "text/Log in"`, Action: check.ActionClick, Duration: 5 * time.Second, Error: "no element matched within 5s"},
	}
	r.Evidence = jobs.Evidence{
		Page: &jobs.Page{URL: "https://shop.example/", Title: "Shop ✓"},
		Console: []jobs.ConsoleEntry{
			{Level: "exception", Text: "TypeError: x is not a function", URL: "https://shop.example/app.js", Line: 42},
			{Level: "warning", Text: "slow"},
		},
		Artifacts: []jobs.Artifact{
			{Name: "failure.png", ContentType: "image/png", Key: "2026/03/14/failure.png", Size: 48213},
			{Name: "lost.png", ContentType: "image/png", Size: 1},
		},
	}
	r.Fail(jobs.FaultStep, `click "text/Log in": no element matched within 5s`)
	return r
}

func resultSamples() map[string]jobs.Result {
	failed := samplePassed()
	failed.Outcome, failed.Fault = "", nil
	failed.Verdicts[0] = jobs.Verdict{Expr: "status == 200", Message: "status == 200 (got 503)"}
	failed.Evidence.Response.Status = 503
	failed.Conclude()

	degraded := samplePassed()
	degraded.Outcome = ""
	degraded.Verdicts[2].OK, degraded.Verdicts[2].Message = false, "time.total < 400ms (got 512ms)"
	degraded.Conclude()

	tls := sampleResult(sampleAPI())
	tls.Timings = jobs.Timings{DNS: time.Millisecond, Connect: time.Millisecond, Total: 9 * time.Millisecond}
	tls.Fail(jobs.FaultTLS, "the certificate of shop.example ended on 2026-01-01; renew it")

	noBrowser := sampleResult(sampleBrowser())
	noBrowser.Excuse(jobs.FaultNoBrowser, "this worker has no browser; install chromium-headless-shell")

	expired := jobs.ResultFor(sampleJob(sampleAPI()))
	expired.Outcome, expired.Fault = jobs.Expired, &jobs.Fault{Class: jobs.FaultExpired, Message: "received 12s after it expired"}
	expired.ReceivedAt = at(42_000)

	unicode := samplePassed()
	unicode.Evidence.Response.Excerpt = "検査 \u2028 \ufffd 👩‍🚀 \\ud800 \x7f \x01"
	unicode.Evidence.Response.Headers = map[string]string{"x-é": "ü", "x-\ufffd": "1"}

	minimal := jobs.ResultFor(jobSamples()["minimal"])
	minimal.SentAt, minimal.Outcome = time.Time{}, jobs.Passed
	return map[string]jobs.Result{
		"passed": samplePassed(), "failed": failed, "degraded": degraded, "tls": tls,
		"browser-failed": sampleBrowserFailed(), "no-browser": noBrowser, "expired": expired,
		"unicode": unicode, "minimal": minimal,
	}
}
