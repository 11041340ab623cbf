package promotion

import (
	"fmt"
	"slices"
	"time"
)

// retryAfter is how long a rollback that failed waits until it is tried again.
const retryAfter = 5 * time.Minute

// planner holds what all stages of one plan have in common.
type planner struct {
	service   Service
	o         *Observations
	histories map[string]History
	// leaving is the commit that the stage after the present one is taking
	// from it.
	leaving string
}

// Decide says what is to be done about every stage. It works on pairs of
// stages, from the last one to the first, so that several commits may be under
// way at once.
func Decide(s Service, o Observations) Plan {
	o.Entries = sorted(o.Entries)
	p := &planner{service: s, o: &o, histories: map[string]History{}}
	for _, stage := range s.Stages {
		p.histories[stage.Name] = HistoryOf(o.Entries, stage.Name, o.Now)
	}
	plan := Plan{Service: s.Name, At: o.Now, Stages: make([]StagePlan, len(s.Stages))}
	for i := len(s.Stages) - 1; i >= 0; i-- {
		plan.Stages[i] = p.stage(i)
		p.leaving = ""
		if d := plan.Stages[i]; (d.Do == Promote || d.Do == Continue || d.Do == Busy) && !d.Undo {
			p.leaving = d.Commit
		}
	}
	return plan
}

// since is when the commit that runs in a stage came there; the zero time
// where nobody knows.
func (p *planner) since(stage string) time.Time {
	seen, ok := p.o.seen(stage)
	if !ok || seen.Commit == "" {
		return time.Time{}
	}
	t := seen.Since
	if h := p.histories[stage]; h.Now == seen.Commit && h.Came.After(t) {
		t = h.Came
	}
	return t
}

// Since is when the commit that runs in a stage came there, as a plan of these
// observations counts it; the zero time where that is not known.
func Since(o Observations, stage string) time.Time {
	p := &planner{o: &o, histories: map[string]History{stage: HistoryOf(o.Entries, stage, o.Now)}}
	return p.since(stage)
}

func (p *planner) stage(i int) StagePlan {
	stage := p.service.Stages[i]
	d := StagePlan{Stage: stage.Name}
	if seen, ok := p.o.seen(stage.Name); ok {
		d.Running = seen.Commit
		if t := p.since(stage.Name).UTC(); !t.IsZero() {
			d.Since = &t
		}
	}
	switch {
	case p.o.Now.IsZero():
		d.Do, d.Reason = Hold, "the time is not known"
		return d
	case !p.o.LedgerRead:
		d.Do, d.Reason = Hold, "what the ledger says is not known: "+p.o.why(GateHold, stage.Name, "", "it was not read")
		return d
	}
	// What is under way or has gone wrong comes before anything new. None of
	// it asks a gate.
	if p.flying(stage, &d) || p.failed(stage, &d) || p.alarmed(stage, &d) {
		return d
	}
	if i == 0 {
		p.fromTrunk(stage, &d)
	} else {
		p.fromStage(i, &d)
	}
	return d
}

// flying sees to a deploy that was begun and has not ended.
func (p *planner) flying(stage Stage, d *StagePlan) bool {
	f := p.histories[stage.Name].Flight
	if f == nil {
		return false
	}
	d.Commit, d.Undo = f.Commit, f.Rollback
	lapsed := !p.o.Now.Before(f.Until)
	if !f.Rollback && f.From != "" {
		firing := p.firing(stage, f.Commit, f.At)
		switch {
		case firing != "":
			d.Do, d.Commit, d.Reason = RollBack, f.From, fmt.Sprintf("while %s was being deployed: %s", Short(f.Commit), firing)
			return true
		case lapsed:
			d.Do, d.Commit, d.Reason = RollBack, f.From, fmt.Sprintf("%s did not become ready by %s", Short(f.Commit), moment(f.Until))
			return true
		}
	}
	what := "being deployed"
	if f.Rollback {
		what = "being rolled back to"
	}
	if d.Do = Continue; f.Holder != p.o.Holder && !lapsed {
		d.Do = Busy
	}
	d.Reason = fmt.Sprintf("%s is %s by %s since %s, until %s at the latest", Short(f.Commit), what, f.Holder, moment(f.At), moment(f.Until))
	return true
}

// failed sees to what did not become ready, and to rollbacks that failed.
func (p *planner) failed(stage Stage, d *StagePlan) bool {
	last := p.histories[stage.Name].Last
	if last == nil || last.End.Outcome != Failed {
		return false
	}
	b := last.Begin
	if b.Rollback {
		d.Commit = b.Commit
		if again := last.End.At.Add(retryAfter); p.o.Now.Before(again) {
			d.Do, d.OpensAt = Hold, &again
			d.Reason = fmt.Sprintf("the rollback to %s failed (%s); it is tried again at %s", Short(b.Commit), last.End.Reason, moment(again))
			return true
		}
		d.Do, d.Reason = RollBack, fmt.Sprintf("the last rollback failed: %s", last.End.Reason)
		return true
	}
	if b.From == "" || b.From == b.Commit {
		return false // nothing to go back to; the commit is rejected, a newer one may come
	}
	d.Do, d.Commit = RollBack, b.From
	d.Reason = fmt.Sprintf("%s did not become ready: %s", Short(b.Commit), last.End.Reason)
	return true
}

