package browserrunner

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed script/*.js
var scripts embed.FS

// locateJS is the function that runs inside pages: its parts one after the
// other, without their comments and indentation. Every document gets it when it
// begins (startJS), so that a step need not send it.
var locateJS = func() string {
	var b strings.Builder
	b.WriteString("async function locate(want, ...given) {\n")
	for _, name := range []string{"look", "query", "act", "expect", "locate"} {
		part, err := scripts.ReadFile("script/" + name + ".js")
		if err != nil {
			panic(err) // it is embedded
		}
		for line := range strings.Lines(string(part)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String() + "}"
}()

// callJS calls the locateJS of a document, and throws unequipped where there is
// none.
const (
	callJS     = "function call(...all) { if (!globalThis.probefleetLocate) throw '" + unequipped + "'; return probefleetLocate(...all) }"
	unequipped = "probefleet is not here"
)

// errUnequipped is that a document was there before we were.
var errUnequipped = errors.New("the document has no script of ours")

// settleJS gives the page's own handlers and short timers the time to act on
// an input, so that a navigation that it causes is known by its return.
const settleJS = "async function settle() { await new Promise((done) => setTimeout(() => setTimeout(done))) }"

// world is the name of the page's world in which our script runs.
const world = "probefleet"

// The operations of the script.
const (
	opPoint      = "point"      // where to put the mouse
	opFill       = "fill"       // focus and select a field, or set it
	opChange     = "change"     // the same as a recorder's player does
	opSelect     = "select"     // choose options
	opChecked    = "checked"    // where to click so that a box is checked or not
	opCheckedNow = "checkedNow" // a box is checked or not
	opUpload     = "upload"     // put files into a field
	opFocus      = "focus"      // focus
	opScroll     = "scroll"     // scroll
	opKeep       = "keep"       // write into the storage
	opInner      = "inner"      // the element itself
	opAll        = "all"        // all of them, in an array
	opText       = "text"       // a text is shown
	opURL        = "url"        // the URL contains a text
	opTitle      = "title"      // the title contains a text
	opVisible    = "visible"    // an element is seen
	opHidden     = "hidden"     // none is
	opValue      = "value"      // a field has a value
	opAttribute  = "attribute"  // an element has attributes
	opElements   = "elements"   // there are so many, and like that
)

// want is what the script waits for.
type want struct {
	Op    string     `json:"op"`
	Paths []pathWant `json:"paths"`
	// The step's own.
	Recorded bool `json:"recorded,omitempty"`
	Strict   bool `json:"strict,omitempty"`
	Exact    bool `json:"exact,omitempty"`
	Nth      int  `json:"nth,omitempty"`

	Text     string            `json:"text"`
	Values   []string          `json:"values,omitempty"`
	Pairs    map[string]string `json:"pairs,omitempty"`
	Point    *pointWant        `json:"point,omitempty"`
	Enabled  bool              `json:"enabled,omitempty"` // for opPoint
	Files    []fileWant        `json:"files,omitempty"`
	Elements *elementsWant     `json:"elements,omitempty"`
	// Handle asks for the elements themselves in place of what is found.
	Handle bool `json:"handle,omitempty"`
	// Hide makes the field that is filled unreadable in pictures.
	Hide bool `json:"hide,omitempty"`
	// Timeout is the time that the script waits, in milliseconds.
	Timeout int64 `json:"timeout"`
}

// pathWant is one alternative: parts to be followed from the document, or from
// as many elements as are given beside.
type pathWant struct {
	Given int            `json:"given"` // -1: none
	Parts []selectorPart `json:"parts"`
}

type selectorPart struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

type pointWant struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

type fileWant struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content []byte `json:"content"` // written as base64
}

type elementsWant struct {
	Operator   string            `json:"operator"`
	Count      int               `json:"count"`
	Not        bool              `json:"not,omitempty"`
	Properties jsonv2.Value      `json:"properties,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// found is what the script says.
type found struct {
	OK bool `json:"ok"`
	// Path is the number of the alternative that was taken, Element what it
	// led to.
	Path    int    `json:"path"`
	Element string `json:"element"`
	// X and Y are where to put the mouse.
	X float64 `json:"x"`
	Y float64 `json:"y"`
	// Mode says what is left to do for a field: "done", "click", "type"; Text
	// is what to type for opChange.
	Mode string `json:"mode"`
	Text string `json:"text"`
	// Secret says that the field hides what is typed.
	Secret bool `json:"secret"`

	// Why not: see found.reason.
	Reason  string `json:"reason"`
	Final   bool   `json:"final"` // waiting does not help
	Matches int    `json:"matches"`
	By      string `json:"by"`     // the element that is meant or in the way
	Actual  string `json:"actual"` // what was there instead
	Missing bool   `json:"missing"`
	// Instead lists elements that are there.
	Instead   []string `json:"instead"`
	OtherCase bool     `json:"otherCase"`
}

// kinds are the prefixes of selectors; see check.Step.
var kinds = []string{"text", "xpath", "css", "pierce", "aria", "role", "label", "placeholder", "test_id"}

// selector splits a selector into kind and rest.
func selector(s string) selectorPart {
	for _, kind := range kinds {
		if rest, ok := strings.CutPrefix(s, kind+"/"); ok {
			return selectorPart{kind, rest}
		}
	}
	return selectorPart{"css", s}
}

// paths are the alternatives of a step's element.
func paths(alternatives [][]string) []pathWant {
	ps := make([]pathWant, len(alternatives))
	for i, a := range alternatives {
		ps[i] = pathWant{Given: -1, Parts: make([]selectorPart, len(a))}
		for k, s := range a {
			ps[i].Parts[k] = selector(s)
		}
	}
	return ps
}

// locate waits in frame fr until w is so, or until patience ends; a document
// that is replaced meanwhile is asked anew. The error is the cause of ctx's
// end, which comes later than patience: then the page did not answer.
func (t *tab) locate(ctx context.Context, in spot, w want, patience time.Time) (found, error) {
	if slow := usesTree(w.Paths); slow {
		return t.locateInTree(ctx, in, w, patience)
	}
	for {
		w.Timeout = max(0, time.Until(patience).Milliseconds())
		fr, err := in(ctx)
		if err != nil {
			return found{}, err
		}
		f, err := t.ask(ctx, fr, w, nil)
		if !replaced(err) {
			return f, err
		}
		t.forget(fr)
		if err := t.pause(ctx, 20*time.Millisecond); err != nil {
			return found{}, err
		}
	}
}

// pause waits for a change of the tab, or for d. The error is the cause of
// ctx's end.
func (t *tab) pause(ctx context.Context, d time.Duration) error {
	t.mu.Lock()
	changed := t.changed
	t.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-t.browser.conn.lost:
		return errLost
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// ask asks once; given are the elements that w.Paths begin with.
func (t *tab) ask(ctx context.Context, fr *frame, w want, given []runtime.RemoteObjectID) (f found, err error) {
	res, err := t.inFrame(ctx, fr, w, given)
	if err != nil {
		return f, err
	}
	return f, unmarshal(res.Value, &f)
}

// element is the element that w.Paths lead to, "" where there is none.
func (t *tab) element(ctx context.Context, fr *frame, w want, given []runtime.RemoteObjectID) (runtime.RemoteObjectID, error) {
	w.Op, w.Handle = opInner, true
	res, err := t.inFrame(ctx, fr, w, given)
	if err != nil || res.Subtype != runtime.RemoteObjectSubtypeNode {
		return "", err
	}
	return res.ObjectID, nil
}

func (t *tab) inFrame(ctx context.Context, fr *frame, w want, given []runtime.RemoteObjectID) (*runtime.RemoteObject, error) {
	argument, err := jsonv2.Marshal(w, chromedp.DefaultMarshalOptions)
	if err != nil {
		return nil, err
	}
	arguments := []*runtime.CallArgument{{Value: argument}}
	for _, object := range given {
		arguments = append(arguments, &runtime.CallArgument{ObjectID: object})
	}
	params := runtime.CallFunctionOnParams{FunctionDeclaration: callJS, Arguments: arguments, ReturnByValue: ptr(!w.Handle)}
	res, err := t.invoke(ctx, fr, params)
	if errors.Is(err, errUnequipped) {
		params.FunctionDeclaration = locateJS
		return t.invoke(ctx, fr, params)
	}
	return res, err
}

// invoke calls a function in our world of a frame and waits for its promise.
func (t *tab) invoke(ctx context.Context, fr *frame, params runtime.CallFunctionOnParams) (*runtime.RemoteObject, error) {
	s, id, err := t.enter(ctx, fr)
	if err != nil {
		return nil, err
	}
	params.ExecutionContextID, params.AwaitPromise, params.Silent = id, ptr(true), ptr(true)
	res, err := call(ctx, s, runtime.CallFunctionOn, params)
	if err != nil {
		return nil, err
	}
	if d := res.ExceptionDetails; d != nil {
		if d.Exception != nil && string(d.Exception.Value) == `"`+unequipped+`"` {
			return nil, errUnequipped
		}
		return nil, fmt.Errorf("the script in the page failed: %s", shorten(describe(d.Exception), 300))
	}
	return res.Result, nil
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
		"Session with given id not found", "Frame with the given id was not found", "Frame with the given frameId is not found",
		"Could not find node", "No node found", "Node with given id does not belong", "Could not compute box model",
		"Cannot find object with id", "Could not find object with given id", "Target closed", "not attached to an active page",
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
