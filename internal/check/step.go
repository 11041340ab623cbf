package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action says what a step does.
type Action string

// The actions of a step, with the fields that each uses besides those that
// every step may have.
const (
	// ActionOpen navigates to Value, an absolute URL, and waits for load.
	ActionOpen Action = "open"
	// ActionClick clicks the centre of the element, or Point from its top left
	// corner, with Button, held for Hold.
	ActionClick Action = "click"
	// ActionDoubleClick clicks twice, as ActionClick does.
	ActionDoubleClick Action = "double_click"
	// ActionHover moves the mouse to the centre of the element.
	ActionHover Action = "hover"
	// ActionFill replaces the value of the field by Value.
	ActionFill Action = "fill"
	// ActionSelect chooses the options of Values, by value or label.
	ActionSelect Action = "select"
	// ActionCheck makes a box or switch checked where Value is "true", else
	// not checked.
	ActionCheck Action = "check"
	// ActionUpload puts Files into the file field.
	ActionUpload Action = "upload"
	// ActionDrag drags the element to the element To.
	ActionDrag Action = "drag"
	// ActionPress presses the key Value, in the element where a selector is
	// set, else in the focused one. Names are those of KeyboardEvent.key.
	ActionPress Action = "press"
	// ActionKeyDown and ActionKeyUp press and release the key Value on the
	// main page. Names are those of KeyboardEvent.key or .code.
	ActionKeyDown Action = "key_down"
	ActionKeyUp   Action = "key_up"
	// ActionScroll scrolls the element, or the page where no selector is set,
	// to Point; an element without a Point is brought into view.
	ActionScroll Action = "scroll"
	// ActionDialog says what becomes of dialogs from here on: Value is
	// "accept" or "dismiss", Values[0] what is entered into a prompt.
	ActionDialog Action = "dialog"
	// ActionCookies sets Cookies, after removing all where Value is "clear".
	ActionCookies Action = "cookies"
	// ActionStorage sets Pairs in the page's storage Value: "local" or
	// "session"; "clear" empties both.
	ActionStorage Action = "storage"
	// ActionPage changes settings of the page: Page.
	ActionPage Action = "page"
	// ActionClose closes the page Target.
	ActionClose Action = "close"
	// ActionWait waits until the JavaScript expression Value is true.
	ActionWait Action = "wait"
	// ActionWaitElement waits until the elements are as Elements says.
	ActionWaitElement Action = "wait_element"
	// ActionCustom does nothing: a recording holds a step Value that only its
	// author's own tools understand.
	ActionCustom Action = "custom"
	// ActionScreenshot takes a picture of the viewport named Value.
	ActionScreenshot Action = "screenshot"

	// ActionExpectText waits until the text of the element (default: the
	// page) contains Value.
	ActionExpectText Action = "expect_text"
	// ActionExpectURL and ActionExpectTitle wait until the page's URL or title
	// contains Value.
	ActionExpectURL   Action = "expect_url"
	ActionExpectTitle Action = "expect_title"
	// ActionExpectVisible waits until the element is seen, ActionExpectHidden
	// until none is.
	ActionExpectVisible Action = "expect_visible"
	ActionExpectHidden  Action = "expect_hidden"
	// ActionExpectCount waits for a number of elements, seen or not, by
	// Elements.Operator and Elements.Count.
	ActionExpectCount Action = "expect_count"
	// ActionExpectValue waits until the field's value is Value.
	ActionExpectValue Action = "expect_value"
	// ActionExpectAttribute waits until the element has every attribute of
	// Pairs, with that value.
	ActionExpectAttribute Action = "expect_attribute"
	// ActionExpectConsole fails where the console has had an error so far.
	ActionExpectConsole Action = "expect_console"
	// ActionExpectDialog waits until a dialog has appeared, since the flow
	// began, that says Value.
	ActionExpectDialog Action = "expect_dialog"
	// ActionExpectResponse waits until a response has come, since the flow
	// began, whose URL contains Value, with the status Status where it is not
	// 0.
	ActionExpectResponse Action = "expect_response"
	// ActionExpectSnapshot waits until the accessibility tree below the
	// element (default: the page) has the lines of Value in this order.
	ActionExpectSnapshot Action = "expect_snapshot"
)

