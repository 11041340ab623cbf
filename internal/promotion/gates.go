package promotion

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// question is what the gates of a stage are asked: may this commit come in?
type question struct {
	*planner
	at     int // index of the stage
	stage  Stage
	commit string
}

// ask collects the verdicts of every gate of the stage, in their order.
func (q question) ask() []Verdict {
	list := []Verdict{q.trunk(), q.newer(), q.steady()}
	if v, asked := q.train(); asked {
		list = append(list, v)
	}
	list = append(list, q.hold(), q.rejected())
	if q.stage.Gates.CI {
		list = append(list, q.build())
	}
	if q.at > 0 {
		if before := q.service.Stages[q.at-1]; before.Bake != nil {
			list = append(list, q.bake(before, q.commit)...)
		}
	}
	if q.stage.Gates.Shadow != nil {
		list = append(list, q.shadow())
	}
	if v, asked := q.alarms(); asked {
		list = append(list, v)
	}
	if q.stage.Gates.Incidents != nil {
		list = append(list, q.incidents())
	}
	if len(q.stage.Gates.Freezes) > 0 {
		list = append(list, q.freeze())
	}
	if q.stage.Gates.Hours != nil {
		list = append(list, q.hours())
	}
	if q.stage.Gates.Approvals > 0 {
		list = append(list, q.approval())
	}
	for i, v := range list {
		if e, ok := q.o.override(v.Gate, q.stage.Name, q.commit); ok && v.Answer != Pass {
			list[i].Overridden = fmt.Sprintf("%s, until %s: %s", e.Actor, moment(e.Expires), e.Reason)
		}
	}
	return list
}

func verdict(g Gate, a Answer, format string, args ...any) Verdict {
	return Verdict{Gate: g, Answer: a, Reason: fmt.Sprintf(format, args...)}
}

// opens adds the time at which a verdict may change.
func (v Verdict) opens(t time.Time) Verdict {
	if !t.IsZero() {
		t = t.UTC()
		v.OpensAt = &t
	}
	return v
}

func (v Verdict) evidence(lines ...string) Verdict {
	slices.Sort(lines)
	v.Evidence = slices.Compact(lines)
	return v
}

func (q question) trunk() Verdict {
	switch q.o.onTrunk(q.commit) {
	case Yes:
		return verdict(GateTrunk, Pass, "%s is on the trunk", Short(q.commit))
	case No:
		return verdict(GateTrunk, Fail, "%s is not on the trunk", Short(q.commit))
	}
	return verdict(GateTrunk, Unknown, "whether %s is on the trunk is not known: %s", Short(q.commit), q.o.why(GateTrunk, q.stage.Name, q.commit, "git did not say"))
}

func (q question) newer() Verdict {
	seen, ok := q.o.seen(q.stage.Name)
	switch {
	case !ok:
		return verdict(GateNewer, Unknown, "what runs in %s is not known", q.stage.Name)
	case seen.Commit == "":
		return verdict(GateNewer, Pass, "nothing runs in %s yet", q.stage.Name)
	}
	switch q.o.isAncestor(seen.Commit, q.commit) {
	case Yes:
		return verdict(GateNewer, Pass, "%s contains %s, which runs in %s", Short(q.commit), Short(seen.Commit), q.stage.Name)
	case No:
		return verdict(GateNewer, Fail, "%s does not contain %s, which runs in %s", Short(q.commit), Short(seen.Commit), q.stage.Name)
	}
	return verdict(GateNewer, Unknown, "whether %s contains %s, which runs in %s, is not known", Short(q.commit), Short(seen.Commit), q.stage.Name)
}

func (q question) steady() Verdict {
	seen, ok := q.o.seen(q.stage.Name)
	switch {
	case !ok:
		return verdict(GateSteady, Unknown, "what runs in %s is not known: %s", q.stage.Name, q.o.why(GateSteady, q.stage.Name, "", "its driver did not say"))
	case seen.Mixed:
		return verdict(GateSteady, Fail, "more than one thing runs in %s, and no deploy of ours is under way%s", q.stage.Name, detail(seen.Detail))
	}
	return verdict(GateSteady, Pass, "%s runs one thing", q.stage.Name)
}

