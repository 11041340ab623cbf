package browserrunner

import (
	"context"
	"errors"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/jobs"
)

// maxText is the number of bytes kept of what the page showed.
const maxText = 4 << 10

// questions are asked of a finished flow's page before its picture is taken,
// and answered meanwhile: drawing may take all the time that there is.
type questions struct {
	where        *pending[target.GetTargetInfoResult]
	vitals, text *pending[runtime.EvaluateResult]
}

func (f *flow) ask(ctx context.Context, failure error) (q questions) {
	q.where = f.tab.askPage(ctx)
	if errors.Is(failure, errPageCrashed) || errors.Is(failure, errPageClosed) {
		return q
	}
	q.vitals = f.tab.askWorld(ctx, f.tab.top.root, "globalThis.probefleetVitals?.() ?? ''")
	if failure != nil {
		q.text = f.tab.askWorld(ctx, f.tab.shown().root, "document.body?.innerText ?? ''")
	}
	return q
}

// visit fills in what was seen of the page beside its console, and keeps for
// the store what is worth it: all requests and the film strip of a run that
// did not pass, or was asked for them.
func (f *flow) visit(ctx context.Context, q questions) {
	v := &jobs.Visit{Waited: f.waited}
	v.Text = f.scrub.text(shorten(said(ctx, q.text), maxText))
	vitals := said(ctx, q.vitals)
	f.tab.mu.Lock()
	f.tab.vitalsLocked(vitals)
	f.tab.mu.Unlock()
	f.tab.mu.Lock()
	all := f.tab.traffic.exchanges()
	v.Vitals = f.tab.vitals
	f.tab.mu.Unlock()
	for i := range v.Vitals {
		v.Vitals[i].URL = f.scrub.text(shorten(v.Vitals[i].URL, 500))
	}
	f.sum(v, all)
	f.seen, f.exchanges = v, all
}

// keepMore adds to the pictures what is kept of a run that did not pass.
func (f *flow) keepMore(res *jobs.Result) {
	if f.runner.artifacts == nil {
		return
	}
	if res.Outcome == jobs.Passed && !f.runner.everything {
		return
	}
	f.pictures = append(f.pictures, f.strip()...)
	if len(f.exchanges) > 0 {
		f.pictures = append(f.pictures, picture{name: harName, contentType: harType, data: f.archive(res, f.exchanges)})
	}
}

// measured fills in what budgets are held against: the worst of the vitals.
func (f *flow) measured(seen *assert.Browser, steps []jobs.StepResult) {
	for _, s := range steps {
		seen.Steps = append(seen.Steps, s.Duration)
	}
	if f.seen == nil {
		return
	}
	seen.Requests = assert.Requests{Count: f.seen.Requests, Failed: f.seen.Failed}
	seen.Bytes = f.seen.Bytes
	w := &seen.Vitals
	for _, v := range f.seen.Vitals {
		w.TTFB, w.FCP, w.LCP = max(w.TTFB, v.TTFB), max(w.FCP, v.FCP), max(w.LCP, v.LCP)
		w.TBT, w.INP, w.CLS = max(w.TBT, v.TBT), max(w.INP, v.INP), max(w.CLS, v.CLS)
	}
}