// alarmed sees to alarms that fire within the bake of what we have deployed.
func (p *planner) alarmed(stage Stage, d *StagePlan) bool {
	h := p.histories[stage.Name]
	if h.Last == nil || h.Last.End.Outcome != Done || h.Last.Begin.Rollback || stage.Bake == nil {
		return false
	}
	if seen, ok := p.o.seen(stage.Name); ok && seen.Commit != h.Now {
		return false // somebody else has changed what runs there
	}
	if !p.o.Now.Before(h.Came.Add(stage.Bake.For)) {
		return false
	}
	firing := p.firing(stage, h.Now, h.Last.Begin.At)
	if firing == "" {
		return false
	}
	to := h.Before
	d.Commit, d.Reason = to, fmt.Sprintf("within the bake of %s: %s", Short(h.Now), firing)
	if d.Do = RollBack; to == "" {
		d.Do, d.Reason = Hold, d.Reason+"; nothing is known that ran before, so that there is nothing to go back to"
	}
	return true
}

// firing says which alarms of a stage fire that can have come of a commit: not
// those that fired before it came, nor those that somebody has overridden for
// it.
func (p *planner) firing(stage Stage, commit string, from time.Time) string {
	if _, known := p.o.override(GateAlarms, stage.Name, commit); known {
		return ""
	}
	var list []string
	for _, name := range stage.Alarms {
		state, since, words := p.alarm(stage.Name, name)
		if state == Firing && (since.IsZero() || !since.Before(from)) {
			list = append(list, fmt.Sprintf("%s fires%s", name, detail(words)))
		}
	}
	slices.Sort(list)
	return join(list)
}

// fromTrunk takes the newest commit of the trunk that passes.
func (p *planner) fromTrunk(stage Stage, d *StagePlan) {
	seen, ok := p.o.seen(stage.Name)
	var first []Verdict
	for _, c := range p.o.candidates() {
		if ok && seen.Commit != "" && p.o.isAncestor(c.ID, seen.Commit) == Yes {
			break // from here on all are in what runs
		}
		verdicts := question{p, 0, stage, c.ID}.ask()
		if passes(verdicts) {
			d.take(c.ID, verdicts)
			return
		}
		if first == nil {
			first, d.Commit = verdicts, c.ID
		}
	}
	if first == nil {
		d.Do, d.Reason = Nothing, "nothing newer is on the trunk"
		if why := p.o.why(GateTrunk, stage.Name, "", ""); why != "" {
			d.Do, d.Reason = Hold, "the trunk is not known: "+why
		}
		return
	}
	p.holdBack(stage, d, first)
}

// fromStage takes what runs in the stage before.
func (p *planner) fromStage(i int, d *StagePlan) {
	stage, before := p.service.Stages[i], p.service.Stages[i-1]
	from, ok := p.o.seen(before.Name)
	seen, seenOK := p.o.seen(stage.Name)
	flight := p.histories[before.Name].Flight
	switch {
	case !ok:
		d.Do, d.Reason = Hold, fmt.Sprintf("what runs in %s is not known: %s", before.Name, p.o.why(GateSteady, before.Name, "", "its driver did not say"))
	case from.Commit == "":
		d.Do, d.Reason = Nothing, fmt.Sprintf("nothing runs in %s", before.Name)
	case flight != nil:
		d.Do, d.Reason = Hold, fmt.Sprintf("%s is under way to %s", Short(flight.Commit), before.Name)
	case p.failed(before, &StagePlan{}) || p.alarmed(before, &StagePlan{}):
		d.Do, d.Reason = Hold, fmt.Sprintf("%s is about to be rolled back from %s", Short(from.Commit), before.Name)
	case from.Mixed:
		d.Do, d.Reason = Hold, fmt.Sprintf("more than one thing runs in %s%s", before.Name, detail(from.Detail))
	case seenOK && !seen.Mixed && from.Commit == seen.Commit:
		d.Do, d.Reason = Nothing, fmt.Sprintf("it runs what %s runs", before.Name)
	case seenOK && !seen.Mixed && seen.Commit != "" && p.o.isAncestor(from.Commit, seen.Commit) == Yes:
		d.Do, d.Reason = Nothing, fmt.Sprintf("it is ahead of %s, which runs %s", before.Name, Short(from.Commit))
	default:
		d.Commit = from.Commit
		verdicts := question{p, i, stage, from.Commit}.ask()
		if passes(verdicts) {
			d.take(from.Commit, verdicts)
			return
		}
		p.holdBack(stage, d, verdicts)
	}
}

func passes(list []Verdict) bool {
	for _, v := range list {
		if !v.Passes() {
			return false
		}
	}
	return len(list) > 0
}

func (d *StagePlan) take(commit string, verdicts []Verdict) {
	d.Do, d.Commit, d.Verdicts, d.Reason = Promote, commit, verdicts, "all gates are open"
	var overridden []string
	for _, v := range verdicts {
		if v.Overridden != "" {
			overridden = append(overridden, fmt.Sprintf("gate %s is overridden by %s", v.Gate, v.Overridden))
		}
	}
	if len(overridden) > 0 {
		d.Reason = join(overridden)
	}
}

// holdBack says why a commit waits, and when it may go on.
func (p *planner) holdBack(stage Stage, d *StagePlan, verdicts []Verdict) {
	d.Do, d.Verdicts = Hold, verdicts
	var reasons []string
	opens, timely, calendar := p.o.Now, true, stage.Gates
	for _, v := range verdicts {
		switch {
		case v.Overridden != "" && v.Gate == GateHours:
			calendar.Hours = nil
		case v.Overridden != "" && v.Gate == GateFreeze:
			calendar.Freezes = nil
		}
		if v.Passes() {
			continue
		}
		if !slices.Contains(reasons, v.Reason) { // two gates may lack the same
			reasons = append(reasons, v.Reason)
		}
		switch {
		case v.OpensAt == nil:
			timely = false
		case v.OpensAt.After(opens):
			opens = *v.OpensAt
		}
	}
	d.Reason = join(reasons)
	if !timely {
		return
	}
	if opens = calendar.opening(opens).UTC(); !opens.IsZero() {
		d.OpensAt = &opens
	}
}
