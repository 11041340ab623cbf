package status

import (
	"cmp"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Mark is the state of a check at a moment: what is known by every slot before
// At. From there its history can be told anew without what was before.
type Mark struct {
	At time.Time
	// Quiet says that nothing of what was before At matters; see [Fold.Quiet].
	Quiet bool
	Fold  *Fold
}

// markGrain is the distance of the marks that are kept of a check that is not
// quiet: what comes later than expected is told anew from the mark before it.
const markGrain = time.Hour

// Start says from where a history is to be told anew for a slot at `at`, given
// the newest mark that is not later and the oldest one that is, each nil where
// there is none. It answers the mark to begin with and the time of the first
// slot that it needs: the mark's, or for a quiet stretch as much before the
// slot as a check remembers.
func (b Rulebook) Start(at time.Time, before, after *Mark) (from Mark, slots time.Time) {
	if before != nil && !before.Quiet {
		return Mark{At: before.At, Fold: before.Fold.Clone()}, before.At
	}
	// Between a quiet mark and the next one only the last hour, the one in
	// which that one was made, has anything but passed slots.
	begin := at
	if after != nil {
		begin = earlier(at, after.At.Add(-1).Truncate(markGrain))
	}
	if before != nil && begin.Before(before.At) {
		begin = before.At
	}
	return Mark{At: begin, Quiet: true, Fold: &Fold{}}, begin.Add(-b.Memory())
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// History is what the slots of a check tell from a mark on.
type History struct {
	// From is the mark's time: incidents that were over before are not among
	// Incidents, which are in order; at most the last one is open.
	From      time.Time
	Incidents []Incident
	// Now is the fold of all slots.
	Now *Fold
	// Marks are those to be kept, in order; the last one is the one from which
	// to go on. It is quiet only if nothing but passed slots follows it.
	Marks []Mark
}

// Lag is how long after its time a slot may come without that the history is
// told anew from one of the older marks.
func (r Rules) Lag() time.Duration { return 2*r.Every + r.Timeout + 30*time.Second }

// Replay tells the history of a check from a mark on. slots are those from
// [Rulebook.Start], in any order; what is there twice counts once. Of those
// before the mark, which are there where it is quiet, only passed ones count.
func Replay(book Rulebook, from Mark, slots []Slot) History {
	slots = decided(inOrder(slots))
	r := replay{book: book, history: History{From: from.At, Now: from.Fold}, last: from.At, dirty: !from.Quiet, settled: from.At}
	if n := len(slots); n > 0 {
		newest := slots[n-1].At
		r.settled = newest.Add(-book.At(newest).Lag())
	}
	for _, s := range slots {
		if s.Pending {
			r.settled = earlier(r.settled, s.At)
		}
	}
	if r.settled.Before(from.At) {
		r.settled = from.At
	}
	for _, s := range slots {
		r.add(s)
	}
	if !r.headed {
		r.head()
	}
	h := r.history
	if h.Now.Current != nil {
		h.Incidents = append(h.Incidents, *h.Now.Clone().Current)
	}
	return h
}

// replay is a history that is being told.
type replay struct {
	book    Rulebook
	history History
	// settled is the time of the mark from which to go on; headed says that it
	// was made, and is the last of history.Marks.
	settled time.Time
	headed  bool
	last    time.Time // of the slots so far
	// dirty says that since the newest mark something else than passed slots
	// came, or that it was not quiet.
	dirty bool
}

func (r *replay) add(s Slot) {
	h := &r.history
	if s.At.Before(h.From) {
		if s.By.Outcome == jobs.Passed && !s.Pending {
			h.Now.Add(r.book.At(s.At), s)
		}
		return
	}
	if next := r.last.Truncate(markGrain).Add(markGrain); r.dirty && !next.After(s.At) && !next.After(r.settled) {
		quiet := h.Now.Quiet(r.book, next)
		h.Marks = append(h.Marks, Mark{At: next, Quiet: quiet, Fold: h.Now.Clone()})
		r.dirty = !quiet
	}
	if !r.headed && !s.At.Before(r.settled) {
		r.head()
	}
	r.last = s.At
	if s.Pending {
		r.dirt()
		return
	}
	if s.By.Outcome.Conclusive() && s.By.Outcome != jobs.Passed {
		r.dirt()
	}
	if closed := h.Now.Add(r.book.At(s.At), s); closed != nil {
		h.Incidents = append(h.Incidents, *closed)
	}
}

// head makes the mark from which to go on.
func (r *replay) head() {
	h := &r.history
	if n := len(h.Marks); n > 0 && h.Marks[n-1].At.Equal(r.settled) {
		h.Marks = h.Marks[:n-1]
	}
	h.Marks = append(h.Marks, Mark{At: r.settled, Quiet: h.Now.Quiet(r.book, r.settled), Fold: h.Now.Clone()})
	r.headed = true
}

// dirt notes that not everything has passed.
func (r *replay) dirt() {
	r.dirty = true
	if r.headed {
		r.history.Marks[len(r.history.Marks)-1].Quiet = false
	}
}

// inOrder sorts slots by time and location, each once.
func inOrder(slots []Slot) []Slot {
	slots = slices.Clone(slots)
	slices.SortStableFunc(slots, func(a, b Slot) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Location, b.Location))
	})
	return slices.CompactFunc(slots, func(a, b Slot) bool { return a.At.Equal(b.At) && a.Location == b.Location })
}

// decided takes the mark off slots whose next attempt is waited for in vain: a
// later slot of the same location is known already. Slots are in order.
func decided(slots []Slot) []Slot {
	later := map[string]bool{}
	for i := len(slots) - 1; i >= 0; i-- {
		s := &slots[i]
		s.Pending = s.Pending && !later[s.Location]
		later[s.Location] = true
	}
	return slots
}
