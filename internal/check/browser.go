package check

import (
	"fmt"
	"strings"
	"time"
)

// Browser is the spec of a browser check: steps in a fresh browser context.
type Browser struct {
	Steps []Step
	// Width and Height are the viewport in CSS pixels, 200 to 4000.
	Width, Height int
	// Expect holds assertions over the finished flow; see API.Expect.
	Expect []string
	// Degraded holds assertions that make the attempt degraded.
	Degraded []string
}

// The default viewport of a browser check.
const (
	DefaultWidth  = 1280
	DefaultHeight = 720
)

// DefaultStepTimeout bounds a step that names no timeout of its own; the same
// figure as the Chrome DevTools Recorder's.
const DefaultStepTimeout = 5 * time.Second

// Action says what a step does.
type Action string

// The actions of a step, with the fields that each uses.
const (
	// ActionOpen navigates to Value, an absolute URL, and waits for load.
	ActionOpen Action = "open"
	// ActionClick clicks the centre of Selector.
	ActionClick Action = "click"
	// ActionFill replaces the value of the field Selector by Value.
	ActionFill Action = "fill"
	// ActionPress presses the key Value, in Selector where it is set, else in
	// the focused element. Names are those of KeyboardEvent.key.
	ActionPress Action = "press"
	// ActionExpectText waits until the text of Selector (default: the page)
	// contains Value.
	ActionExpectText Action = "expect_text"
	// ActionExpectURL waits until the page's URL contains Value.
	ActionExpectURL Action = "expect_url"
	// ActionScreenshot takes a picture of the viewport named Value.
	ActionScreenshot Action = "screenshot"
)

// Actions lists every action.
var Actions = []Action{
	ActionOpen, ActionClick, ActionFill, ActionPress, ActionExpectText, ActionExpectURL, ActionScreenshot,
}

// Step is one action of a browser flow.
type Step struct {
	Action Action
	// Selector is CSS by default; the prefixes text/ and xpath/ select by the
	// deepest element that contains a text, and by XPath.
	Selector string
	Value    string
	// Timeout bounds the step, at most [MaxTimeout]; 0 means
	// [DefaultStepTimeout], or for ActionOpen the check's own timeout.
	Timeout time.Duration
}

// String describes the step for people: `click "#buy"`.
func (s Step) String() string {
	verb := strings.ReplaceAll(string(s.Action), "_", " ")
	switch s.Action {
	case ActionClick, ActionFill:
		return fmt.Sprintf("%s %q", verb, s.Selector)
	case ActionPress, ActionExpectText:
		if s.Selector != "" {
			return fmt.Sprintf("%s %q in %q", verb, s.Value, s.Selector)
		}
	}
	return fmt.Sprintf("%s %q", verb, s.Value)
}

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
	for i, s := range b.Steps {
		if msg := s.fault(); msg != "" {
			fs = append(fs, Fault{fmt.Sprintf("steps[%d].%s", i, s.Action), msg})
		}
	}
	return fs
}

func (s Step) fault() string {
	if s.Timeout < 0 || s.Timeout > MaxTimeout {
		return fmt.Sprintf("has the timeout %s; use up to %s", s.Timeout, MaxTimeout)
	}
	switch s.Action {
	case ActionOpen:
		return urlFault(s.Value)
	case ActionClick, ActionFill:
		if s.Selector == "" {
			return "needs a selector, such as #buy or text/Buy"
		}
	case ActionPress, ActionExpectText, ActionExpectURL, ActionScreenshot:
		if s.Value == "" {
			return "needs a value"
		}
	default:
		return fmt.Sprintf("is not an action; use one of %q", Actions)
	}
	return ""
}

func (b *Browser) texts() []text {
	var ts []text
	for i, s := range b.Steps {
		ts = append(ts, text{fmt.Sprintf("steps[%d].%s", i, s.Action), string(s.Action) + "\n" + s.Selector + "\n" + s.Value})
	}
	return append(append(ts, list("expect", b.Expect)...), list("degraded", b.Degraded)...)
}
