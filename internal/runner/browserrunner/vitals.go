package browserrunner

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"github.com/probefleet/probefleet/internal/jobs"
)

//go:embed watch.js
var watchJS string

const (
	// leftBinding is what watch.js calls when its document is left.
	leftBinding = "probefleetLeft"
	// maxVitals is the number of documents whose vitals are kept.
	maxVitals = 10
)

// startJS is what a document begins with.
var startJS = "globalThis.probefleetLocate = " + locateJS + ";\n" + watchJS

// watchDocuments makes startJS run in every document of s to come.
func watchDocuments(ctx context.Context, s session) []waiter {
	return []waiter{
		send(ctx, s, runtime.AddBinding, runtime.AddBindingParams{Name: leftBinding, ExecutionContextName: world}),
		send(ctx, s, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: startJS, WorldName: world}),
	}
}

// waiter is an answer whose content nobody needs.
type waiter interface {
	done(ctx context.Context) error
}

func (p *pending[R]) done(ctx context.Context) error {
	if _, err := p.wait(ctx); err != nil {
		return fmt.Errorf("%s: %w", p.method, err)
	}
	return nil
}

// leftLocked takes the vitals of a document that the main page leaves.
func (t *tab) leftLocked(m *cdproto.Message) {
	if e, ok := decode[runtime.EventBindingCalled](m); ok && e.Name == leftBinding {
		t.vitalsLocked(e.Payload)
	}
}

// vitalsLocked keeps what watch.js said of one document. The page itself
// cannot say it: our world is out of its reach.
func (t *tab) vitalsLocked(said string) {
	var v struct {
		ID                            float64 // of the document
		URL                           string
		TTFB, FCP, LCP, TBT, INP, CLS float64
	}
	if json.Unmarshal([]byte(said), &v) != nil || v.URL == "" {
		return
	}
	ms := func(f float64) time.Duration {
		if !(f > 0 && f < 1e9) {
			return 0
		}
		return time.Duration(f * float64(time.Millisecond))
	}
	if n := len(t.vitals); n > 0 && v.ID == t.vitalsOf {
		t.vitals = t.vitals[:n-1] // it was not left after all
	}
	t.vitalsOf = v.ID
	if len(t.vitals) == maxVitals {
		t.vitals = t.vitals[:maxVitals-1] // the last is worth more than the one before
	}
	t.vitals = append(t.vitals, jobs.Vitals{
		URL: v.URL, TTFB: ms(v.TTFB), FCP: ms(v.FCP), LCP: ms(v.LCP), TBT: ms(v.TBT), INP: ms(v.INP), CLS: v.CLS,
	})
}

// askWorld asks our world in a frame; nil where the page is away.
func (t *tab) askWorld(ctx context.Context, fr *frame, expression string) *pending[runtime.EvaluateResult] {
	s, id, err := t.enter(ctx, fr)
	if err != nil {
		return nil
	}
	return send(ctx, s, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, ContextID: id, ReturnByValue: ptr(true), Silent: ptr(true),
	})
}

// said is the text that askWorld brought; "" where the page is away or busy.
func said(ctx context.Context, asked *pending[runtime.EvaluateResult]) (text string) {
	if asked == nil {
		return ""
	}
	res, err := asked.wait(ctx)
	if err != nil || res.ExceptionDetails != nil || res.Result == nil {
		return ""
	}
	_ = unmarshal(res.Result.Value, &text)
	return text
}
