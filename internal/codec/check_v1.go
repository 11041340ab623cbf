package codec

import (
	"fmt"
	"slices"

	"github.com/probefleet/probefleet/internal/check"
)

// checkV1 is a check in version 1. The spec is under the name of its kind.
type checkV1 struct {
	ID          string   `json:"id"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Group       string   `json:"group,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	Every       micros   `json:"every_us"`
	Timeout     micros   `json:"timeout_us"`
	Locations   []string `json:"locations,omitempty"`
	Active      bool     `json:"active,omitempty"`
	Muted       bool     `json:"muted,omitempty"`
	Public      bool     `json:"public,omitempty"`

	Kind    check.Kind `json:"kind"`
	API     *apiV1     `json:"api,omitempty"`
	Browser *browserV1 `json:"browser,omitempty"`
}

type apiV1 struct {
	Request  requestV1 `json:"request"`
	Expect   []string  `json:"expect,omitempty"`
	Degraded []string  `json:"degraded,omitempty"`
}

type requestV1 struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers,omitempty"`
	Query        map[string]string `json:"query,omitempty"`
	Body         string            `json:"body,omitempty"`
	Auth         *authV1           `json:"auth,omitempty"`
	MaxRedirects int               `json:"max_redirects,omitempty"`
	MaxBody      int64             `json:"max_body,omitempty"`
}

type authV1 struct {
	Bearer   string `json:"bearer,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
}

type browserV1 struct {
	Steps    []stepV1 `json:"steps"`
	Width    int      `json:"width,omitempty"`
	Height   int      `json:"height,omitempty"`
	Expect   []string `json:"expect,omitempty"`
	Degraded []string `json:"degraded,omitempty"`
}

type stepV1 struct {
	Action   check.Action `json:"action"`
	Selector string       `json:"selector,omitempty"`
	Value    string       `json:"value,omitempty"`
	Timeout  micros       `json:"timeout_us,omitempty"`
}

func newCheckV1(c check.Check) (*checkV1, error) {
	w := &checkV1{
		ID: c.ID, Name: c.Name, Description: c.Description, Group: c.Group, Tags: c.Tags,
		Every: microsOf(c.Every), Timeout: microsOf(c.Timeout), Locations: c.Locations,
		Active: c.Active, Muted: c.Muted, Public: c.Public,
	}
	switch s := c.Spec.(type) {
	case *check.API:
		if s != nil {
			w.Kind, w.API = check.KindAPI, newAPIV1(s)
		}
	case *check.Browser:
		if s != nil {
			w.Kind, w.Browser = check.KindBrowser, newBrowserV1(s)
		}
	}
	if w.Kind == "" {
		return nil, fmt.Errorf("encoding %s %q: it has no spec", TypeCheck, c.ID)
	}
	return w, nil
}

func newAPIV1(s *check.API) *apiV1 {
	r := s.Request
	w := &apiV1{
		Request: requestV1{
			Method: r.Method, URL: r.URL, Headers: distinctKeys(r.Headers), Query: distinctKeys(r.Query),
			Body: r.Body, MaxRedirects: r.MaxRedirects, MaxBody: r.MaxBody,
		},
		Expect: s.Expect, Degraded: s.Degraded,
	}
	if r.Auth != nil {
		w.Request.Auth = &authV1{Bearer: r.Auth.Bearer, User: r.Auth.User, Password: r.Auth.Password}
	}
	return w
}

func newBrowserV1(s *check.Browser) *browserV1 {
	w := &browserV1{
		Steps: make([]stepV1, len(s.Steps)), Width: s.Width, Height: s.Height,
		Expect: s.Expect, Degraded: s.Degraded,
	}
	for i, st := range s.Steps {
		w.Steps[i] = stepV1{Action: st.Action, Selector: st.Selector, Value: st.Value, Timeout: microsOf(st.Timeout)}
	}
	return w
}

// fault finds the first field without which the check has no meaning.
func (w *checkV1) fault() (field, reason string) {
	switch {
	case w.ID == "":
		return "id", "is missing"
	case w.Every <= 0:
		return "every_us", fmt.Sprintf("is %d or missing; it should be positive", w.Every)
	case w.Timeout <= 0:
		return "timeout_us", fmt.Sprintf("is %d or missing; it should be positive", w.Timeout)
	case w.Kind == "":
		return "kind", "is missing"
	case !slices.Contains(check.Kinds, w.Kind):
		return "kind", fmt.Sprintf("is %.100q; this build knows %q", w.Kind, check.Kinds)
	case w.Kind == check.KindAPI && w.API == nil, w.Kind == check.KindBrowser && w.Browser == nil:
		return string(w.Kind), "is missing, though kind names it"
	}
	return "", ""
}

func (w *checkV1) check() check.Check {
	c := check.Check{
		ID: w.ID, Name: w.Name, Description: w.Description, Group: w.Group, Tags: some(w.Tags),
		Every: w.Every.duration(), Timeout: w.Timeout.duration(), Locations: some(w.Locations),
		Active: w.Active, Muted: w.Muted, Public: w.Public,
	}
	if w.Kind == check.KindBrowser {
		c.Spec = w.Browser.spec()
	} else {
		c.Spec = w.API.spec()
	}
	return c
}

func (w *apiV1) spec() *check.API {
	r := w.Request
	s := &check.API{
		Request: check.Request{
			Method: r.Method, URL: r.URL, Headers: someKeys(r.Headers), Query: someKeys(r.Query),
			Body: r.Body, MaxRedirects: r.MaxRedirects, MaxBody: r.MaxBody,
		},
		Expect: some(w.Expect), Degraded: some(w.Degraded),
	}
	if r.Auth != nil {
		s.Request.Auth = &check.Auth{Bearer: r.Auth.Bearer, User: r.Auth.User, Password: r.Auth.Password}
	}
	return s
}

func (w *browserV1) spec() *check.Browser {
	s := &check.Browser{
		Width: w.Width, Height: w.Height, Expect: some(w.Expect), Degraded: some(w.Degraded),
		Steps: make([]check.Step, 0, len(w.Steps)),
	}
	for _, st := range w.Steps {
		s.Steps = append(s.Steps, check.Step{Action: st.Action, Selector: st.Selector, Value: st.Value, Timeout: st.Timeout.duration()})
	}
	s.Steps = some(s.Steps)
	return s
}

func readCheckV1(_ Header, data []byte) (check.Check, error) {
	var w checkV1
	if err := unmarshal(TypeCheck, "", data, &w); err != nil {
		return check.Check{}, err
	}
	if field, reason := w.fault(); field != "" {
		return check.Check{}, &DecodeError{Type: TypeCheck, Field: field, Reason: reason}
	}
	return w.check(), nil
}