// Actions lists every action.
var Actions = []Action{
	ActionOpen, ActionClick, ActionDoubleClick, ActionHover, ActionFill, ActionSelect, ActionCheck, ActionUpload,
	ActionDrag, ActionPress, ActionKeyDown, ActionKeyUp, ActionScroll, ActionDialog, ActionCookies, ActionStorage,
	ActionPage, ActionClose, ActionWait, ActionWaitElement, ActionCustom, ActionScreenshot,
	ActionExpectText, ActionExpectURL, ActionExpectTitle, ActionExpectVisible, ActionExpectHidden, ActionExpectCount,
	ActionExpectValue, ActionExpectAttribute, ActionExpectConsole, ActionExpectDialog, ActionExpectResponse,
	ActionExpectSnapshot,
}

// Step is one action of a browser flow.
type Step struct {
	Action Action
	// Selector is CSS by default; a prefix says otherwise:
	//
	//	text/Buy              the deepest element that contains the text
	//	xpath///li[2]         XPath
	//	pierce/#inner         CSS, open shadow trees included
	//	aria/Buy[role="link"] accessible name, in full, and role
	//	role/button[name="Buy"] role, and a part of the accessible name
	//	label/E-mail          the field with that label
	//	placeholder/Search    the field with that placeholder
	//	test_id/cart          data-testid
	Selector string
	// Selectors are alternatives in place of Selector: the first that matches
	// is taken. Each is a path: every part is looked for in the shadow tree of
	// what the part before it found, or below it.
	Selectors [][]string
	Value     string
	// Timeout bounds the step, at most [MaxTimeout]; 0 means
	// [DefaultStepTimeout], or for ActionOpen the check's own timeout.
	Timeout time.Duration

	// Name is what people read in place of [Step.String]; may be empty.
	Name string
	// Recorded steps come from a recorder and are run as it would: on the
	// first element that exists, wherever a mouse at that place would land.
	// Others wait until the element is seen and can be reached.
	Recorded bool
	// Strict steps fail where more than one element is seen; recorded ones
	// wait until the element is seen and can be reached, and compare URL and
	// title of Events.
	Strict bool
	// Exact compares role names, labels and placeholders in full.
	Exact bool
	// Nth takes the element of that number of those seen, from 1; 0 takes the
	// first.
	Nth int
	// Optional steps may fail: the flow goes on. Always steps run also after a
	// step that failed.
	Optional, Always bool

	// Target is the exact URL of the page, or of the iframe in a process of
	// its own, that the step is for; "" and "main" are the page of the flow.
	Target string
	// Frame is the path of child frames, by their number from 0, and Iframe
	// the selector of an iframe, that the step is for.
	Frame  []int
	Iframe string
	// Events are the navigations that the action leads to.
	Events []Navigation

	// What only some actions use; see there.
	Point    *Point
	Button   string // left (default), middle, right, back, forward
	Hold     time.Duration
	To       string
	Values   []string
	Pairs    map[string]string
	Status   int
	Elements *Elements
	Files    []File
	Cookies  []Cookie
	Page     *Page
}

// Point is a place in CSS pixels.
type Point struct{ X, Y float64 }

// Navigation is one that a recorder saw after an action. Only strict steps
// compare URL and Title, each where it is not empty.
type Navigation struct{ URL, Title string }

// Elements is what ActionWaitElement and ActionExpectCount compare.
type Elements struct {
	// Operator is ">=", "==" or "<=".
	Operator string
	Count    int
	// Not waits for the opposite of all that is said here.
	Not bool
	// Properties is a JSON object that every element has to contain.
	Properties string
	// Attributes are those that every element has to have.
	Attributes map[string]string
}

// File is one that is uploaded. Its content travels with the check.
type File struct {
	Name, Type string
	Content    []byte
}

