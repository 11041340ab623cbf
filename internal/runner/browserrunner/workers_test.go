package browserrunner

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// TestWorkersRequests: what workers of every kind ask for is among the
// requests, from the first on, and expectations of responses see it.
func TestWorkersRequests(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script := func(text string) {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, text)
		}
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<title>Workers</title><body><script>
				const said = (what) => document.body.append(what + ' ');
				new Worker('/dedicated.js').onmessage = (e) => said(e.data);
				new SharedWorker('/shared.js').port.onmessage = (e) => said(e.data);
				navigator.serviceWorker.onmessage = (e) => said(e.data);
				navigator.serviceWorker.register('/service.js');
			</script>`)
		case "/dedicated.js":
			script(`fetch('/of-dedicated').then(() => postMessage('dedicated')); new Worker('/inner.js').onmessage = (e) => postMessage(e.data)`)
		case "/inner.js":
			script(`fetch('/of-inner').then(() => postMessage('inner'))`)
		case "/shared.js":
			script(`const asked = fetch('/of-shared'); onconnect = (e) => asked.then(() => e.ports[0].postMessage('shared'))`)
		case "/service.js":
			script(`oninstall = (e) => { skipWaiting(); e.waitUntil(fetch('/of-service')) };
				onactivate = (e) => e.waitUntil(clients.claim().then(() => clients.matchAll()).then((all) => all.forEach((c) => c.postMessage('service'))))`)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(s.Close)
	steps := []check.Step{open(s.URL)}
	for _, kind := range []string{"dedicated", "inner", "shared", "service"} {
		steps = append(steps, within(15*time.Second, text("", kind)))
	}
	steps = append(steps, check.Step{Action: check.ActionExpectResponse, Value: "/of-shared", Status: http.StatusTeapot})
	res := run(t, steps...)
	passes(t, res)
	for _, kind := range []string{"dedicated", "inner", "shared", "service"} {
		n := 0
		for _, q := range res.Evidence.Visit.Log {
			if strings.HasSuffix(q.URL, "/of-"+kind) && q.Status == http.StatusTeapot {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the request of the %s worker is there %d times", kind, n)
		}
	}
	if i := slices.IndexFunc(res.Evidence.Visit.Log, func(q jobs.Request) bool { return q.Status == 0 }); i >= 0 {
		t.Errorf("without an answer: %+v", res.Evidence.Visit.Log[i])
	}
}