// train is asked where what runs in the stage has a bake to complete there.
func (q question) train() (Verdict, bool) {
	seen, ok := q.o.seen(q.stage.Name)
	if !ok || seen.Commit == "" || q.stage.Bake == nil && q.leaving != seen.Commit {
		return Verdict{}, false
	}
	if q.leaving == seen.Commit {
		return verdict(GateTrain, Wait, "%s is on its way from here to the next stage", Short(seen.Commit)), true
	}
	if q.at+1 < len(q.service.Stages) {
		if next, ok := q.o.seen(q.service.Stages[q.at+1].Name); ok && next.Commit == seen.Commit && !next.Mixed {
			return verdict(GateTrain, Pass, "%s runs in the next stage too", Short(seen.Commit)), true
		}
	}
	since := q.since(q.stage.Name)
	if since.IsZero() {
		return verdict(GateTrain, Pass, "when %s came to %s is not known, so that it has no bake to complete", Short(seen.Commit), q.stage.Name), true
	}
	patience := since.Add(q.stage.Bake.GiveUp)
	worst := Pass
	for _, v := range q.bake(q.stage, seen.Commit) {
		worst = worse(worst, v.Answer)
	}
	switch {
	case worst == Pass:
		return verdict(GateTrain, Pass, "%s has had its bake in %s", Short(seen.Commit), q.stage.Name), true
	case worst == Fail:
		return verdict(GateTrain, Pass, "%s has failed its bake in %s", Short(seen.Commit), q.stage.Name), true
	case !q.o.Now.Before(patience):
		return verdict(GateTrain, Pass, "%s could not complete its bake in %s within %s", Short(seen.Commit), q.stage.Name, span(q.stage.Bake.GiveUp)), true
	}
	opens := since.Add(q.stage.Bake.For)
	if !opens.After(q.o.Now) {
		opens = patience
	}
	return verdict(GateTrain, Wait, "%s, which runs in %s, still has its bake to complete", Short(seen.Commit), q.stage.Name).opens(opens), true
}

func (q question) hold() Verdict {
	h := q.histories[q.stage.Name].Hold
	if h == nil {
		return verdict(GateHold, Pass, "nobody holds %s", q.stage.Name)
	}
	words := fmt.Sprintf("%s is held by %s since %s: %s", q.stage.Name, h.Actor, moment(h.At), h.Reason)
	if h.Rollback {
		words = fmt.Sprintf("%s is held since the rollback from %s by %s at %s: %s", q.stage.Name, Short(h.From), h.Actor, moment(h.At), h.Reason)
	}
	if !h.Expires.IsZero() {
		return verdict(GateHold, Wait, "%s", words).opens(h.Expires)
	}
	return verdict(GateHold, Fail, "%s", words)
}

func (q question) rejected() Verdict {
	e, bad := q.histories[q.stage.Name].Rejected[q.commit]
	if !bad {
		return verdict(GateRejected, Pass, "%s was not rolled back from %s", Short(q.commit), q.stage.Name)
	}
	return verdict(GateRejected, Fail, "%s was taken out of %s at %s: %s", Short(q.commit), q.stage.Name, moment(e.At), e.Reason)
}

func (q question) build() Verdict {
	state, found, differ := Build(""), "", false
	for _, c := range q.o.CI {
		if c.Commit == q.commit {
			differ = differ || state != "" && state != c.State
			state, found = c.State, max(found, c.Detail)
		}
	}
	switch {
	case differ:
		return verdict(GateCI, Unknown, "the build of %s was told to be in different states", Short(q.commit))
	case state == BuildPassed:
		return verdict(GateCI, Pass, "the build of %s passed%s", Short(q.commit), detail(found))
	case state == BuildPending:
		return verdict(GateCI, Wait, "the build of %s is not done%s", Short(q.commit), detail(found))
	case state == BuildFailed:
		return verdict(GateCI, Fail, "the build of %s failed%s", Short(q.commit), detail(found))
	}
	return verdict(GateCI, Unknown, "the state of the build of %s is not known: %s", Short(q.commit), q.o.why(GateCI, q.stage.Name, q.commit, "nobody said"))
}