// Cookie is one that is set; URL says for whom, "" the page's own.
type Cookie struct{ Name, Value, URL string }

// Buttons lists the buttons of a mouse.
var Buttons = []string{"left", "middle", "right", "back", "forward"}

// MaxUpload is the number of bytes of all files of one step.
const MaxUpload = 64 << 10

// Any is the alternatives of the element that the step is about, nil where it
// names none.
func (s Step) Any() [][]string {
	if len(s.Selectors) > 0 {
		return s.Selectors
	}
	if s.Selector != "" {
		return [][]string{{s.Selector}}
	}
	return nil
}

// Shown is how people write the step's element: its first alternative.
func (s Step) Shown() string {
	any := s.Any()
	if len(any) == 0 {
		return ""
	}
	return strings.Join(any[0], " ⟩ ")
}

// String describes the step for people: `click "#buy"`.
func (s Step) String() string {
	if s.Name != "" {
		return s.Name
	}
	verb, in := strings.ReplaceAll(string(s.Action), "_", " "), s.Shown()
	switch s.Action {
	case ActionClick, ActionDoubleClick, ActionHover, ActionFill, ActionUpload, ActionExpectVisible, ActionExpectHidden:
		return fmt.Sprintf("%s %q", verb, in)
	case ActionCheck:
		if s.Value != "true" {
			verb = "uncheck"
		}
		return fmt.Sprintf("%s %q", verb, in)
	case ActionSelect:
		return fmt.Sprintf("%s %q in %q", verb, strings.Join(s.Values, ", "), in)
	case ActionDrag:
		return fmt.Sprintf("%s %q to %q", verb, in, s.To)
	case ActionScroll:
		return s.scrollString(in)
	case ActionPage:
		return "page " + s.Page.String()
	case ActionCookies, ActionStorage:
		return strings.TrimSpace(verb + " " + s.Value)
	case ActionClose:
		return fmt.Sprintf("%s %q", verb, s.Target)
	case ActionWaitElement:
		return fmt.Sprintf("wait for %s%q", s.Elements.words(), in)
	case ActionExpectCount:
		return fmt.Sprintf("expect %s%q", s.Elements.words(), in)
	case ActionExpectAttribute:
		return fmt.Sprintf("%s %s in %q", verb, pairWords(s.Pairs), in)
	case ActionExpectConsole:
		return "expect a clean console"
	case ActionExpectSnapshot:
		return verb
	}
	if in != "" {
		return fmt.Sprintf("%s %q in %q", verb, s.Value, in)
	}
	return fmt.Sprintf("%s %q", verb, s.Value)
}

func (s Step) scrollString(in string) string {
	words := "scroll"
	if in != "" {
		words += fmt.Sprintf(" %q", in)
	}
	if s.Point != nil {
		words += fmt.Sprintf(" to %g, %g", s.Point.X, s.Point.Y)
	}
	return words
}

// words is "3 × ", "at least 3 × ", "no "...
func (e *Elements) words() string {
	if e == nil {
		return ""
	}
	words := fmt.Sprintf("%d × ", e.Count)
	switch {
	case e.Operator == ">=" && e.Count == 1:
		words = ""
	case e.Operator == ">=":
		words = "at least " + words
	case e.Operator == "<=":
		words = "at most " + words
	}
	if e.Not {
		return "not " + words
	}
	return words
}

func pairWords(pairs map[string]string) string {
	var words []string
	for _, t := range sortedPairs(pairs) {
		words = append(words, fmt.Sprintf("%s=%q", t[0], t[1]))
	}
	return strings.Join(words, " ")
}

// fault says what is wrong with the step, "" where nothing is.
func (s Step) fault() string {
	if s.Timeout < 0 || s.Timeout > MaxTimeout {
		return fmt.Sprintf("has the timeout %s; use up to %s", s.Timeout, MaxTimeout)
	}
	if s.Button != "" && !slices.Contains(Buttons, s.Button) {
		return fmt.Sprintf("has the button %q; use one of %q", s.Button, Buttons)
	}
	if s.Hold < 0 || s.Hold > 30*time.Second {
		return fmt.Sprintf("is held for %s; use up to 30s", s.Hold)
	}
	if s.Nth < 0 {
		return fmt.Sprintf("takes the element %d; they count from 1", s.Nth)
	}
	for _, path := range s.Selectors {
		if len(path) == 0 || slices.Contains(path, "") {
			return "has an empty selector"
		}
	}
	return s.actionFault()
}

