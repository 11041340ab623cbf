package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
)

// browserV2 is the spec of a browser check in version 2: that of version 1 with
// settings of the page, and steps that say more.
type browserV2 struct {
	Steps    []stepV2        `json:"steps"`
	Width    int             `json:"width,omitempty"`
	Height   int             `json:"height,omitempty"`
	Expect   []string        `json:"expect,omitempty"`
	Degraded []string        `json:"degraded,omitempty"`
	Page     *pageSettingsV2 `json:"page,omitempty"`

	Templates bool `json:"templates,omitempty"`
}

type stepV2 struct {
	stepV1

	Selectors [][]string        `json:"selectors,omitempty"`
	Name      string            `json:"name,omitempty"`
	Recorded  bool              `json:"recorded,omitempty"`
	Strict    bool              `json:"strict,omitempty"`
	Exact     bool              `json:"exact,omitempty"`
	Nth       int               `json:"nth,omitempty"`
	Optional  bool              `json:"optional,omitempty"`
	Always    bool              `json:"always,omitempty"`
	Target    string            `json:"target,omitempty"`
	Frame     []int             `json:"frame_path,omitempty"`
	Iframe    string            `json:"iframe,omitempty"`
	Events    []navigationV2    `json:"events,omitempty"`
	Point     *pointV2          `json:"point,omitempty"`
	Button    string            `json:"button,omitempty"`
	Hold      micros            `json:"hold_us,omitempty"`
	To        string            `json:"to,omitempty"`
	Values    []string          `json:"values,omitempty"`
	Pairs     map[string]string `json:"pairs,omitempty"`
	Status    int               `json:"status,omitempty"`
	Elements  *elementsV2       `json:"elements,omitempty"`
	Files     []fileV2          `json:"files,omitempty"`
	Cookies   []cookieV2        `json:"cookies,omitempty"`
	Page      *pageSettingsV2   `json:"page,omitempty"`
}

type pointV2 struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

type navigationV2 struct {
	URL   string `json:"url,omitempty"`
	Title string `json:"title,omitempty"`
}

type elementsV2 struct {
	Operator   string            `json:"operator,omitempty"`
	Count      int               `json:"count"`
	Not        bool              `json:"not,omitempty"`
	Properties string            `json:"properties,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

type fileV2 struct {
	Name    string `json:"name"`
	Type    string `json:"type,omitempty"`
	Content []byte `json:"content,omitempty"`
}

type cookieV2 struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	URL   string `json:"url,omitempty"`
}

type pageSettingsV2 struct {
	Width       int               `json:"width,omitempty"`
	Height      int               `json:"height,omitempty"`
	Scale       float64           `json:"scale,omitempty"`
	Mobile      bool              `json:"mobile,omitempty"`
	Touch       bool              `json:"touch,omitempty"`
	Landscape   bool              `json:"landscape,omitempty"`
	UserAgent   string            `json:"user_agent,omitempty"`
	Network     *networkV2        `json:"network,omitempty"`
	Locale      string            `json:"locale,omitempty"`
	TimeZone    string            `json:"time_zone,omitempty"`
	Geolocation *geolocationV2    `json:"geolocation,omitempty"`
	User        string            `json:"user,omitempty"`
	Password    string            `json:"password,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Block       []string          `json:"block,omitempty"`
	Mocks       []mockV2          `json:"mocks,omitempty"`
}

type networkV2 struct {
	Offline  bool   `json:"offline,omitempty"`
	Latency  micros `json:"latency_us,omitempty"`
	Download int64  `json:"download,omitempty"`
	Upload   int64  `json:"upload,omitempty"`
}

type geolocationV2 struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Accuracy  float64 `json:"accuracy,omitempty"`
}

