package status

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Impact is what an incident means to users.
type Impact string

// The impacts. Those of rules are outages.
const (
	ImpactOutage      Impact = "outage"
	ImpactDegraded    Impact = "degraded"
	ImpactMaintenance Impact = "maintenance"
	ImpactNone        Impact = "none"
)

// Impacts lists every impact, the worst first.
var Impacts = []Impact{ImpactOutage, ImpactDegraded, ImpactMaintenance, ImpactNone}

// Phase is how far people are with an incident.
type Phase string

// The phases of an incident. An update that says resolved closes an incident
// that people opened; one of rules closes by itself.
const (
	Investigating Phase = "investigating"
	Identified    Phase = "identified"
	Monitoring    Phase = "monitoring"
	Resolved      Phase = "resolved"
)

// Phases lists every phase, in the order in which they come.
var Phases = []Phase{Investigating, Identified, Monitoring, Resolved}

// Bounds of what people write.
const (
	MaxTitle      = 200
	MaxUpdate     = 10_000
	MaxPostmortem = 200_000
)

// Report is an incident as people write it down.
type Report struct {
	Title  string
	Impact Impact
	// Checks are those that it is about; none stands for all.
	Checks []string
	Public bool
	// Opened is when it began; the zero time stands for now.
	Opened time.Time
	Author string
}

// Fault says what is wrong with the report, "" where nothing is.
func (r Report) Fault() string {
	switch {
	case strings.TrimSpace(r.Title) == "":
		return "the title is empty; say in a few words what is wrong"
	case utf8.RuneCountInString(r.Title) > MaxTitle:
		return fmt.Sprintf("the title has more than %d characters; put the details into an update", MaxTitle)
	case !slices.Contains(Impacts, r.Impact):
		return fmt.Sprintf("%q is not an impact; use one of %q", r.Impact, Impacts)
	}
	return ""
}

// Update is what people say of an incident at a time.
type Update struct {
	Phase Phase
	// Body is Markdown.
	Body   string
	Public bool
	Author string
	// At is set by the store.
	At time.Time
}

// Fault says what is wrong with the update, "" where nothing is.
func (u Update) Fault() string {
	switch {
	case !slices.Contains(Phases, u.Phase):
		return fmt.Sprintf("%q is not a phase; use one of %q", u.Phase, Phases)
	case strings.TrimSpace(u.Body) == "":
		return "the text is empty; say what is known"
	case utf8.RuneCountInString(u.Body) > MaxUpdate:
		return fmt.Sprintf("the text has more than %d characters; a longer one belongs into the post-mortem", MaxUpdate)
	}
	return ""
}

// Recorded is an incident with everything that is kept of it.
type Recorded struct {
	Incident
	ID string
	// ByRules tells outages that the rules found from what people wrote down.
	ByRules bool
	// CheckID is the check of an outage; Checks are all that it is about.
	CheckID string
	Checks  []string
	Title   string
	Impact  Impact
	Public  bool
	// Retracted says that later results showed that it never was, or that it
	// was merged; MergedInto is the incident that it is a part of then.
	Retracted  bool
	MergedInto string
	Postmortem string
	CreatedBy  string
	Updates    []Update
}
