package jobs

import "time"

// Visit is what a browser saw of a flow beside the page that it ended on. It
// is evidence of browser checks only.
type Visit struct {
	// Waited is the time until a browser was ready for the flow. It is no part
	// of Timings.Total: a check's timings are not another's queue.
	Waited time.Duration
	// Vitals has one entry per document that the flow opened, in order; of
	// more than a few the first and the last.
	Vitals []Vitals
	// Requests, Failed and Bytes count every request of the flow's page and of
	// its frames: those that were answered with 400 or more, or not at all,
	// and the bytes that came over the wire, headers included.
	Requests, Failed int
	Bytes            int64
	// Log lists requests: those that failed, and the slowest, in the order in
	// which they began.
	Log []Request
	// Text is the start of what the page showed where the flow did not reach
	// its end.
	Text string
}

// Vitals are how one document did for whoever looked at it; what was not
// observed is 0. See https://web.dev/articles/vitals.
type Vitals struct {
	URL string
	// TTFB is the time to the first byte of the answer, FCP and LCP the first
	// and the largest paint with content, all since the navigation began.
	TTFB, FCP, LCP time.Duration
	// TBT sums what tasks took beyond 50 ms after the first paint with content.
	TBT time.Duration
	// INP is the longest time from an input to the next paint.
	INP time.Duration
	// CLS is the largest burst of layout shifts.
	CLS float64
}

// Request is one request of a page.
type Request struct {
	Method, URL string
	// Type is the browser's word: Document, Script, Image, Fetch...
	Type string
	// Status is 0 where there was no answer; Error says why.
	Status int
	Error  string
	// Start is since the flow began.
	Start, Duration time.Duration
	Bytes           int64
}
