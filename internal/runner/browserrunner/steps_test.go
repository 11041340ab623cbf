package browserrunner

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

func TestFlow(t *testing.T) {
	s := site(t, map[string]string{
		"/": `<form action="/hello"><input name="q" id="q"><button id="go">Search</button></form>`,
		"/hello": `<h1>Results</h1><p id="out"></p>
			<script>out.textContent = 'for ' + new URLSearchParams(location.search).get('q')</script>`,
	})
	res := run(t,
		open(s.URL),
		fillIn("#q", "green shoes"),
		click("#go"),
		expectURL("/hello?q=green"),
		text("#out", "for green shoes"),
		check.Step{Action: check.ActionScreenshot, Value: "Results"},
	)
	passes(t, res)
	if len(res.Steps) != 6 || res.Timings.Total <= 0 {
		t.Errorf("%d steps in %s", len(res.Steps), res.Timings.Total)
	}
	for _, st := range res.Steps {
		if !st.OK || st.Duration <= 0 || st.Duration > res.Timings.Total {
			t.Errorf("step %+v", st)
		}
	}
	want := jobs.Page{URL: s.URL + "/hello?q=green+shoes", Title: "Page /hello"}
	if *res.Evidence.Page != want {
		t.Errorf("page %+v, want %+v", *res.Evidence.Page, want)
	}
	t.Log(res.Worker.Browser, res.Timings.Total, res.Evidence.Artifacts)
}

func TestNever(t *testing.T) {
	s := site(t, map[string]string{"/": `nothing`})
	res := run(t, open(s.URL), within(500*time.Millisecond, click("#buy")))
	faults(t, res, jobs.Failed, jobs.FaultStep, `click "#buy": no element matches "#buy" after 500ms; the page is `+s.URL+`/ titled "Page /"`)
}
