package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/people"
)

// APIVersion is the version of the HTTP API, which its description names.
const APIVersion = "1"

// maxBody caps the body of a request, where an operation does not say more.
const maxBody = 1 << 20

// Problem is an error in the form of RFC 9457.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail says what is wrong and what to do.
	Detail string `json:"detail" doc:"What is wrong, and what to do."`
	// Faults name what is wrong in the request, one line each.
	Faults []string `json:"faults,omitempty" doc:"What is wrong in the request, one line each."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// Lines are the faults, for a page.
func (p *Problem) Lines() []string { return p.Faults }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func newProblem(status int, detail string, faults ...string) *Problem {
	return &Problem{"about:blank", http.StatusText(status), status, detail, faults}
}

// The library asks this variable for every error that it makes itself, and for
// the shape of errors in the description: there is one of it a process.
func init() { //nolint:gochecknoinits // see above
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := newProblem(status, message)
		for _, err := range errs {
			if err != nil {
				p.Faults = append(p.Faults, faultLine(err))
			}
		}
		switch {
		case status == http.StatusUnprocessableEntity && message == "validation failed":
			p.Detail = "the request is not as it should be: mend what is listed under faults; /api/v1/openapi.json describes it"
		case status == http.StatusBadRequest && message == "validation failed":
			p.Detail = "the body is not the JSON that was expected"
		case status == http.StatusRequestEntityTooLarge:
			p.Detail = message + "; send less at a time"
		case status >= http.StatusInternalServerError && len(p.Faults) > 0:
			p.Detail, p.Faults = "the console could not do it; its log says more", nil
		}
		return p
	}
}

// faultLine writes a fault of validation with its place.
func faultLine(err error) string {
	var d huma.ErrorDetailer
	if !errors.As(err, &d) || d.ErrorDetail().Location == "" {
		return err.Error()
	}
	return d.ErrorDetail().Location + ": " + d.ErrorDetail().Message
}

// out is the answer of an operation.
type out[T any] struct{ Body T }

func answer[T any](body T) *out[T] { return &out[T]{Body: body} }

// endpoints is the console's API while it is put together.
type endpoints struct {
	huma.API
	console *Console
}

const about = `What the console of a probefleet installation can be asked by programs.

Every request carries a token: ` + "`Authorization: Bearer pf_…`" + `. Each operation names the scope that the token needs. Errors are problem details (RFC 9457) that say what to do. Too many requests are answered with 429 and Retry-After.

Checks and results travel in the versioned JSON that queues and database hold too; ` + "`version`" + ` stands beside each.`

// newAPI registers every operation with mux.
func (c *Console) newAPI(mux *http.ServeMux) *endpoints {
	config := huma.DefaultConfig("probefleet console", APIVersion)
	config.Info.Description = about
	config.Info.License = &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/api/v1/openapi", "", ""
	config.CreateHooks = nil // no $schema in answers
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A token of `probefleet token create`. The list beside it holds the scope that is needed."},
	}
	e := &endpoints{humago.New(mux, config), c}
	e.UseMiddleware(c.guard(e))
	e.checks()
	if c.o.Runs != nil {
		e.runs()
		e.triggers()
	}
	if c.o.Shadows != nil {
		e.shadows()
	}
	if c.o.Pings != nil {
		e.pings()
	}
	if c.o.Meters != nil {
		e.objectives()
	}
	e.tokens()
	if c.o.Incidents != nil {
		e.incidents()
		e.maintenance()
	}
	if c.o.Fleet != nil {
		e.locations()
	}
	if c.o.Registry != nil {
		e.fleet()
	}
	if c.o.DeadQueues != nil {
		e.dlq()
	}
	if c.o.Alerts != nil {
		e.alerts()
	}
	if c.o.Pages != nil {
		e.pages()
		if c.o.Subscribers != nil {
			e.subscribers()
		}
	}
	if c.o.Desk != nil {
		e.people()
	}
	if c.o.Audit != nil {
		e.audit()
	}
	return e
}

// operation is what differs between operations.
type operation struct {
	id, method, path string
	scope            access.Scope
	tag, summary     string
	description      string
	// errors are the statuses of problems besides those that every operation
	// may answer.
	errors  []int
	maxBody int64
}

// register adds an operation to the API. Its description is made of the types
// of handler.
func register[I, O any](e *endpoints, o operation, handler func(context.Context, *I) (*O, error)) {
	if o.maxBody == 0 {
		o.maxBody = maxBody
	}
	huma.Register(e, huma.Operation{
		OperationID: o.id, Method: o.method, Path: "/api/v1" + o.path, Summary: o.summary, Description: o.description,
		Tags: []string{o.tag}, Security: []map[string][]string{{"token": {string(o.scope)}}},
		Errors:       append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable}, o.errors...),
		MaxBodyBytes: o.maxBody, BodyReadTimeout: time.Minute,
	}, handler)
}

// OpenAPI is the description of the whole API, as JSON.
func OpenAPI() ([]byte, error) {
	c := New(Options{
		Runs: noRuns{}, Shadows: noShadows{}, Pings: noPings{}, Fleet: noFleet{}, Registry: noRegistry{}, DeadQueues: noQueues{}, Incidents: noIncidents{}, Alerts: noAlerts{}, Pages: noPages{}, Subscribers: noSubscribers{},
		Desk: people.NewDesk(people.Options{}), Audit: noAudit{}, Meters: noMeters{},
	})
	spec := c.newAPI(http.NewServeMux()).OpenAPI()
	data, err := spec.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("writing the description of the API: %w", err)
	}
	return data, nil
}

// With these the whole API is put together for its description alone; they
// are never asked.
type (
	noRuns      struct{ runs }
	noShadows   struct{ shadows }
	noPings     struct{ pingBook }
	noFleet     struct{ fleet }
	noRegistry  struct{ registry }
	noQueues    struct{ deadQueues }
	noAudit     struct{ auditLog }
	noMeters    struct{ meterBook }
	noIncidents struct{ incidents }
	noAlerts    struct{ alertBook }
	noPages     struct{ pageBook }

	noSubscribers struct{ subscriberBook }
)

// failed reports what the database did not do.
func (c *Console) failed(doing string, err error) error {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, "the request was given up")
	}
	c.o.Logger.Error(doing, "err", err)
	return newProblem(http.StatusServiceUnavailable, fmt.Sprintf("%s did not succeed: the database did not do it; try again, the console's log says more", doing))
}
