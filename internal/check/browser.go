package check

import (
	"fmt"
	"time"
)

// Browser is the spec of a browser check: steps in a fresh browser context.
type Browser struct {
	Steps []Step
	// Width and Height are the viewport in CSS pixels, 200 to 4000.
	Width, Height int
	// Page holds settings of the page that stand before the first step; nil
	// where there are none.
	Page *Page
	// Templates says that texts of Steps and Page are templates, to be filled
	// in where the check runs: {{ secrets.password }}. Without it they are
	// meant as they are.
	Templates bool
	// Expect holds assertions over the finished flow; see API.Expect.
	Expect []string
	// Degraded holds assertions that make the attempt degraded.
	Degraded []string
}

// MaxSteps is the highest number of steps of a browser check.
const MaxSteps = 500

// The default viewport of a browser check.
const (
	DefaultWidth  = 1280
	DefaultHeight = 720
)

// DefaultStepTimeout bounds a step that names no timeout of its own; the same
// figure as the Chrome DevTools Recorder's.
const DefaultStepTimeout = 5 * time.Second

// Kind implements [Spec].
func (*Browser) Kind() Kind { return KindBrowser }

func (b *Browser) faults() []Fault {
	var fs []Fault
	if len(b.Steps) == 0 {
		fs = append(fs, Fault{"steps", "has no steps; the first is usually `open: URL`"})
	}
	if b.Width < 200 || b.Width > 4000 || b.Height < 200 || b.Height > 4000 {
		fs = append(fs, Fault{"viewport", fmt.Sprintf("%d×%d is out of range; each side is 200 to 4000 pixels", b.Width, b.Height)})
	}
	if len(b.Steps) > MaxSteps {
		fs = append(fs, Fault{"steps", fmt.Sprintf("has %d steps; at most %d", len(b.Steps), MaxSteps)})
	}
	for i, s := range b.Steps {
		if msg := s.fault(); msg != "" {
			fs = append(fs, Fault{fmt.Sprintf("steps[%d].%s", i, s.Action), msg})
		}
	}
	if b.Page != nil {
		if msg := b.Page.fault(); msg != "" {
			fs = append(fs, Fault{"page", msg})
		}
	}
	return fs
}

func (b *Browser) texts() []text {
	var ts []text
	for i, s := range b.Steps {
		ts = append(ts, text{fmt.Sprintf("steps[%d].%s", i, s.Action), s.words()})
	}
	if b.Page != nil {
		ts = append(ts, text{"page", b.Page.words()})
	}
	return append(append(ts, list("expect", b.Expect)...), list("degraded", b.Degraded)...)
}
