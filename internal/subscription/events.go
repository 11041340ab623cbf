package subscription

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// What is what happened to an incident or to a time of maintenance.
type What string

// What may happen. Hidden is never told: the incident is not public any more.
const (
	Opened    What = "opened"
	Updated   What = "updated"
	Resolved  What = "resolved"
	Withdrawn What = "withdrawn" // it never was
	Hidden    What = "hidden"

	Announced What = "announced"
	Begun     What = "begun"
	Ended     What = "ended"
	Cancelled What = "cancelled"
)

// Event is something that happened on the status pages, told once to each who
// wants to know.
type Event struct {
	ID int64
	// Key is the same whoever notes the event, and however often.
	Key string
	// Subject is the incident or the time of maintenance; the events of one are
	// told together.
	Subject string
	What    What
	At      time.Time
	Noted   time.Time
	// Told says that people are to be told; Urgent that it is somebody's word,
	// which does not wait.
	Told, Urgent bool
	// Checks are those that it concerns; none where it is about everything.
	Checks  []string
	Content Content
}

// Content is what the status page shows of it, and nothing else.
type Content struct {
	// ID is that of the incident, "" for maintenance.
	ID      string        `json:"id,omitempty"`
	CheckID string        `json:"check,omitempty"` // whose outage it is, where the rules found it
	Title   string        `json:"title,omitempty"`
	Impact  status.Impact `json:"impact,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Phase   status.Phase  `json:"phase,omitempty"`
	Body    string        `json:"body,omitempty"` // Markdown
	From    time.Time     `json:"from,omitzero"`
	To      time.Time     `json:"to,omitzero"`
	Recurs  bool          `json:"recurs,omitempty"`
}

// Maintenance reports whether the event is one of maintenance.
func (e Event) Maintenance() bool { return strings.HasPrefix(e.Subject, "m/") }

// Window is a time of maintenance that lasts or comes next.
type Window struct {
	Plan     status.Planned
	From, To time.Time
}

// How far ahead the page announces maintenance, and what comes again and again.
const (
	announceWithin      = 14 * 24 * time.Hour
	announceAgainWithin = 24 * time.Hour
)

// Windows are the times of maintenance that last at now or are announced then,
// the next of each plan.
func Windows(plans []status.Planned, now time.Time) []Window {
	var out []Window
	for _, p := range plans {
		from, to, ok := status.NewWindow(p.Maintenance).Next(now)
		within := announceWithin
		if p.Recurs() {
			within = announceAgainWithin
		}
		if ok && from.Sub(now) < within {
			out = append(out, Window{p, from, to})
		}
	}
	return out
}

// Subject names the window; another beginning is another window.
func (w Window) Subject() string { return fmt.Sprintf("m/%s/%d", w.Plan.ID, w.From.Unix()) }

// IncidentSubject names an incident.
func IncidentSubject(id string) string { return "i/" + id }

// IncidentOf is the id of the incident that a subject is.
func IncidentOf(subject string) (id string, ok bool) { return strings.CutPrefix(subject, "i/") }

// Seen is what the status pages show at one moment.
type Seen struct {
	Incidents []status.Recorded
	Windows   []Window
	// Gone says of incidents that were shown and are not any more whether they
	// never were, by their subjects.
	Gone map[string]bool
}

// lateAfter is the age from which what happened is not told any more: whoever
// sends was away, or the page shows it only now.
const lateAfter = 24 * time.Hour

// Unfinished reports whether something has to follow an event.
func (w What) Unfinished() bool { return w == Opened || w == Announced || w == Begun }

// story is what is known of a subject.
type story struct {
	last Event // but updates
	keys map[string]bool
	told bool // its beginning was
	n    map[What]int
}

// Notice lists what happened since the events that are known were noted. known
// has all of the subjects that are seen, and of those that are unfinished, in
// the order of their ids.
func Notice(now time.Time, seen Seen, known []Event) []Event {
	n := noticing{now: now, stories: map[string]*story{}}
	for _, e := range known {
		n.learn(e)
	}
	here := map[string]bool{}
	for _, r := range seen.Incidents {
		here[IncidentSubject(r.ID)] = true
		n.incident(r)
	}
	for _, w := range seen.Windows {
		here[w.Subject()] = true
		n.window(w)
	}
	var left []string
	for subject, s := range n.stories {
		if !here[subject] && s.last.What.Unfinished() {
			left = append(left, subject)
		}
	}
	slices.Sort(left) // the same, whoever looks
	for _, subject := range left {
		n.left(n.stories[subject].last, seen.Gone[subject])
	}
	return n.fresh
}

type noticing struct {
	now     time.Time
	stories map[string]*story
	fresh   []Event
}

func (n *noticing) of(subject string) *story {
	s := n.stories[subject]
	if s == nil {
		s = &story{keys: map[string]bool{}, n: map[What]int{}}
		n.stories[subject] = s
	}
	return s
}

func (n *noticing) learn(e Event) {
	s := n.of(e.Subject)
	s.keys[e.Key] = true
	s.n[e.What]++
	if e.What != Updated {
		s.last = e
		s.told = s.told || e.Told
	}
}

// note notes an event that is another one of its kind.
func (n *noticing) note(e Event) {
	e.Key = fmt.Sprintf("%s/%s/%d", e.Subject, e.What, n.of(e.Subject).n[e.What]+1)
	n.add(e)
}

func (n *noticing) add(e Event) {
	e.Noted = n.now
	n.learn(e)
	n.fresh = append(n.fresh, e)
}

func (n *noticing) late(at time.Time) bool { return n.now.Sub(at) > lateAfter }

func (n *noticing) incident(r status.Recorded) {
	subject := IncidentSubject(r.ID)
	s := n.of(subject)
	e := Event{
		Subject: subject, Checks: r.Checks, At: r.Opened, Urgent: !r.ByRules,
		Content: Content{ID: r.ID, CheckID: r.CheckID, Title: r.Title, Impact: r.Impact, Reason: r.Message, From: r.Opened, To: r.Closed},
	}
	if s.last.What == "" || s.last.What == Withdrawn || s.last.What == Hidden && r.Open() || s.last.What == Resolved && r.Open() {
		opened := e
		opened.What = Opened
		opened.Told = s.last.What != Hidden && (r.Open() || !n.late(r.Closed))
		n.note(opened)
	}
	for _, u := range r.Updates {
		said := e
		said.What, said.At, said.Urgent = Updated, u.At, true
		said.Key = fmt.Sprintf("%s/%s/%d", subject, Updated, u.At.UnixMicro())
		said.Content.Phase, said.Content.Body = u.Phase, u.Body
		said.Told = !n.late(u.At)
		if !s.keys[said.Key] {
			n.add(said)
		}
	}
	if !r.Open() && (s.last.What == Opened || s.last.What == Hidden) {
		e.What, e.At, e.Told = Resolved, r.Closed, s.told
		n.note(e)
	}
}

func (n *noticing) window(w Window) {
	e := Event{
		Subject: w.Subject(), Checks: w.Plan.Checks, Urgent: true, Told: true, At: n.now,
		Content: Content{Title: w.Plan.Title, Reason: w.Plan.Why, Impact: status.ImpactMaintenance, From: w.From, To: w.To, Recurs: w.Plan.Recurs()},
	}
	if last := n.of(e.Subject).last.What; last == "" || last == Cancelled {
		e.What = Announced
		n.note(e)
	}
	if n.of(e.Subject).last.What == Announced && !w.From.After(n.now) {
		e.What = Begun
		n.note(e)
	}
}

// left ends what is not shown any more.
func (n *noticing) left(last Event, neverWas bool) {
	e := last
	e.ID, e.Key, e.At, e.Content.Phase, e.Content.Body = 0, "", n.now, "", ""
	switch {
	case !e.Maintenance() && neverWas:
		e.What, e.Told = Withdrawn, n.of(e.Subject).told
	case !e.Maintenance():
		e.What, e.Told = Hidden, false
	case last.What == Begun || !n.now.Before(e.Content.To):
		e.What = Ended
		if n.now.Before(e.Content.To) {
			e.Content.To = n.now
		}
		e.Told = !n.late(e.Content.To)
	default:
		e.What = Cancelled
	}
	n.note(e)
}

// Service is a public check as far as it matters who is told of it.
type Service struct {
	Name, Group string
	Tags        []string
}

// Shown are those of some checks that a page shows.
func Shown(p statuspage.Page, checks []string, services map[string]Service) []string {
	var out []string
	for _, id := range checks {
		if s, ok := services[id]; ok && p.Shows(id, s.Group, s.Tags) {
			out = append(out, id)
		}
	}
	return out
}

// Concerns reports whether somebody who chose c on page p is told of e.
func (e Event) Concerns(p statuspage.Page, c Choice, services map[string]Service) bool {
	if !e.Told {
		return false
	}
	if len(e.Checks) == 0 { // about everything: each page shows it
		return !e.Maintenance()
	}
	shown := Shown(p, e.Checks, services)
	if c.Whole {
		return len(shown) > 0
	}
	return slices.ContainsFunc(shown, func(id string) bool {
		return slices.Contains(c.Checks, id) || services[id].Group != "" && slices.Contains(c.Groups, services[id].Group)
	})
}

// When what happened is told: it waits so long for company, and so long after
// the message before, unless people said it.
const (
	Gather = 30 * time.Second
	Spaced = 5 * time.Minute
)

// Due are those of some events, noted in this order, of which a subscriber to
// whom a message was last planned at last is to be told now: all that there
// are, as soon as one has waited for long enough. Where they are due later,
// none are.
func Due(now, last time.Time, events []Event) []Event {
	if len(events) == 0 || now.Sub(events[0].Noted) < Gather {
		return nil
	}
	if now.Sub(last) < Spaced && !slices.ContainsFunc(events, func(e Event) bool { return e.Urgent }) {
		return nil
	}
	return events
}