// actionFault is fault of what the action needs.
func (s Step) actionFault() string {
	none := len(s.Any()) == 0
	switch s.Action {
	case ActionOpen:
		return urlFault(s.Value)
	case ActionClick, ActionDoubleClick, ActionHover, ActionFill, ActionCheck, ActionExpectVisible, ActionExpectHidden, ActionExpectValue:
		if none {
			return "needs a selector, such as #buy or text/Buy"
		}
	case ActionSelect, ActionUpload, ActionDrag, ActionExpectCount, ActionExpectAttribute, ActionWaitElement:
		switch {
		case none:
			return "needs a selector, such as #buy or text/Buy"
		case s.Action == ActionSelect && len(s.Values) == 0:
			return "names no option"
		case s.Action == ActionUpload:
			return filesFault(s.Files)
		case s.Action == ActionDrag && s.To == "":
			return "does not say where to; write to: SELECTOR"
		case s.Action == ActionExpectAttribute && len(s.Pairs) == 0:
			return "names no attribute"
		case s.Action == ActionExpectCount || s.Action == ActionWaitElement:
			return s.Elements.fault()
		}
	case ActionPress, ActionKeyDown, ActionKeyUp, ActionExpectText, ActionExpectURL, ActionExpectTitle, ActionScreenshot,
		ActionWait, ActionExpectDialog, ActionExpectResponse, ActionExpectSnapshot:
		if s.Value == "" {
			return "needs a value"
		}
	case ActionDialog:
		if s.Value != "accept" && s.Value != "dismiss" {
			return "wants accept or dismiss"
		}
	case ActionPage:
		if s.Page == nil {
			return "changes nothing"
		}
		return s.Page.fault()
	case ActionClose:
		if s.Target == "" {
			return "does not say which page; write its URL"
		}
	case ActionScroll, ActionCookies, ActionStorage, ActionCustom, ActionExpectConsole:
	default:
		return "is not an action that this build knows"
	}
	return ""
}

func filesFault(files []File) string {
	size := 0
	for _, f := range files {
		if f.Name == "" {
			return "has a file without a name"
		}
		size += len(f.Content)
	}
	switch {
	case len(files) == 0:
		return "names no file"
	case size > MaxUpload:
		return fmt.Sprintf("has %d bytes of files; at most %d travel with a check", size, MaxUpload)
	}
	return ""
}

func (e *Elements) fault() string {
	switch {
	case e == nil:
		return "does not say how many"
	case !slices.Contains([]string{">=", "==", "<="}, e.Operator):
		return fmt.Sprintf("compares by %q; use >=, == or <=", e.Operator)
	case e.Count < 0:
		return fmt.Sprintf("waits for %d elements; use 0 or more", e.Count)
	}
	return ""
}

// words are all strings of the step.
func (s Step) words() string {
	all := []string{string(s.Action), s.Selector, s.Value, s.Name, s.Target, s.Iframe, s.To, strings.Join(s.Values, "\n")}
	for _, path := range s.Selectors {
		all = append(all, path...)
	}
	for _, e := range s.Events {
		all = append(all, e.URL, e.Title)
	}
	for _, p := range sortedPairs(s.Pairs) {
		all = append(all, p[0], p[1])
	}
	if s.Elements != nil {
		all = append(all, s.Elements.Properties, pairWords(s.Elements.Attributes))
	}
	for _, f := range s.Files {
		all = append(all, f.Name, f.Type)
	}
	for _, c := range s.Cookies {
		all = append(all, c.Name, c.Value, c.URL)
	}
	if s.Page != nil {
		all = append(all, s.Page.words())
	}
	return strings.Join(all, "\n")
}
