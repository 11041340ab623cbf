package pages

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// flow is a browser check whose last step failed.
func flow(fail jobs.StepResult, requests ...jobs.Request) jobs.Result {
	fail.At = 4 * time.Second
	r := jobs.Result{Kind: check.KindBrowser, Outcome: jobs.Failed, Fault: &jobs.Fault{Class: jobs.FaultStep, Message: fail.Error}, Steps: []jobs.StepResult{
		{Name: `open "http://shop.example/"`, Action: check.ActionOpen, OK: true, Duration: time.Second},
		{Name: `fill "label/Name"`, Action: check.ActionFill, OK: true, At: time.Second, Duration: time.Second},
		{Name: `click "aria/Place order"`, Action: check.ActionClick, OK: true, At: 3 * time.Second, Duration: time.Second},
		fail,
	}}
	r.Evidence.Visit = &jobs.Visit{Log: requests, Text: "Steep & Co.\nLog in\nCart 1\n Server Error\n Sorry: nothing was charged."}
	r.Evidence.Page = &jobs.Page{Title: "Server Error · Steep & Co."}
	return r
}

func TestReasonsAreSentences(t *testing.T) {
	waits := jobs.StepResult{Name: `wait for "#order"`, Action: check.ActionWaitElement, Duration: 5 * time.Second, Error: `0 elements match "#order"; >= 1 are wanted after 5s; the page is http://x/`}
	answered := jobs.Request{Method: "POST", URL: "http://shop.example/checkout?x=1", Type: "Document", Status: 500, Start: 3500 * time.Millisecond}
	pixel := jobs.Request{Method: "GET", URL: "http://shop.example/pixel.gif", Type: "Image", Status: 404, Start: 4 * time.Second}
	before := jobs.Request{Method: "GET", URL: "http://shop.example/old", Type: "Document", Status: 404, Start: time.Second}
	for name, c := range map[string]struct {
		result jobs.Result
		want   string
	}{
		"the answer explains it": {
			flow(waits, before, answered, pixel),
			`After clicking “Place order”, the server answered POST /checkout with 500 Internal Server Error. So “#order” did not appear within 5 s (step 4).`,
		},
		"nothing else went wrong": {flow(waits, before), `After clicking “Place order”, “#order” did not appear within 5 s (step 4).`},
		"no answer": {
			flow(waits, jobs.Request{Method: "GET", URL: "http://api.example/stock", Type: "Fetch", Error: "net::ERR_CONNECTION_REFUSED", Start: 4 * time.Second}),
			`After clicking “Place order”, the request GET /stock was not answered (net::ERR_CONNECTION_REFUSED). So “#order” did not appear within 5 s (step 4).`,
		},
		"the text": {
			flow(jobs.StepResult{Name: `expect text "Welcome"`, Action: check.ActionExpectText, Duration: 5 * time.Second, Error: "is not there"}),
			`After clicking “Place order”, the text “Welcome” was not there within 5 s (step 4).`,
		},
		"the action itself": {
			flow(jobs.StepResult{Name: `click "text/Buy"`, Action: check.ActionClick, Error: `no element matches; the page is http://x/`}),
			`Step 4, click "Buy", did not succeed: no element matches.`,
		},
		"an expectation": {
			jobs.Result{
				Kind: check.KindAPI, Outcome: jobs.Failed, Fault: &jobs.Fault{Class: jobs.FaultAssertion, Message: "status == 201 (got 500)"},
				Verdicts: []jobs.Verdict{{Expr: "a", OK: true}, {Message: "status == 201 (got 500)"}, {Message: "b"}, {Degraded: true}},
				Evidence: jobs.Evidence{Response: &jobs.Response{Status: 500}},
			},
			"The answer is not as expected: status == 201 (got 500), and 1 expectation more. The server answered 500 Internal Server Error.",
		},
		"slow": {
			jobs.Result{
				Kind: check.KindAPI, Outcome: jobs.Degraded, Fault: &jobs.Fault{Class: jobs.FaultAssertion},
				Verdicts: []jobs.Verdict{{Degraded: true, Step: "pay", Message: "time.total < 300ms (got 457ms)"}},
			},
			`It works, but not as well as wanted: step "pay": time.total < 300ms (got 457ms).`,
		},
		"the network": {
			jobs.Result{Kind: check.KindAPI, Outcome: jobs.Failed, Fault: &jobs.Fault{Class: jobs.FaultDNS, Message: "shop.example does not resolve"}},
			"shop.example does not resolve.",
		},
		"ours": {
			jobs.Result{Kind: check.KindBrowser, Outcome: jobs.Inconclusive, Fault: &jobs.Fault{Class: jobs.FaultBrowser, Message: "The browser went away"}},
			"The run could not be made here: the browser went away. That says nothing about the target.",
		},
		"too late": {jobs.Result{Outcome: jobs.Expired}, "The job waited for a worker until it was too old to be started. That says nothing about the target."},
		"passed":   {jobs.Result{Outcome: jobs.Passed}, "Everything was as expected."},
	} {
		if got := explain(c.result).Sentence; got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
	if got, want := explain(flow(waits)).Said, "Server Error · Sorry: nothing was charged."; got != want {
		t.Errorf("the page said %q, want %q", got, want)
	}
}
