package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
)

// MaxApplyBytes caps the body of one apply.
const MaxApplyBytes = 64 << 20

// Definition is one check as the API carries it: codec's JSON of a check, and
// the version in which it was written.
type Definition struct {
	Version int             `json:"version"`
	Check   json.RawMessage `json:"check"`
}

// Definitions is the body of PUT and the answer of GET /api/v1/checks.
type Definitions struct {
	Checks []Definition `json:"checks"`
	// Revision grows with every change; 0 in a PUT.
	Revision int64 `json:"revision,omitempty"`
}

// Applied says what an apply did, as ids of checks.
type Applied struct {
	Created   []string `json:"created"`
	Changed   []string `json:"changed"`
	Unchanged []string `json:"unchanged"`
}

// Define writes checks as the API carries them.
func Define(checks []check.Check) (Definitions, error) {
	ds := Definitions{Checks: make([]Definition, 0, len(checks))}
	for _, c := range checks {
		version, data, err := codec.EncodeCheck(c)
		if err != nil {
			return Definitions{}, fmt.Errorf("encoding check %q: %w", c.ID, err)
		}
		ds.Checks = append(ds.Checks, Definition{version, data})
	}
	return ds, nil
}

func (c *Console) list(w http.ResponseWriter, r *http.Request) {
	checks, revision, err := c.o.Store.ActiveChecks(r.Context())
	if err != nil {
		c.failed(w, "reading the checks", err)
		return
	}
	ds, err := Define(checks)
	if err != nil {
		c.failed(w, "encoding the checks", err)
		return
	}
	ds.Revision = revision
	answer(w, ds)
}

func (c *Console) apply(w http.ResponseWriter, r *http.Request) {
	var ds Definitions
	body := http.MaxBytesReader(w, r.Body, MaxApplyBytes)
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&ds); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			problem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d MiB; apply fewer checks at a time", MaxApplyBytes>>20), nil)
			return
		}
		problem(w, http.StatusBadRequest, fmt.Sprintf("the body is not the JSON of checks: %v", err), nil)
		return
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		problem(w, http.StatusBadRequest, fmt.Sprintf("reading the body: %v", err), nil)
		return
	}
	checks, faults := decode(ds)
	if len(faults) > 0 {
		problem(w, http.StatusUnprocessableEntity, "nothing was applied: mend what is listed under faults", faults)
		return
	}
	created, changed, unchanged, err := c.o.Store.ApplyChecks(r.Context(), checks)
	if err != nil {
		c.failed(w, "applying the checks", err)
		return
	}
	c.o.Logger.Info("checks applied", "created", len(created), "changed", len(changed), "unchanged", len(unchanged))
	answer(w, Applied{nonNil(created), nonNil(changed), nonNil(unchanged)})
}

// decode reads definitions and lists everything that is wrong with them.
func decode(ds Definitions) (checks []check.Check, faults []string) {
	seen := map[string]bool{}
	for i, d := range ds.Checks {
		c, err := codec.DecodeCheck(d.Version, d.Check)
		if err != nil {
			faults = append(faults, fmt.Sprintf("checks[%d]: %v", i, err))
			continue
		}
		if seen[c.ID] {
			faults = append(faults, fmt.Sprintf("check %q is there twice", c.ID))
		}
		seen[c.ID] = true
		for _, f := range c.Validate() {
			faults = append(faults, fmt.Sprintf("check %q: %v", c.ID, f))
		}
		for _, line := range expressions(c) {
			if _, err := assert.Compile(c.Kind(), line); err != nil {
				faults = append(faults, fmt.Sprintf("check %q: %s: %v", c.ID, line, err))
			}
		}
		checks = append(checks, c)
	}
	return checks, faults
}

func expressions(c check.Check) []string {
	var lines []string
	switch s := c.Spec.(type) {
	case *check.API:
		for _, step := range s.Steps {
			lines = append(append(lines, step.Expect...), step.Degraded...)
		}
	case *check.Browser:
		lines = append(append(lines, s.Expect...), s.Degraded...)
	case interface {
		Assertions() (expect, degraded []string)
	}:
		expect, degraded := s.Assertions()
		lines = append(append(lines, expect...), degraded...)
	}
	return lines
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
