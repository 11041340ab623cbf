package assert

import "time"

// Vitals are the worst of the documents that a flow opened. TTFB, FCP and LCP
// are 0 where nothing was painted; their names are then missing.
type Vitals struct {
	TTFB, FCP, LCP, TBT, INP time.Duration
	CLS                      float64
}

// Requests are those of a flow's pages.
type Requests struct {
	// Failed counts answers of 400 or more, and requests without an answer.
	Count, Failed int
}

type vitalsWords struct {
	TTFB time.Duration `expr:"ttfb"`
	FCP  time.Duration `expr:"fcp"`
	LCP  time.Duration `expr:"lcp"`
	TBT  time.Duration `expr:"tbt"`
	INP  time.Duration `expr:"inp"`
	CLS  float64       `expr:"cls"`
}

type requestsWords struct {
	Count  int `expr:"count"`
	Failed int `expr:"failed"`
}

type browserStepWords struct {
	Time time.Duration `expr:"time"`
}

var browserReaders = map[string]func(*frame) any{
	"url":             func(f *frame) any { return f.seen.web.URL },
	"title":           func(f *frame) any { return f.seen.web.Title },
	"time.total":      func(f *frame) any { return f.seen.web.Time.Total },
	"console_errors":  func(f *frame) any { return f.seen.web.ConsoleErrors },
	"vitals.ttfb":     painted("vitals.ttfb", func(v Vitals) time.Duration { return v.TTFB }),
	"vitals.fcp":      painted("vitals.fcp", func(v Vitals) time.Duration { return v.FCP }),
	"vitals.lcp":      painted("vitals.lcp", func(v Vitals) time.Duration { return v.LCP }),
	"vitals.tbt":      func(f *frame) any { return f.seen.web.Vitals.TBT },
	"vitals.inp":      func(f *frame) any { return f.seen.web.Vitals.INP },
	"vitals.cls":      func(f *frame) any { return f.seen.web.Vitals.CLS },
	"requests.count":  func(f *frame) any { return f.seen.web.Requests.Count },
	"requests.failed": func(f *frame) any { return f.seen.web.Requests.Failed },
	"bytes":           func(f *frame) any { return int(f.seen.web.Bytes) },
	"steps":           browserSteps,
}

// painted reads a vital that pages have once they showed something.
func painted(word string, read func(Vitals) time.Duration) func(*frame) any {
	return func(f *frame) any {
		d := read(f.seen.web.Vitals)
		if d == 0 {
			return missingf("%s is missing: no page of the flow came so far", word)
		}
		return d
	}
}

// browserSteps has the steps by their number, from 1.
func browserSteps(f *frame) any {
	steps := make(map[int]any, len(f.seen.web.Steps))
	for i, took := range f.seen.web.Steps {
		steps[i+1] = map[string]any{"time": took}
	}
	return steps
}