// alarms looks at the stage itself and at the one before it.
func (q question) alarms() (Verdict, bool) {
	stages := []Stage{q.stage}
	if q.at > 0 {
		stages = append(stages, q.service.Stages[q.at-1])
	}
	var firing, unknown, evidence []string
	asked := false
	for _, s := range stages {
		for _, name := range s.Alarms {
			asked = true
			state, _, words := q.alarm(s.Name, name)
			line := fmt.Sprintf("%s in %s: %s%s", name, s.Name, state, detail(words))
			evidence = append(evidence, line)
			switch state {
			case Quiet:
			case Firing:
				firing = append(firing, line)
			default:
				unknown = append(unknown, fmt.Sprintf("%s in %s%s", name, s.Name, detail(words)))
			}
		}
	}
	switch {
	case len(firing) > 0:
		return verdict(GateAlarms, Fail, "%s", join(firing)).evidence(evidence...), asked
	case len(unknown) > 0:
		return verdict(GateAlarms, Unknown, "the state is not known of %s", join(unknown)).evidence(evidence...), asked
	}
	return verdict(GateAlarms, Pass, "%d quiet", len(evidence)).evidence(evidence...), asked
}

// alarm is the state of one alarm: of two readings the worse counts. "unknown"
// is no state of an alarm but the want of one.
func (p *planner) alarm(stage, name string) (state AlarmState, since time.Time, words string) {
	const unknown AlarmState = "unknown"
	for _, a := range p.o.Alarms {
		if a.Stage != stage || a.Name != name {
			continue
		}
		read := a.State
		if read != Quiet && read != Firing {
			read = unknown
		}
		switch {
		case state == "" || state == Quiet && read != Quiet || state == unknown && read == Firing:
			state, since, words = read, a.Since, a.Detail
		case state == read:
			words = max(words, a.Detail)
			if read == Firing && (a.Since.IsZero() || !since.IsZero() && a.Since.After(since)) {
				since = a.Since
			}
		}
	}
	if state == "" {
		return unknown, since, p.o.why(GateAlarms, stage, "", "")
	}
	return state, since, words
}

func (q question) incidents() Verdict {
	if q.o.Incidents == nil {
		return verdict(GateIncidents, Unknown, "whether an incident is open is not known: %s", q.o.why(GateIncidents, q.stage.Name, "", "the console was not asked"))
	}
	var open []string
	for _, i := range q.o.Incidents.Open {
		if slices.Contains(q.stage.Gates.Incidents.Impacts, i.Impact) {
			open = append(open, fmt.Sprintf("%q (%s, since %s)", i.Title, i.Impact, moment(i.Opened)))
		}
	}
	if len(open) == 0 {
		return verdict(GateIncidents, Pass, "no incident is open")
	}
	slices.Sort(open)
	return verdict(GateIncidents, Fail, "open: %s", join(open)).evidence(open...)
}

func (q question) freeze() Verdict {
	f, ok := frozen(q.stage.Gates.Freezes, q.o.Now)
	if !ok {
		return verdict(GateFreeze, Pass, "no freeze")
	}
	return verdict(GateFreeze, Wait, "frozen until %s: %s", f.To.Format("2006-01-02 15:04 MST"), f.Reason).opens(f.To)
}

func (q question) hours() Verdict {
	h := q.stage.Gates.Hours
	var times []string
	for _, w := range h.Open {
		times = append(times, w.Text)
	}
	local := q.o.Now.In(h.Zone).Format("Mon 15:04")
	if h.open(q.o.Now) {
		return verdict(GateHours, Pass, "%s in %s is a time to release", local, h.Zone)
	}
	return verdict(GateHours, Wait, "%s in %s is no time to release (%s)", local, h.Zone, strings.Join(times, "; ")).opens(h.next(q.o.Now))
}

func (q question) approval() Verdict {
	var people []string
	for _, e := range q.o.Entries {
		if e.Kind == EntryApprove && e.Stage == q.stage.Name && e.Commit == q.commit && e.Actor != "" && (e.Expires.IsZero() || q.o.Now.Before(e.Expires)) {
			people = append(people, e.Actor)
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	if need := q.stage.Gates.Approvals; len(people) < need {
		return verdict(GateApproval, Wait, "%d of %d have approved of %s for %s", len(people), need, Short(q.commit), q.stage.Name).evidence(people...)
	}
	return verdict(GateApproval, Pass, "approved by %s", join(people)).evidence(people...)
}
