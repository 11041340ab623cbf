package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// maxKept caps one part that is kept beside a result.
	maxKept = 8 << 20
	// keepTimeout bounds the keeping of all parts of a result.
	keepTimeout = 10 * time.Second
)

// artifacts keeps files by key; blob.Store is one.
type artifacts interface {
	Put(ctx context.Context, key, contentType string, data []byte) error
}

// KeepIn makes m keep there what it cuts off results. Call it before the first
// Run.
func (m *Mux) KeepIn(a artifacts) { m.artifacts = a }

// The parts of a result that are kept whole where they do not fit into it, by
// the names of their artifacts.
const (
	partFault    = "fault.txt"
	partVerdicts = "verdicts.json"
	partSteps    = "steps.json"
	partPage     = "page.json"
	partResponse = "response.json" // without headers and body
	partHeaders  = "headers.json"
	partBody     = "body.txt"
	partConsole  = "console.json"
	partVisit    = "visit.json"
	partNone     = "" // what is not worth a file
)

// whole is a copy of what tidy may cut.
func whole(res jobs.Result) jobs.Result {
	res.Verdicts, res.Steps = slices.Clone(res.Verdicts), slices.Clone(res.Steps)
	e := &res.Evidence
	e.Console = slices.Clone(e.Console)
	if e.Page != nil {
		p := *e.Page
		e.Page = &p
	}
	if e.Visit != nil {
		v := *e.Visit
		v.Vitals, v.Log = slices.Clone(v.Vitals), slices.Clone(v.Log)
		e.Visit = &v
	}
	if e.Response != nil {
		r := *e.Response
		r.Headers = maps.Clone(r.Headers)
		if r.TLS != nil {
			t := *r.TLS
			r.TLS = &t
		}
		e.Response = &r
	}
	return res
}

// keep stores the parts of a result that were cut and lists them in it. One
// that is not stored, or larger than maxKept, is listed without a key: the
// result says in any case that it is not all.
func (m *Mux) keep(ctx context.Context, res *jobs.Result, full jobs.Result, cut []string) {
	if len(cut) == 0 {
		return
	}
	// The run's own time may be over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	for _, part := range cut {
		contentType, data := render(part, full)
		a := jobs.Artifact{Name: part, ContentType: contentType, Size: int64(len(data))}
		key := fmt.Sprintf("runs/%s/%s/%d-%s", res.Slot.UTC().Format(time.DateOnly), res.RunID, res.Attempt, part)
		switch {
		case m.artifacts == nil:
		case len(data) > maxKept:
			m.log.Warn("part of a result is too large to be kept", "check", res.CheckID, "job", res.JobID, "part", part, "bytes", len(data))
		default:
			if err := m.artifacts.Put(ctx, key, contentType, data); err != nil {
				m.log.Warn("part of a result was not kept", "check", res.CheckID, "job", res.JobID, "key", key, "err", err)
				break
			}
			a.Key = key
		}
		res.Evidence.Artifacts = append(res.Evidence.Artifacts, a)
	}
}

// render writes a part for people to read.
func render(part string, full jobs.Result) (contentType string, data []byte) {
	response := full.Evidence.Response
	if response == nil {
		response = &jobs.Response{}
	}
	var v any
	switch part {
	case partFault:
		return "text/plain; charset=utf-8", []byte(clean(full.Fault.Message))
	case partBody:
		return "text/plain; charset=utf-8", []byte(clean(response.Excerpt))
	case partVerdicts:
		v = full.Verdicts
	case partSteps:
		v = full.Steps
	case partPage:
		v = full.Evidence.Page
	case partHeaders:
		v = response.Headers
	case partVisit:
		v = full.Evidence.Visit
	case partConsole:
		v = full.Evidence.Console
	default:
		rest := *response
		rest.Headers, rest.Excerpt = nil, ""
		v = rest
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // pages are full of angle brackets
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil { // strings, numbers and booleans always encode
		panic(err)
	}
	return "application/json", b.Bytes()
}
