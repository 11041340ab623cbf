package console

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
)

const (
	// MaxApplyBytes caps the body of one apply.
	MaxApplyBytes = 64 << 20
	// MaxPage is the longest page of a list.
	MaxPage = 1000
)

// Definition is one check as the API carries it: codec's JSON of a check, and
// the version in which it was written.
type Definition struct {
	Version int             `json:"version"`
	Check   json.RawMessage `json:"check" doc:"The check, in the JSON of the version beside it."`
	// Owner and Revision are told by answers and ignored in requests.
	Owner    string `json:"owner,omitempty" doc:"The set of checks to which it belongs; told by answers only."`
	Revision int64  `json:"revision,omitempty" doc:"When it was last changed; told by answers only."`
}

// Definitions is the answer of GET /api/v1/checks.
type Definitions struct {
	Checks []Definition `json:"checks" nullable:"false"`
	// Revision grows with every change.
	Revision int64 `json:"revision"`
	// Next continues the list, as `after`; "" at its end.
	Next string `json:"next,omitempty" doc:"Ask again with this as after for what follows; absent at the end."`
}

// Wanted is the body of an apply and of a plan.
type Wanted struct {
	Checks []Definition `json:"checks" nullable:"false" maxItems:"20000"`
	// Owner names the set to which these checks belong.
	Owner string `json:"owner,omitempty" maxLength:"63" pattern:"^[a-z0-9][a-z0-9_-]*$" doc:"The set to which these checks belong from then on."`
	// TakeOver allows to change checks of other sets.
	TakeOver bool `json:"take_over,omitempty" doc:"Change checks that belong to another set too; they then belong to this one."`
	// Delete names checks of the owner that are to go. A plan ignores it: it
	// names them.
	Delete []string `json:"delete,omitempty" maxItems:"20000" doc:"Checks of the owner's set that are deleted: what a plan lists under delete. Nothing is deleted that is not named."`
}

// Applied says what an apply did, as ids of checks.
type Applied struct {
	Created   []string `json:"created" nullable:"false"`
	Changed   []string `json:"changed" nullable:"false"`
	Unchanged []string `json:"unchanged" nullable:"false"`
	Deleted   []string `json:"deleted" nullable:"false"`
}

// Define writes checks as the API carries them.
func Define(checks []check.Check) ([]Definition, error) {
	ds := make([]Definition, 0, len(checks))
	for _, c := range checks {
		version, data, err := codec.EncodeCheck(c)
		if err != nil {
			return nil, fmt.Errorf("encoding check %q: %w", c.ID, err)
		}
		ds = append(ds, Definition{Version: version, Check: data})
	}
	return ds, nil
}

func (e *endpoints) checks() {
	c := e.console
	register(e, operation{
		id: "list-checks", method: http.MethodGet, path: "/checks", scope: access.ChecksRead, tag: "checks",
		summary: "List checks", description: "In the order of their ids, paused ones too. What is listed can be applied as it is.",
	}, c.listChecks)
	register(e, operation{
		id: "get-check", method: http.MethodGet, path: "/checks/{id}", scope: access.ChecksRead, tag: "checks",
		summary: "Show a check", errors: []int{http.StatusNotFound},
	}, c.getCheck)
	register(e, operation{
		id: "apply-checks", method: http.MethodPut, path: "/checks", scope: access.ChecksWrite, tag: "checks", maxBody: MaxApplyBytes,
		summary:     "Apply checks",
		description: "Creates and changes checks so that they are as given, and deletes those that are named: all or none. What is the same already stays as it is. Checks that are not named stay.",
		errors:      []int{http.StatusConflict},
	}, c.applyChecks)
	register(e, operation{
		id: "plan-checks", method: http.MethodPost, path: "/checks/plan", scope: access.ChecksRead, tag: "checks", maxBody: MaxApplyBytes,
		summary: "Plan an apply", description: "Says what an apply of the same body would do, property by property, and does nothing.",
	}, c.planChecks)
	register(e, operation{
		id: "delete-check", method: http.MethodDelete, path: "/checks/{id}", scope: access.ChecksWrite, tag: "checks",
		summary: "Delete a check", description: "Whatever set it belongs to. Its history stays.", errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *checkID) (*struct{}, error) {
		removed, err := c.o.Store.RemoveChecks(ctx, []string{in.ID})
		switch {
		case err != nil:
			return nil, c.failed("deleting the check", err)
		case len(removed) == 0:
			return nil, noCheck(in.ID)
		}
		c.o.Logger.Info("check deleted", "check", in.ID, "by", holder(ctx).Name)
		return nil, nil
	})
	e.switches()
}

type checkID struct {
	ID string `path:"id" maxLength:"63"`
}

func noCheck(id string) *Problem {
	return newProblem(http.StatusNotFound, fmt.Sprintf("there is no check %q; /api/v1/checks lists them", id))
}

type listChecksInput struct {
	Kind     string `query:"kind" doc:"Only of this kind."`
	Group    string `query:"group" doc:"Only of this group."`
	Tag      string `query:"tag" doc:"Only with this tag."`
	Location string `query:"location" doc:"Only those that run there."`
	Owner    string `query:"owner" doc:"Only of this set."`
	Active   string `query:"active" enum:"true,false" doc:"Only active, or only paused ones."`
	Text     string `query:"q" doc:"Only with this text in id or name, in any case."`
	After    string `query:"after" doc:"Continue the list after this id."`
	Limit    int    `query:"limit" default:"1000" minimum:"1" maximum:"1000"`
}

