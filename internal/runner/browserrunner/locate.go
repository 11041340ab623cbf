package browserrunner

import (
	"context"
	_ "embed"
	"errors"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed locate.js
var locateJS string

// world is the name of the page's world in which our script runs.
const world = "probefleet"

// The operations of locate.js.
const (
	opClick  = "click"  // the point to click
	opFill   = "fill"   // focus and select a field, or set it
	opFocus  = "focus"  // focus
	opText   = "text"   // a text is shown
	opURL    = "url"    // the URL contains a text
	opSettle = "settle" // the page's handlers have run
)

// want is what the script waits for.
type want struct {
	Op       string `json:"op"`
	Kind     string `json:"kind"` // css, text, xpath
	Selector string `json:"selector"`
	Text     string `json:"text"`
	// Timeout is the time that the script waits, in milliseconds.
	Timeout int64 `json:"timeout"`
}

// found is what the script says.
type found struct {
	OK bool `json:"ok"`
	// X and Y are where to click.
	X float64 `json:"x"`
	Y float64 `json:"y"`
	// Mode says what is left to do for fill: "done", "click", "type".
	Mode string `json:"mode"`
	// Secret says that the field hides what is typed.
	Secret bool `json:"secret"`

	// Why not: see reasons in errors.go.
	Reason    string `json:"reason"`
	Matches   int    `json:"matches"`
	By        string `json:"by"`     // the element that is meant or in the way
	Actual    string `json:"actual"` // what was there instead
	OtherCase bool   `json:"otherCase"`
}

// selector splits a step's selector into kind and rest.
func selector(s string) (kind, rest string) {
	for _, kind := range []string{"text", "xpath", "css"} {
		if rest, ok := strings.CutPrefix(s, kind+"/"); ok {
			return kind, rest
		}
	}
	return "css", s
}

// locate waits in the page until w is so, or until patience ends; a page that
// is replaced meanwhile is asked anew. The error is the cause of ctx's end,
// which comes later than patience: then the page did not answer.
func (t *tab) locate(ctx context.Context, w want, patience time.Time) (found, error) {
	for {
		w.Timeout = max(0, time.Until(patience).Milliseconds())
		f, err := t.ask(ctx, w)
		if !replaced(err) {
			return f, err
		}
		t.mu.Lock()
		t.world = 0
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return found{}, context.Cause(ctx)
		}
	}
}

func (t *tab) ask(ctx context.Context, w want) (f found, err error) {
	id, err := t.enter(ctx)
	if err != nil {
		return f, err
	}
	argument, err := jsonv2.Marshal(w, chromedp.DefaultMarshalOptions)
	if err != nil {
		return f, err
	}
	res, err := call(ctx, t.session, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: locateJS,
		ExecutionContextID:  id,
		Arguments:           []*runtime.CallArgument{{Value: argument}},
		ReturnByValue:       ptr(true),
		AwaitPromise:        ptr(true),
		Silent:              ptr(true),
	})
	if err != nil {
		return f, err
	}
	if d := res.ExceptionDetails; d != nil {
		return f, errors.New("the script in the page failed: " + shorten(describe(d.Exception), 300))
	}
	return f, unmarshal(res.Result.Value, &f)
}

// enter is our world in the page's main frame.
func (t *tab) enter(ctx context.Context) (runtime.ExecutionContextID, error) {
	t.mu.Lock()
	id, frame, changed := t.world, t.frame, t.changed
	t.mu.Unlock()
	if id != 0 {
		return id, nil
	}
	made, err := call(ctx, t.session, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame, WorldName: world})
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == changed {
		t.world = made.ExecutionContextID // still the same document
	}
	return made.ExecutionContextID, nil
}

// replaced reports whether err says that the document went away under us. The
// browser knows no codes for that, only these words.
func replaced(err error) bool {
	var e *cdproto.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, words := range []string{
		"context was destroyed", "Cannot find context", "navigated or closed",
		"Promise was collected", "No frame for given id", "No frame with given id", "uniqueContextId not found",
	} {
		if strings.Contains(e.Message, words) {
			return true
		}
	}
	return false
}

func unmarshal(data []byte, v any) error {
	return jsonv2.Unmarshal(data, v, chromedp.DefaultUnmarshalOptions)
}