type mockV2 struct {
	URL     string            `json:"url"`
	Method  string            `json:"method,omitempty"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

func newBrowserV2(s *check.Browser) *browserV2 {
	w := &browserV2{
		Steps: make([]stepV2, len(s.Steps)), Width: s.Width, Height: s.Height,
		Expect: s.Expect, Degraded: s.Degraded, Page: newPageSettingsV2(s.Page), Templates: s.Templates,
	}
	for i, st := range s.Steps {
		w.Steps[i] = newStepV2(st)
	}
	return w
}

func newStepV2(s check.Step) stepV2 {
	w := stepV2{
		stepV1:    stepV1{Action: s.Action, Selector: s.Selector, Value: s.Value, Timeout: microsOf(s.Timeout)},
		Selectors: s.Selectors, Name: s.Name, Recorded: s.Recorded, Strict: s.Strict, Exact: s.Exact, Nth: s.Nth,
		Optional: s.Optional, Always: s.Always, Target: s.Target, Frame: s.Frame, Iframe: s.Iframe,
		Events: each(s.Events, func(e check.Navigation) navigationV2 { return navigationV2(e) }),
		Point:  (*pointV2)(s.Point), Button: s.Button, Hold: microsOf(s.Hold), To: s.To, Values: s.Values,
		Pairs: distinctKeys(s.Pairs), Status: s.Status,
		Files:   each(s.Files, func(f check.File) fileV2 { return fileV2(f) }),
		Cookies: each(s.Cookies, func(c check.Cookie) cookieV2 { return cookieV2(c) }),
		Page:    newPageSettingsV2(s.Page),
	}
	if e := s.Elements; e != nil {
		w.Elements = &elementsV2{
			Operator: e.Operator, Count: e.Count, Not: e.Not, Properties: e.Properties, Attributes: distinctKeys(e.Attributes),
		}
	}
	return w
}

func newPageSettingsV2(p *check.Page) *pageSettingsV2 {
	if p == nil {
		return nil
	}
	w := &pageSettingsV2{
		Width: p.Width, Height: p.Height, Scale: p.Scale, Mobile: p.Mobile, Touch: p.Touch, Landscape: p.Landscape,
		UserAgent: p.UserAgent, Locale: p.Locale, TimeZone: p.TimeZone, Geolocation: (*geolocationV2)(p.Geolocation),
		User: p.User, Password: p.Password, Headers: distinctKeys(p.Headers), Block: p.Block,
		Mocks: each(p.Mocks, func(m check.Mock) mockV2 {
			return mockV2{URL: m.URL, Method: m.Method, Status: m.Status, Headers: distinctKeys(m.Headers), Body: m.Body}
		}),
	}
	if n := p.Network; n != nil {
		w.Network = &networkV2{Offline: n.Offline, Latency: microsOf(n.Latency), Download: n.Download, Upload: n.Upload}
	}
	return w
}

func (w *browserV2) spec() *check.Browser {
	return &check.Browser{
		Width: w.Width, Height: w.Height, Expect: some(w.Expect), Degraded: some(w.Degraded),
		Page: w.Page.settings(), Steps: each(w.Steps, stepV2.step), Templates: w.Templates,
	}
}

func (w stepV2) step() check.Step {
	s := check.Step{
		Action: w.Action, Selector: w.Selector, Value: w.Value, Timeout: w.Timeout.duration(),
		Selectors: some(w.Selectors), Name: w.Name, Recorded: w.Recorded, Strict: w.Strict, Exact: w.Exact, Nth: w.Nth,
		Optional: w.Optional, Always: w.Always, Target: w.Target, Frame: some(w.Frame), Iframe: w.Iframe,
		Events: each(w.Events, func(e navigationV2) check.Navigation { return check.Navigation(e) }),
		Point:  (*check.Point)(w.Point), Button: w.Button, Hold: w.Hold.duration(), To: w.To, Values: some(w.Values),
		Pairs: someKeys(w.Pairs), Status: w.Status,
		Files:   each(w.Files, func(f fileV2) check.File { return check.File(f) }),
		Cookies: each(w.Cookies, func(c cookieV2) check.Cookie { return check.Cookie(c) }),
		Page:    w.Page.settings(),
	}
	if e := w.Elements; e != nil {
		s.Elements = &check.Elements{
			Operator: e.Operator, Count: e.Count, Not: e.Not, Properties: e.Properties, Attributes: someKeys(e.Attributes),
		}
	}
	return s
}

func (w *pageSettingsV2) settings() *check.Page {
	if w == nil {
		return nil
	}
	p := &check.Page{
		Width: w.Width, Height: w.Height, Scale: w.Scale, Mobile: w.Mobile, Touch: w.Touch, Landscape: w.Landscape,
		UserAgent: w.UserAgent, Locale: w.Locale, TimeZone: w.TimeZone, Geolocation: (*check.Geolocation)(w.Geolocation),
		User: w.User, Password: w.Password, Headers: someKeys(w.Headers), Block: some(w.Block),
		Mocks: each(w.Mocks, func(m mockV2) check.Mock {
			return check.Mock{URL: m.URL, Method: m.Method, Status: m.Status, Headers: someKeys(m.Headers), Body: m.Body}
		}),
	}
	if n := w.Network; n != nil {
		p.Network = &check.Network{Offline: n.Offline, Latency: n.Latency.duration(), Download: n.Download, Upload: n.Upload}
	}
	return p
}

func upcastBrowserV1(w *browserV1) *browserV2 {
	if w == nil {
		return nil
	}
	return &browserV2{
		Steps: each(w.Steps, func(s stepV1) stepV2 { return stepV2{stepV1: s} }),
		Width: w.Width, Height: w.Height, Expect: w.Expect, Degraded: w.Degraded,
	}
}

// actionsV1 are those that every reader of version 1 knows, and kindsV1 the
// prefixes of selectors that it takes for something else than CSS, or for CSS.
var actionsV1 = []check.Action{
	check.ActionOpen, check.ActionClick, check.ActionFill, check.ActionPress,
	check.ActionExpectText, check.ActionExpectURL, check.ActionScreenshot,
}

var kindsV2 = []string{"pierce/", "aria/", "role/", "label/", "placeholder/", "test_id/"}

// downcastBrowserV2 is the way back; see downcastCheckV2.
func downcastBrowserV2(w *browserV2) (down *browserV1, lost string) {
	if w == nil {
		return nil, ""
	}
	if w.Templates {
		return nil, "the templates of its browser check"
	}
	if w.Page != nil {
		return nil, "the page settings of its browser check"
	}
	down = &browserV1{Steps: make([]stepV1, len(w.Steps)), Width: w.Width, Height: w.Height, Expect: w.Expect, Degraded: w.Degraded}
	for i, s := range w.Steps {
		newer := slices.ContainsFunc(kindsV2, func(kind string) bool { return strings.HasPrefix(s.Selector, kind) })
		if newer || !slices.Contains(actionsV1, s.Action) || !reflect.DeepEqual(s, stepV2{stepV1: s.stepV1}) {
			return nil, fmt.Sprintf("the step %d (%.100s) of its browser check", i+1, s.Action)
		}
		down.Steps[i] = s.stepV1
	}
	return down, ""
}
