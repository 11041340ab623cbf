package consolecmd

import (
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// lived gives a result the stamps of a job that was in time and passed.
func (w *town) lived(r *jobs.Result, took time.Duration) {
	r.Outcome = jobs.Passed
	r.SentAt, r.ReceivedAt, r.StartedAt = r.Slot.Add(40*time.Millisecond), r.Slot.Add(60*time.Millisecond), r.Slot.Add(70*time.Millisecond)
	r.FinishedAt = r.StartedAt.Add(took)
	r.Timings.Total = took
	r.Worker = jobs.Worker{ID: w.heard("worker-0"), Build: w.heard("v1.2.3")}
}

// evidence is what a runner of the result's kind would have brought.
func (w *town) evidence(r *jobs.Result) {
	bad := r.Outcome == jobs.Failed
	r.Verdicts = []jobs.Verdict{{Expr: w.heard("time.total < 1s"), OK: true}}
	switch r.Kind {
	case check.KindAPI:
		w.answer(r, bad)
	case check.KindBrowser:
		w.visit(r, bad)
	case check.KindTLS:
		r.Verdicts = []jobs.Verdict{{Expr: w.heard("tls.days_left > 14"), OK: true}, {Expr: w.heard("time.total < 50ms"), Message: w.heard("time.total < 50ms (got 80ms)"), Degraded: true}}
		r.Timings = jobs.Timings{DNS: 4 * time.Millisecond, Connect: 20 * time.Millisecond, TLS: 56 * time.Millisecond, Total: 80 * time.Millisecond}
		r.Evidence.Response = &jobs.Response{RemoteAddr: w.heard("192.0.2.7:443"), TLS: w.certificate(r)}
	case check.KindDNS, check.KindTCP, check.KindGRPC, check.KindWebSocket, check.KindICMP:
		r.Timings = jobs.Timings{Connect: 3 * time.Millisecond, FirstByte: 8 * time.Millisecond, Total: 11 * time.Millisecond}
		r.Evidence.Response = &jobs.Response{RemoteAddr: w.heard("192.0.2.7:8086"), Excerpt: w.heard("OK 19.00\r\n"), Size: 10}
	case check.KindHeartbeat:
		r.Evidence.Response = &jobs.Response{Excerpt: w.heard(`{"counted": 12}`), Size: 15}
	}
}

func (w *town) certificate(r *jobs.Result) *jobs.TLS {
	return &jobs.TLS{Version: w.heard("TLS 1.3"), Issuer: w.heard("CN=R11,O=Let's Encrypt"), Subject: w.heard("CN=shop.example"), NotAfter: r.Slot.Add(9 * 24 * time.Hour)}
}

// answer is the evidence of requests.
func (w *town) answer(r *jobs.Result, bad bool) {
	r.Timings = jobs.Timings{DNS: 4 * time.Millisecond, Connect: 12 * time.Millisecond, TLS: 18 * time.Millisecond, FirstByte: 44 * time.Millisecond, Download: 2 * time.Millisecond, Total: 80 * time.Millisecond}
	a := &jobs.Response{
		Status: 200, Proto: w.heard("HTTP/2.0"), Excerpt: w.heard(`{"total": 1900, "items": [{"id": "fog-mug", "quantity": 1}]}`), Size: 5400, RemoteAddr: w.heard("192.0.2.7:443"),
		URL: "https://shop.example/api/cart?q=" + w.heard("tea"), TLS: w.certificate(r),
		Headers: map[string]string{"content-type": w.heard("application/json"), "date": r.Slot.Format(time.RFC1123), "server": w.heard("shop"), w.heard("x-request-id"): w.heard("b1946ac9-2f4b-4c2e-9d9b-7a2f9b6d1e55"), "cache-control": "no-store"},
	}
	verdict := jobs.Verdict{Expr: w.heard("status == 200"), OK: !bad}
	if bad {
		verdict.Message = w.heard("status == 200 (got 500)")
		a.Status, a.Excerpt, a.Headers["content-type"] = 500, w.heard(`{"error": "the database of carts does not answer"}`), w.heard("application/problem+json")
	}
	r.Evidence.Response = a
	r.Verdicts = []jobs.Verdict{verdict, {Expr: w.heard("json.total > 0"), OK: true}, {Expr: w.heard("time.total < 300ms"), OK: true, Degraded: true}}
	if r.CheckID == "log-in" {
		r.Verdicts[0].Step, r.Verdicts[1].Step, r.Verdicts[2].Step = "orders", "token", "token"
		r.Steps = []jobs.StepResult{{Name: "token", OK: true, Duration: 30 * time.Millisecond}, {Name: "orders", OK: !bad, Duration: 50 * time.Millisecond, Error: verdict.Message}}
	}
}

// visit is the evidence of a flow in a browser.
func (w *town) visit(r *jobs.Result, bad bool) {
	r.Worker.Browser = w.heard("Chromium 149.0")
	r.Timings = jobs.Timings{Total: 6200 * time.Millisecond}
	step := func(name string, action check.Action, at, took time.Duration, element string) jobs.StepResult {
		return jobs.StepResult{Name: w.heard(name), Action: action, OK: true, At: at, Duration: took, Element: w.heard(element), Selector: w.heard("#" + element)}
	}
	r.Steps = []jobs.StepResult{
		step(`open "https://shop.example/products/fog-mug"`, check.ActionOpen, 0, 400*time.Millisecond, ""),
		step(`click "aria/Add to cart"`, check.ActionClick, 400*time.Millisecond, 90*time.Millisecond, `<button id="add">`),
		step(`fill "label/Name"`, check.ActionFill, 490*time.Millisecond, 40*time.Millisecond, `<input id="name">`),
		step(`click "aria/Place order"`, check.ActionClick, 530*time.Millisecond, 80*time.Millisecond, `<button id="place">`),
	}
	wait := step(`wait for "#order"`, check.ActionWaitElement, 610*time.Millisecond, 300*time.Millisecond, `<p id="order">`)
	r.Evidence.Page = &jobs.Page{URL: "https://shop.example/orders/" + w.heard("SC-1"), Title: w.heard("Thank you · Steep & Co.")}
	v := &jobs.Visit{Requests: 14, Bytes: 180_000, Vitals: []jobs.Vitals{{URL: "https://shop.example/" + w.heard("products/fog-mug"), TTFB: 40 * time.Millisecond, FCP: 120 * time.Millisecond, LCP: 300 * time.Millisecond, CLS: .02}}}
	v.Log = []jobs.Request{
		{Method: "GET", URL: "https://shop.example/products/" + w.heard("fog-mug"), Type: "Document", Status: 200, Duration: 60 * time.Millisecond, Bytes: 14_000},
		{Method: "GET", URL: "https://shop.example/static/shop.js", Type: "Script", Status: 200, Start: 70 * time.Millisecond, Duration: 30 * time.Millisecond, Bytes: 42_000},
	}
	r.Evidence.Console = []jobs.ConsoleEntry{{Level: "warning", Text: w.heard("The resource was preloaded and not used."), URL: "https://shop.example/", Line: 12}}
	if bad {
		wait.OK, wait.Duration, wait.Element = false, 5*time.Second, ""
		wait.Error, wait.Instead = w.heard(`0 elements match "#order"; >= 1 are wanted after 5s`), []string{w.heard("<h1>Server Error"), w.heard(`<a href="/cart">Back to the cart`)}
		r.Fault = &jobs.Fault{Class: jobs.FaultStep, Message: w.heard(`wait for "#order": 0 elements match`)}
		r.Evidence.Page = &jobs.Page{URL: "https://shop.example/" + w.heard("checkout"), Title: w.heard("Server Error · Steep & Co.")}
		v.Failed, v.Text = 1, w.heard("Steep & Co.\nServer Error\nSorry: your order could not be placed. Nothing was charged.")
		v.Log = append(v.Log, jobs.Request{Method: "POST", URL: "https://shop.example/" + w.heard("checkout"), Type: "Document", Status: 500, Start: 560 * time.Millisecond, Duration: 900 * time.Millisecond, Bytes: 900, Error: w.heard("")})
		r.Evidence.Console = append(r.Evidence.Console, jobs.ConsoleEntry{Level: "error", Text: w.heard("Failed to load resource: the server responded with a status of 500"), URL: "https://shop.example/checkout"})
	}
	r.Steps = append(r.Steps, wait)
	r.Evidence.Visit = v
	key := func(n int) string { return fmt.Sprintf("runs/2026-01-01/%s/%d", r.JobID, n) }
	r.Evidence.Artifacts = []jobs.Artifact{
		{Name: "end", ContentType: "image/jpeg", Key: key(0), Size: 3}, {Name: w.heard("film-000100"), ContentType: "image/jpeg", Key: key(1), Size: 3},
		{Name: "film-000900", ContentType: "image/jpeg", Key: key(2), Size: 3}, {Name: "requests.har", ContentType: "application/json", Key: key(3), Size: 3},
		{Name: w.heard("notes"), ContentType: "image/svg+xml", Key: key(4), Size: 3},
	}
	if bad {
		r.Evidence.Artifacts[0].Name = "failure"
	}
}
