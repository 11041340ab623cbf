package promotion

import (
	"cmp"
	"slices"
	"time"
)

// Known is the answer to a question of yes or no that may have none.
type Known string

// The answers to such questions; the zero value is that there is none.
const (
	NotKnown Known = ""
	Yes      Known = "yes"
	No       Known = "no"
)

// Observations are all that a plan is made of. What could not be seen is
// absent, and [Observations.Gaps] says why.
type Observations struct {
	Now time.Time `json:"now"`
	// Holder is who asks; deploys that it began it may continue.
	Holder string `json:"holder"`
	// Want is the commit of the trunk that somebody wants in the first stage,
	// "" for the newest that passes.
	Want      string         `json:"want,omitempty"`
	Commits   []Commit       `json:"commits,omitempty"`
	Ancestry  []Ancestry     `json:"ancestry,omitempty"`
	Stages    []Seen         `json:"stages,omitempty"`
	CI        []CI           `json:"ci,omitempty"`
	Alarms    []Alarm        `json:"alarms,omitempty"`
	Incidents *OpenIncidents `json:"incidents,omitempty"`
	Checks    []CheckRuns    `json:"checks,omitempty"`
	Shadow    []ShadowRuns   `json:"shadow,omitempty"`
	// LedgerRead says that Entries are all of the ledger. Where it could not be
	// read nothing is done: a hold may be in it.
	LedgerRead bool    `json:"ledger_read"`
	Entries    []Entry `json:"entries,omitempty"`
	Gaps       []Gap   `json:"gaps,omitempty"`
}

// Gap says why something could not be seen.
type Gap struct {
	Gate   Gate   `json:"gate"`
	Stage  string `json:"stage,omitempty"`
	Commit string `json:"commit,omitempty"`
	Why    string `json:"why"`
}

// Commit is a commit of the repository.
type Commit struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject,omitempty"`
	OnTrunk Known     `json:"on_trunk"`
	// Back is how many commits of the trunk are newer, -1 where it is not
	// among the newest ones of the trunk.
	Back int `json:"back"`
}

// Ancestry says whether a commit is an ancestor of another one.
type Ancestry struct {
	Ancestor   string `json:"ancestor"`
	Descendant string `json:"descendant"`
	Is         Known  `json:"is"`
}

// Seen is what a stage's driver says that runs there.
type Seen struct {
	Stage string `json:"stage"`
	// Commit is "" where nothing runs.
	Commit string `json:"commit,omitempty"`
	// Since is when it came, zero where the driver does not know.
	Since time.Time `json:"since,omitzero"`
	// Mixed says that more than one thing runs.
	Mixed  bool   `json:"mixed,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Build is the state of a commit's build.
type Build string

// The states of a build.
const (
	BuildPassed  Build = "passed"
	BuildPending Build = "pending"
	BuildFailed  Build = "failed"
)

// CI is what the build says of a commit.
type CI struct {
	Commit string `json:"commit"`
	State  Build  `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// AlarmState is what an alarm says.
type AlarmState string

// The states of an alarm; whatever else is no evidence.
const (
	Quiet  AlarmState = "quiet"
	Firing AlarmState = "firing"
)

// Alarm is a reading of one alarm of a stage.
type Alarm struct {
	Stage string     `json:"stage"`
	Name  string     `json:"name"`
	State AlarmState `json:"state"`
	// Since is when it came to this state, zero where that is not known.
	Since  time.Time `json:"since,omitzero"`
	Detail string    `json:"detail,omitempty"`
}

// OpenIncidents are those that were open.
type OpenIncidents struct {
	Open []Incident `json:"open"`
}

// Incident is an open incident.
type Incident struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Impact string    `json:"impact"`
	Opened time.Time `json:"opened"`
}

// ShadowRuns is what pairs of shadow runs say of a commit's build, for a stage;
// see shadow.Report.
type ShadowRuns struct {
	Stage    string  `json:"stage"`
	Commit   string  `json:"commit"`
	Build    string  `json:"build"`
	Pairs    int     `json:"pairs"`
	Worse    int     `json:"worse"`
	Better   int     `json:"better"`
	P        float64 `json:"p"`
	RateLow  float64 `json:"rate_low"`
	RateHigh float64 `json:"rate_high"`
	// Timed are the pairs that the ratio of durations rests on.
	Timed     int     `json:"timed"`
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
}

// CheckRuns is what a check found about a stage since a commit came there.
type CheckRuns struct {
	Stage string `json:"stage"`
	// From is the first slot that was counted.
	From  time.Time `json:"from"`
	Check string    `json:"check"`
	// Locations are those from which it runs, each with what it found.
	Locations []LocationRuns `json:"locations"`
}

// LocationRuns counts slots at a location: the newest attempt of each.
type LocationRuns struct {
	Location     string `json:"location"`
	Passed       int    `json:"passed"`
	Failed       int    `json:"failed"`
	Inconclusive int    `json:"inconclusive"`
	// NewestFailed says that the newest conclusive one failed.
	NewestFailed bool `json:"newest_failed,omitempty"`
}

// onTrunk is Yes only where nothing that was seen says otherwise.
func (o *Observations) onTrunk(id string) Known {
	var answers []Known
	for _, c := range o.Commits {
		if c.ID == id {
			answers = append(answers, c.OnTrunk)
		}
	}
	return agree(answers)
}

func (o *Observations) isAncestor(a, d string) Known {
	if a == d {
		return Yes
	}
	var answers []Known
	for _, x := range o.Ancestry {
		if x.Ancestor == a && x.Descendant == d {
			answers = append(answers, x.Is)
		}
	}
	return agree(answers)
}

// agree is the answer that all give; there is none where they differ.
func agree(answers []Known) Known {
	if len(answers) == 0 {
		return NotKnown
	}
	for _, a := range answers {
		if a != answers[0] {
			return NotKnown
		}
	}
	return answers[0]
}

// seen is what runs in a stage; not ok where that was not seen, or seen twice
// with different answers.
func (o *Observations) seen(stage string) (Seen, bool) {
	var found []Seen
	for _, s := range o.Stages {
		if s.Stage == stage {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return Seen{Stage: stage}, false
	}
	for _, s := range found {
		if s.Commit != found[0].Commit || s.Mixed != found[0].Mixed || !s.Since.Equal(found[0].Since) {
			return Seen{Stage: stage}, false
		}
	}
	return found[0], true
}

// why is why something could not be seen, in the words of whoever looked.
func (o *Observations) why(gate Gate, stage, commit, otherwise string) string {
	var words []string
	for _, g := range o.Gaps {
		if g.Gate == gate && (g.Stage == "" || g.Stage == stage) && (g.Commit == "" || g.Commit == commit) {
			words = append(words, g.Why)
		}
	}
	if len(words) == 0 {
		return otherwise
	}
	slices.Sort(words)
	return join(slices.Compact(words))
}

// candidates are the newest commits of the trunk, the newest first; where
// somebody wants one, that alone.
func (o *Observations) candidates() []Commit {
	var list []Commit
	for _, c := range o.Commits {
		if o.Want == "" && c.Back >= 0 || o.Want != "" && c.ID == o.Want {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Commit) int {
		return cmp.Or(cmp.Compare(a.Back, b.Back), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(list, func(a, b Commit) bool { return a.ID == b.ID })
}