func (c *Console) listChecks(ctx context.Context, in *listChecksInput) (*out[Definitions], error) {
	f := CheckFilter{Kind: in.Kind, Group: in.Group, Tag: in.Tag, Location: in.Location, Owner: in.Owner, Text: in.Text, After: in.After, Limit: in.Limit + 1}
	if in.Active != "" {
		active := in.Active == "true"
		f.Active = &active
	}
	found, revision, err := c.o.Store.Catalogue(ctx, f)
	if err != nil {
		return nil, c.failed("reading the checks", err)
	}
	list := Definitions{Checks: []Definition{}, Revision: revision}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		list.Next = found[in.Limit-1].ID
	}
	for _, s := range found {
		list.Checks = append(list.Checks, define(s))
	}
	return answer(list), nil
}

func define(s StoredCheck) Definition {
	return Definition{Version: s.Version, Check: s.Spec, Owner: s.Owner, Revision: s.Revision}
}

func (c *Console) getCheck(ctx context.Context, in *checkID) (*out[Definition], error) {
	found, _, err := c.o.Store.Catalogue(ctx, CheckFilter{IDs: []string{in.ID}})
	switch {
	case err != nil:
		return nil, c.failed("reading the check", err)
	case len(found) == 0:
		return nil, noCheck(in.ID)
	}
	return answer(define(found[0])), nil
}

func (c *Console) applyChecks(ctx context.Context, in *struct{ Body Wanted }) (*out[Applied], error) {
	w := in.Body
	checks, faults := c.readChecks(w.Checks)
	if len(faults) == 0 {
		faults = w.deleteFaults(checks)
	}
	if len(faults) == 0 {
		var err error
		if faults, err = c.unknownChannels(ctx, checks); err != nil {
			return nil, c.failed("reading the channels", err)
		}
	}
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "nothing was applied: mend what is listed under faults", faults...)
	}
	done, err := c.o.Store.ApplySet(ctx, checks, ApplyOptions{Owner: w.Owner, TakeOver: w.TakeOver, Delete: w.Delete})
	if owned, ok := errors.AsType[*OwnedError](err); ok {
		return nil, newProblem(http.StatusConflict, "nothing was applied: these checks belong to another set, or to none; name their owner, or take them over", conflicts(owned.Owners)...)
	}
	if err != nil {
		return nil, c.failed("applying the checks", err)
	}
	c.o.Logger.Info("checks applied", "created", len(done.Created), "changed", len(done.Changed), "unchanged", len(done.Unchanged),
		"deleted", len(done.Deleted), "owner", w.Owner, "by", holder(ctx).Name)
	return answer(Applied{nonNil(done.Created), nonNil(done.Changed), nonNil(done.Unchanged), nonNil(done.Deleted)}), nil
}

// deleteFaults is what is wrong with the checks that are to go.
func (w Wanted) deleteFaults(checks []check.Check) (faults []string) {
	if len(w.Delete) > 0 && w.Owner == "" {
		return []string{"body.delete: only checks of a set can be deleted by an apply; name it as owner"}
	}
	applied := map[string]bool{}
	for _, c := range checks {
		applied[c.ID] = true
	}
	for _, id := range w.Delete {
		if applied[id] {
			faults = append(faults, fmt.Sprintf("body.delete: check %q is applied and deleted at once, or named twice", id))
		}
		applied[id] = true
	}
	return faults
}

func conflicts(owners map[string]string) []string {
	var lines []string
	for id, owner := range owners {
		if owner == "" {
			lines = append(lines, fmt.Sprintf("check %q belongs to no set", id))
			continue
		}
		lines = append(lines, fmt.Sprintf("check %q belongs to %q", id, owner))
	}
	slices.Sort(lines)
	return lines
}

// readChecks reads definitions and lists everything that is wrong with them. What
// was found to be right before is not looked into again: an apply follows its
// plan, and most of a set stays as it is.
func (c *Console) readChecks(ds []Definition) (checks []check.Check, faults []string) {
	seen := map[string]bool{}
	compiled := map[expression]error{}
	for i, d := range ds {
		ch, err := codec.DecodeCheck(d.Version, d.Check)
		if err != nil {
			faults = append(faults, fmt.Sprintf("checks[%d]: %v", i, err))
			continue
		}
		if seen[ch.ID] {
			faults = append(faults, fmt.Sprintf("check %q is there twice", ch.ID))
		}
		seen[ch.ID] = true
		checks = append(checks, ch)
		k := d.key()
		if c.sound.has(k) {
			continue
		}
		before := len(faults)
		for _, f := range ch.Validate() {
			faults = append(faults, fmt.Sprintf("check %q: %v", ch.ID, f))
		}
		for _, line := range expressions(ch) {
			e := expression{ch.Kind(), line}
			if _, done := compiled[e]; !done {
				_, compiled[e] = assert.Compile(ch.Kind(), line)
			}
			if err := compiled[e]; err != nil {
				faults = append(faults, fmt.Sprintf("check %q: %s: %v", ch.ID, line, err))
			}
		}
		if len(faults) == before {
			c.sound.add(k)
		}
	}
	return checks, faults
}

// key stands for the definition, byte by byte.
func (d Definition) key() [32]byte {
	return sha256.Sum256(append(strconv.AppendInt(nil, int64(d.Version), 10), d.Check...))
}

// maxSound bounds the definitions that are remembered as right.
const maxSound = 50_000

// sound remembers definitions in which nothing was wrong.
type sound struct {
	mu    sync.Mutex
	known map[[32]byte]bool
}

func (s *sound) has(k [32]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[k]
}

func (s *sound) add(k [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxSound {
		s.known = map[[32]byte]bool{}
	}
	s.known[k] = true
}

// expression is a line of a kind of check; many checks have the same.
type expression struct {
	kind check.Kind
	line string
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

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
