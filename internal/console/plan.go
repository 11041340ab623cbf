package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/plan"
)

// Plan is what an apply would do.
type Plan struct {
	Owner  string       `json:"owner,omitempty"`
	Create []string     `json:"create" nullable:"false"`
	Change []PlanChange `json:"change" nullable:"false"`
	Delete []string     `json:"delete" nullable:"false" doc:"Checks of the owner's set that the body does not hold; an apply deletes them where it names them."`
	Owned  []PlanOwned  `json:"owned" nullable:"false" doc:"Checks that belong to another set; an apply is refused unless it takes them over."`
	Same   int          `json:"unchanged"`
	// Backtests say what changed assertions and alert rules would have meant.
	Backtests []Backtest `json:"backtests,omitempty" doc:"What changed assertions and alert rules would have made of the runs of the last seven days, of up to 20 checks and 5000 runs each."`
	Left      int        `json:"not_backtested,omitempty" doc:"Changed checks beyond what is replayed at a time."`
}

// PlanChange is what would change of a check.
type PlanChange struct {
	ID      string        `json:"id"`
	Changes []plan.Change `json:"changes" nullable:"false"`
}

// PlanOwned is a check of another set.
type PlanOwned struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
}

// Empty reports whether an apply would change nothing.
func (p Plan) Empty() bool { return len(p.Create)+len(p.Change)+len(p.Delete) == 0 }

func (c *Console) planChecks(ctx context.Context, in *struct{ Body Wanted }) (*out[Plan], error) {
	w := in.Body
	checks, faults := c.readChecks(w.Checks)
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "this could not be applied: mend what is listed under faults", faults...)
	}
	ids, wanted := make([]string, len(checks)), make(map[string]bool, len(checks))
	for i, ch := range checks {
		ids[i], wanted[ch.ID] = ch.ID, true
	}
	stored, _, err := c.o.Store.Catalogue(ctx, CheckFilter{IDs: ids})
	if err != nil {
		return nil, c.failed("reading the checks", err)
	}
	p := Plan{Owner: w.Owner, Create: []string{}, Change: []PlanChange{}, Delete: []string{}, Owned: []PlanOwned{}}
	known := make(map[string]StoredCheck, len(stored))
	for _, s := range stored {
		known[s.ID] = s
	}
	for i, ch := range checks {
		s, there := known[ch.ID]
		if !there {
			p.Create = append(p.Create, ch.ID)
			continue
		}
		if s.Owner != "" && s.Owner != w.Owner && !w.TakeOver {
			p.Owned = append(p.Owned, PlanOwned{s.ID, s.Owner})
		}
		if changes := compare(s, ch, w.Checks[i].Version, w.Owner); len(changes) > 0 {
			p.Change = append(p.Change, PlanChange{ch.ID, changes})
			continue
		}
		p.Same++
	}
	slices.Sort(p.Create)
	slices.SortFunc(p.Change, func(a, b PlanChange) int { return strings.Compare(a.ID, b.ID) })
	p.Backtests, p.Left = c.backtests(ctx, checks, known)
	if w.Owner == "" {
		return answer(p), nil
	}
	mine, _, err := c.o.Store.Catalogue(ctx, CheckFilter{Owner: w.Owner})
	if err != nil {
		return nil, c.failed("reading the checks of the set", err)
	}
	for _, s := range mine {
		if !wanted[s.ID] {
			p.Delete = append(p.Delete, s.ID)
		}
	}
	return answer(p), nil
}

// compare lists what an apply would change of a stored check.
func compare(s StoredCheck, wanted check.Check, version int, owner string) []plan.Change {
	var changes []plan.Change
	before, err := codec.DecodeCheck(s.Version, s.Spec)
	switch {
	case err != nil:
		changes = []plan.Change{change("(format)", fmt.Sprintf("version %d, which this console cannot read", s.Version), fmt.Sprintf("version %d", version))}
	default:
		changes = plan.Diff(before, wanted)
		if encoded, _, err := codec.EncodeCheck(wanted); err == nil && len(changes) == 0 && encoded != s.Version {
			changes = []plan.Change{change("(format)", fmt.Sprintf("version %d", s.Version), fmt.Sprintf("version %d", encoded))}
		}
	}
	if owner != "" && owner != s.Owner {
		changes = append(changes, change("(owner)", s.Owner, owner))
	}
	return changes
}

func change(path, before, after string) plan.Change {
	c := plan.Change{Path: path}
	if before != "" {
		c.Before = &before
	}
	if after != "" {
		c.After = &after
	}
	return c
}
