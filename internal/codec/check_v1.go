package codec

import (
	"fmt"
	"slices"

	"github.com/probefleet/probefleet/internal/check"
)

// checkV1 is a check in version 1: an API check is one request.
type checkV1 = checkOf[apiV1, browserV1]

// checkOf is a check with API checks of shape A and browser checks of shape B:
// what versions 1 and 2 have in common. The spec is under the name of its kind.
type checkOf[A apiShape, B any] struct {
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
	API     *A         `json:"api,omitempty"`
	Browser *B         `json:"browser,omitempty"`
}

type apiV1 struct {
	Request  requestV1 `json:"request"`
	Expect   []string  `json:"expect,omitempty"`
	Degraded []string  `json:"degraded,omitempty"`
}

// apiShape is the spec of an API check in some version.
type apiShape interface {
	// fault finds the first field without which the spec has no meaning.
	fault() (field, reason string)
}

func (apiV1) fault() (field, reason string) { return "", "" }

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

// fault finds the first field without which the check has no meaning.
func (w *checkOf[A, B]) fault() (field, reason string) { return w.faultAmong(kindsV1) }

// faultAmong is fault where the kind may be one of known.
func (w *checkOf[A, B]) faultAmong(known []check.Kind) (field, reason string) {
	switch {
	case w.ID == "":
		return "id", "is missing"
	case w.Every <= 0:
		return "every_us", fmt.Sprintf("is %d or missing; it should be positive", w.Every)
	case w.Timeout <= 0:
		return "timeout_us", fmt.Sprintf("is %d or missing; it should be positive", w.Timeout)
	case w.Kind == "":
		return "kind", "is missing"
	case !slices.Contains(known, w.Kind):
		return "kind", fmt.Sprintf("is %.100q; this build knows %q", w.Kind, known)
	case w.Kind == check.KindAPI && w.API == nil, w.Kind == check.KindBrowser && w.Browser == nil:
		return string(w.Kind), "is missing, though kind names it"
	case w.Kind == check.KindAPI:
		if field, reason = (*w.API).fault(); field != "" {
			return "api." + field, reason
		}
	}
	return "", ""
}
