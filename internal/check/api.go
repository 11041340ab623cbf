package check

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Bounds and defaults of an API check.
const (
	// MaxAPISteps is the highest number of steps.
	MaxAPISteps = 20
	// DefaultMaxBody is the number of decoded body bytes read by default.
	DefaultMaxBody int64 = 2 << 20
	// MaxMaxBody is the highest value of Request.MaxBody.
	MaxMaxBody int64 = 32 << 20
	// DefaultMaxRedirects is the number of redirects followed by default.
	DefaultMaxRedirects = 10
)

// Methods lists the HTTP methods a request may use.
var Methods = []string{"GET", "POST", "PUT", "PATCH", "HEAD", "DELETE", "OPTIONS"}

// API is the spec of an HTTP check: requests one after the other, each with
// what is expected of its answer. The first step that does not hold ends the
// attempt. Cookies are kept from step to step.
type API struct {
	// Steps are 1 to [MaxAPISteps].
	Steps []APIStep
	// Templates says that the texts of the requests are templates, to be filled
	// in where the check runs: {{ secrets.token }}. Without it they are sent as
	// they are.
	Templates bool
	// ExpectFailure turns the verdict round: an attempt that fails has passed,
	// and one that passes has failed.
	ExpectFailure bool
}

// APIStep is one request of an API check.
type APIStep struct {
	// ID names the step; see [ValidStepID]. Only the step of a check that has
	// no other may go without: such a check is one request.
	ID      string
	Request Request
	// Expect holds one assertion a line; any that does not hold makes the
	// attempt failed.
	Expect []string
	// Degraded holds assertions that make the attempt degraded where they do
	// not hold and nothing failed.
	Degraded []string
	// Always runs the step whatever became of those before it: it cleans up.
	Always bool
}

// OneRequest is the spec of a check that is a single request.
func OneRequest(r Request, expect, degraded []string) *API {
	return &API{Steps: []APIStep{{Request: r, Expect: expect, Degraded: degraded}}}
}

// Single reports whether the check is a single request, without named steps.
func (a *API) Single() bool { return len(a.Steps) == 1 && a.Steps[0].ID == "" }

var stepIDForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// ValidStepID reports whether id may name a step: 1 to 63 lower-case letters,
// digits and '_', starting with a letter, so that expressions can use it.
func ValidStepID(id string) bool { return stepIDForm.MatchString(id) }

// Kind implements [Spec].
func (*API) Kind() Kind { return KindAPI }

func (a *API) faults() []Fault {
	var fs []Fault
	if n := len(a.Steps); n < 1 || n > MaxAPISteps {
		fs = append(fs, Fault{"steps", fmt.Sprintf("has %d steps; use 1 to %d", n, MaxAPISteps)})
	}
	first := map[string]int{}
	for i, s := range a.Steps {
		at := a.path(i)
		if !a.Single() {
			switch before, taken := first[s.ID]; {
			case s.ID == "":
				fs = append(fs, Fault{at + "id", "is missing; name the step, such as `id: login`"})
			case !ValidStepID(s.ID):
				fs = append(fs, Fault{at + "id", fmt.Sprintf("%q is not a step's id; use 1 to 63 of a-z, 0-9 and '_', starting with a letter", s.ID)})
			case taken:
				fs = append(fs, Fault{at + "id", fmt.Sprintf("%q is the id of step %d already", s.ID, before+1)})
			}
			first[s.ID] = i
		}
		fs = append(fs, s.Request.faults(at+"request.", a.Templates)...)
	}
	return fs
}

// path is where step i is written, with a dot at its end; "" for the step of
// a single request.
func (a *API) path(i int) string {
	if a.Single() {
		return ""
	}
	return fmt.Sprintf("steps[%d].", i)
}

func (a *API) texts() []text {
	var ts []text
	for i, s := range a.Steps {
		at := a.path(i)
		_, _ = s.Request.Map(func(path, value string) (string, error) { // it never fails here
			if !strings.HasPrefix(path, "headers[") && !strings.HasPrefix(path, "query[") { // with their names, below
				ts = append(ts, text{at + "request." + path, value})
			}
			return value, nil
		})
		ts = append(ts, pairs(at+"request.headers", s.Request.Headers)...)
		ts = append(ts, pairs(at+"request.query", s.Request.Query)...)
		ts = append(append(ts, list(at+"expect", s.Expect)...), list(at+"degraded", s.Degraded)...)
	}
	return ts
}

// urlFault says what is wrong with an absolute http or https URL, or "".
func urlFault(raw string) string {
	switch u, err := url.Parse(raw); {
	case raw == "":
		return "is missing; write an absolute URL such as https://example.com/"
	case len(raw) > 2048:
		return fmt.Sprintf("is %d bytes long; at most 2048", len(raw))
	case err != nil:
		return fmt.Sprintf("%q is not a URL: %v", raw, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q does not start with http:// or https://", raw)
	case u.Hostname() == "":
		return fmt.Sprintf("%q has no host", raw)
	}
	return ""
}
