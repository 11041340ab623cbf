package promotion

import (
	"cmp"
	"slices"
	"time"
)

// EntryKind is what an entry of the ledger says.
type EntryKind string

// The kinds of entries.
const (
	// EntryBegin: a deploy or a rollback was begun; EntryEnd: it is over.
	EntryBegin EntryKind = "begin"
	EntryEnd   EntryKind = "end"
	// EntryOverride lets a commit through a gate of a stage for a while.
	EntryOverride EntryKind = "override"
	EntryApprove  EntryKind = "approve"
	// EntryHold keeps commits out of a stage, EntryRelease lets them in again.
	EntryHold    EntryKind = "hold"
	EntryRelease EntryKind = "release"
)

// Outcome is how a deploy ended.
type Outcome string

// The outcomes of a deploy.
const (
	Done   Outcome = "done"
	Failed Outcome = "failed"
)

// Entry is one line of a service's ledger. Entries are only ever added.
type Entry struct {
	// Seq counts from 1. The ledger sets it, and ID, when it is read.
	Seq    int       `json:"seq,omitempty"`
	ID     string    `json:"id,omitempty"`
	At     time.Time `json:"at"`
	Kind   EntryKind `json:"kind"`
	Actor  string    `json:"actor"`
	Stage  string    `json:"stage"`
	Commit string    `json:"commit,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// From is what ran before a deploy, Rollback says that it goes back.
	From     string `json:"from,omitempty"`
	Rollback bool   `json:"rollback,omitempty"`
	// Holder carries a deploy out, and has until Until for it.
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Begun is the id of the entry that an end ends.
	Begun   string  `json:"begun,omitempty"`
	Outcome Outcome `json:"outcome,omitempty"`
	// Gate and Expires are of overrides; an expiry may be that of a hold too.
	Gate    Gate      `json:"gate,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

// History is what a ledger says of one stage.
type History struct {
	// Flight is the deploy that is under way.
	Flight *Entry
	// Last is how the last deploy that is over ended, with the entry that
	// began it.
	Last *Past
	// Came is when Now, the last commit that was deployed well, came.
	Now  string
	Came time.Time
	// Before is what ran before Now, and was not rolled back.
	Before string
	// Hold is the entry that holds the stage.
	Hold *Entry
	// Rejected are the commits that were rolled back from here, or never
	// became ready, each with why.
	Rejected map[string]Entry
}

// Past is a deploy that is over.
type Past struct{ Begin, End Entry }

// sorted are the entries of the ledger in their order, each once.
func sorted(entries []Entry) []Entry {
	list := slices.Clone(entries)
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
	})
	return slices.CompactFunc(list, func(a, b Entry) bool { return a.Seq == b.Seq && a.ID == b.ID })
}

// HistoryOf reads what the ledger says of a stage, as of now.
func HistoryOf(entries []Entry, stage string, now time.Time) History {
	h := History{Rejected: map[string]Entry{}}
	var good []string // what was deployed well, the newest last
	for _, e := range sorted(entries) {
		if e.Stage != stage {
			continue
		}
		switch e.Kind {
		case EntryBegin:
			h.Flight = &e
			if e.Rollback {
				// To go back holds the stage, and speaks against what it leaves.
				h.Hold = &e
				if e.From != "" && e.From != e.Commit {
					h.Rejected[e.From] = e
				}
			}
		case EntryEnd:
			if h.Flight == nil || h.Flight.ID != e.Begun {
				continue // another deploy has taken its place
			}
			b := *h.Flight
			h.Flight, h.Last = nil, &Past{Begin: b, End: e}
			if good = h.end(b, e, good); e.Outcome == Failed && !b.Rollback {
				h.Rejected[b.Commit] = e
			}
		case EntryHold:
			h.Hold = &e
		case EntryRelease:
			h.Hold = nil
		}
	}
	if h.Hold != nil && !h.Hold.Expires.IsZero() && !now.Before(h.Hold.Expires) {
		h.Hold = nil
	}
	for _, commit := range slices.Backward(good) {
		if _, bad := h.Rejected[commit]; !bad && commit != h.Now {
			h.Before = commit
			break
		}
	}
	return h
}

// end takes note of the end of a deploy.
func (h *History) end(b, e Entry, good []string) []string {
	if e.Outcome != Done {
		return good
	}
	h.Now, h.Came = b.Commit, e.At
	if !b.Rollback {
		// It came through all gates, or somebody let it through.
		h.Hold = nil
		delete(h.Rejected, b.Commit)
	}
	if !b.Rollback && b.From != "" {
		good = append(good, b.From) // which nobody may have deployed by us
	}
	return append(good, b.Commit)
}

// override is the newest one for a gate, a stage and a commit that holds now.
func (o *Observations) override(gate Gate, stage, commit string) (Entry, bool) {
	var found Entry
	ok := false
	for _, e := range o.Entries {
		if e.Kind == EntryOverride && (!ok || e.Seq > found.Seq) && e.Gate == gate && e.Stage == stage && e.Commit == commit && commit != "" &&
			o.Now.Before(e.Expires) && e.Actor != "" && e.Reason != "" {
			found, ok = e, true
		}
	}
	return found, ok
}
