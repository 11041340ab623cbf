package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/status"
)

const testToken = "pf_the_right_token"

// shelf is a store that keeps checks in memory, with the rules that package
// store has.
type shelf struct {
	checks map[string]check.Check
	owners map[string]string
	away   error
}

func (s *shelf) ApplySet(_ context.Context, checks []check.Check, o ApplyOptions) (kept.Applied, error) {
	if s.away != nil {
		return kept.Applied{}, s.away
	}
	if s.owners == nil {
		s.owners = map[string]string{}
	}
	others := map[string]string{}
	for _, c := range checks {
		if owner := s.owners[c.ID]; owner != "" && owner != o.Owner && !o.TakeOver {
			others[c.ID] = owner
		}
	}
	for _, id := range o.Delete {
		if _, there := s.checks[id]; there && (s.owners[id] != o.Owner || o.Owner == "") {
			others[id] = s.owners[id]
		}
	}
	if len(others) > 0 {
		return kept.Applied{}, &OwnedError{Owners: others}
	}
	var a kept.Applied
	for _, c := range checks {
		old, there := s.checks[c.ID]
		switch {
		case !there:
			a.Created = append(a.Created, c.ID)
		case !gocmp.Equal(old, c) || o.Owner != "" && s.owners[c.ID] != o.Owner:
			a.Changed = append(a.Changed, c.ID)
		default:
			a.Unchanged = append(a.Unchanged, c.ID)
		}
		s.checks[c.ID] = c
		s.owners[c.ID] = cmp.Or(o.Owner, s.owners[c.ID])
	}
	var err error
	a.Deleted, err = s.RemoveChecks(context.Background(), o.Delete)
	return a, err
}

func (s *shelf) RemoveChecks(_ context.Context, ids []string) (removed []string, err error) {
	for _, id := range ids {
		if _, there := s.checks[id]; there {
			removed = append(removed, id)
			delete(s.checks, id)
			delete(s.owners, id)
		}
	}
	return removed, s.away
}

func (s *shelf) ChangeCheck(_ context.Context, id string, change kept.Change) (bool, error) {
	c, there := s.checks[id]
	if there && s.away == nil {
		change(&c)
		s.checks[id] = c
	}
	return there, s.away
}

func (s *shelf) ActiveChecks(context.Context) ([]check.Check, int64, error) {
	var all []check.Check
	for _, c := range s.checks {
		all = append(all, c)
	}
	return all, 7, s.away
}

func (s *shelf) ChecksRevision(context.Context) (int64, error) { return 7, s.away }

func (s *shelf) Catalogue(_ context.Context, f CheckFilter) (found []StoredCheck, revision int64, err error) {
	for id, c := range s.checks {
		if id <= f.After || f.IDs != nil && !slices.Contains(f.IDs, id) || f.Owner != "" && s.owners[id] != f.Owner ||
			f.Kind != "" && string(c.Kind()) != f.Kind || f.Active != nil && c.Active != *f.Active || !strings.Contains(id, f.Text) {
			continue
		}
		version, spec, err := codec.EncodeCheck(c)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, StoredCheck{ID: id, Owner: s.owners[id], Version: version, Spec: spec, Revision: 3})
	}
	slices.SortFunc(found, func(a, b StoredCheck) int { return cmp.Compare(a.ID, b.ID) })
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[:f.Limit]
	}
	return found, 7, s.away
}

// ring holds tokens by their hash.
type ring struct {
	mu      sync.Mutex
	tokens  map[[32]byte]access.Token
	touched int
	away    error
}

// newRing has the test's token, with every scope.
func newRing() *ring {
	r := &ring{tokens: map[[32]byte]access.Token{}}
	r.put(testToken, access.Token{ID: "t0", Name: "test", Scopes: access.Scopes})
	return r
}

func (r *ring) put(secret string, t access.Token) { r.tokens[access.Hash(secret)] = t }

func (r *ring) TokenByHash(_ context.Context, hash [32]byte) (access.Token, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.tokens[hash]
	return t, ok, r.away
}

func (r *ring) TouchToken(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.touched++
	for h, t := range r.tokens {
		if t.ID == id {
			t.LastUsedAt = time.Now()
			r.tokens[h] = t
		}
	}
	return nil
}

func (r *ring) CreateToken(_ context.Context, t access.Token, hash [32]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens[hash] = t
	return r.away
}

func (r *ring) Tokens(context.Context) (all []access.Token, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tokens {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b access.Token) int { return cmp.Compare(a.ID, b.ID) })
	return all, r.away
}

func (r *ring) RevokeToken(_ context.Context, id string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for h, t := range r.tokens {
		if t.ID == id {
			t.RevokedAt = time.Now()
			r.tokens[h] = t
			return true, r.away
		}
	}
	return false, r.away
}

// past is a history of runs, and a list of what was asked for.
type past struct {
	list     []StoredRun
	asked    RunFilter
	states   []status.Check
	requests []TriggerRequest
	answers  map[string]TriggeredRun // by attempt
	pruned   time.Time
	away     error
}

func (p *past) Runs(_ context.Context, f RunFilter) ([]StoredRun, error) {
	p.asked = f
	return slices.Clone(p.list[:min(len(p.list), f.Limit)]), p.away
}

func (p *past) Run(_ context.Context, id string) (StoredRun, bool, error) {
	for _, r := range p.list {
		if r.ID == id {
			return r, true, p.away
		}
	}
	return StoredRun{}, false, p.away
}

func (p *past) Statuses(context.Context) ([]status.Check, error) { return p.states, p.away }

func (p *past) AddTriggers(_ context.Context, r TriggerRequest) error {
	p.requests = append(p.requests, r)
	return p.away
}

func (p *past) Triggered(_ context.Context, id string) (found []TriggeredRun, err error) {
	for _, r := range p.requests {
		if r.ID != id {
			continue
		}
		for _, t := range r.Runs {
			run := p.answers[t.AttemptID]
			run.RequestedBy, run.RequestedAt, run.ExpiresAt = r.RequestedBy, t.Slot, t.ExpiresAt
			run.Run.CheckID, run.Run.Location = t.CheckID, t.Location
			found = append(found, run)
		}
	}
	return found, p.away
}

func (p *past) PruneTriggers(_ context.Context, before time.Time) error {
	p.pruned = before
	return p.away
}

// give answers a run that was asked for.
func (p *past) give(attempt string, fate jobs.Fate, outcome jobs.Outcome) {
	if p.answers == nil {
		p.answers = map[string]TriggeredRun{}
	}
	run := TriggeredRun{Fate: fate}
	if outcome != "" {
		run.Run = StoredRun{ID: attempt, Outcome: outcome, DataVersion: 1, Data: []byte(`{}`)}
	}
	p.answers[attempt] = run
}

// roster is a book of nobody.
type roster struct{ people.Book }

func (*roster) People(context.Context) ([]people.Account, error) { return nil, nil }

func (*roster) PersonByName(context.Context, string) (people.Account, string, bool, error) {
	return people.Account{}, "", false, nil
}

// diary is an audit log in memory.
type diary struct {
	auditLog
	entries []access.Entry
}

func (d *diary) Note(_ context.Context, entries ...access.Entry) error {
	d.entries = append(d.entries, entries...)
	return nil
}

func (d *diary) Audit(context.Context, access.EntryFilter) ([]access.Entry, error) {
	return d.entries, nil
}
