//go:build linux

package browserrunner

import (
	"context"
	"sync"
	"testing"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// talk is what was said between a driver and its browser for one check, in its
// path: a busy machine changes no number of these.
type talk struct {
	commands, trips, events, bytes int
}

// eavesdropper notes every message that passes.
type eavesdropper struct {
	chromedp.Transport
	mu   sync.Mutex
	said []*cdproto.Message
}

func (e *eavesdropper) note(m *cdproto.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said = append(e.said, m)
}

func (e *eavesdropper) Read(ctx context.Context, m *cdproto.Message) error {
	err := e.Transport.Read(ctx, m)
	if err == nil {
		e.note(m)
	}
	return err
}

func (e *eavesdropper) Write(ctx context.Context, m *cdproto.Message) error {
	e.note(m) // before its answer
	return e.Transport.Write(ctx, m)
}

// sum is the talk of the one run since the last sum: what its page's session
// said from its navigation on, and what was asked of the browser about it.
// What is said meanwhile for the page of the next run is in no run's path.
func (e *eavesdropper) sum() (t talk) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var page target.SessionID
	open := map[int64]bool{}
	for _, m := range e.said {
		if m.Method == cdproto.CommandPageNavigate {
			page = m.SessionID
		}
		ofRun := page != "" && m.SessionID == page || m.Method == cdproto.CommandTargetGetTargetInfo
		switch {
		case m.ID != 0 && m.Method != "" && ofRun:
			if len(open) == 0 {
				t.trips++
			}
			open[m.ID] = true
			t.commands++
			t.bytes += len(m.Params)
		case m.ID != 0 && m.Method == "":
			if open[m.ID] {
				t.bytes += len(m.Result)
			}
			delete(open, m.ID)
		case m.Method != "" && ofRun:
			t.events++
			t.bytes += len(m.Params)
		}
	}
	e.said = nil
	return t
}

// TestRoundTrips holds the number of times that a check of five steps waits
// for the browser against the loop that speaks the protocol by hand, which has
// no step list, no timings, no console and no vitals.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	url := shopSite(t)
	var ear *eavesdropper
	ours := ourDriver(t, url, func(o *Options) {
		o.wire = func(pipe chromedp.Transport) chromedp.Transport {
			ear = &eavesdropper{Transport: pipe}
			return ear
		}
	})
	var mine, theirs talk
	for range 2 { // the second has its page made ahead
		if err := ours.flow(); err != nil {
			t.Fatal(err)
		}
		mine = ear.sum()
	}
	raw := rawDriver(t, url, "raw", "jpeg")
	if err := raw.flow(); err != nil {
		t.Fatal(err)
	}
	theirs = raw.talk()
	for who, said := range map[string]talk{"ours": mine, "raw": theirs} {
		t.Logf("%s: %d commands in %d round trips, %d events, %d KB", who, said.commands, said.trips, said.events, said.bytes>>10)
	}
	if mine.trips > theirs.trips {
		t.Errorf("a check waits for %d round trips; by hand it is %d", mine.trips, theirs.trips)
	}
}

// withholder sends everything but the script that documents begin with.
type withholder struct{ chromedp.Transport }

func (w withholder) Write(ctx context.Context, m *cdproto.Message) error {
	if m.Method == cdproto.CommandPageAddScriptToEvaluateOnNewDocument {
		asked := *m
		asked.Method, asked.Params = cdproto.CommandInspectorEnable, nil
		m = &asked
	}
	return w.Transport.Write(ctx, m)
}

// TestDocumentsThatWereThereBefore has steps in documents that began without
// our script, as those of a page that was attached to late.
func TestDocumentsThatWereThereBefore(t *testing.T) {
	t.Parallel()
	err := ourDriver(t, shopSite(t), func(o *Options) {
		o.wire = func(pipe chromedp.Transport) chromedp.Transport { return withholder{pipe} }
	}).flow()
	if err != nil {
		t.Fatal(err)
	}
}
