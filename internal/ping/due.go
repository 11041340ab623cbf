package ping

import (
	"slices"
	"time"
)

// Due is a heartbeat with the time of which its slots are to be judged: after
// After, and up to Until.
type Due struct {
	Watch
	After, Until time.Time
}

// Known is up to when is known what jobs said and when nobody was there to hear
// it. here are the spans in which a console was there, as far as it has said so.
//
// A console says so every [BeatEvery]. Where none has for [Silence], none was
// there. A call is given [Settle] until it is stored.
func Known(here []Span, now time.Time) time.Time {
	known := now.Add(-Silence)
	for _, s := range here {
		if s.To.After(known) {
			known = s.To
		}
	}
	if settled := now.Add(-Settle); known.After(settled) {
		known = settled
	}
	return known
}

const (
	// BeatEvery is how often a console says that it is there to be called.
	BeatEvery = 10 * time.Second
	// Silence is how long it says nothing until it is not: what it says then is
	// the begin of another span.
	Silence = 30 * time.Second
	// Settle is the time in which a call that came in is stored, or refused.
	Settle = 5 * time.Second
)

// Absences are the times between from and to in which none of here was there.
func Absences(here []Span, from, to time.Time) []Span {
	here = slices.Clone(here)
	slices.SortFunc(here, func(a, b Span) int { return a.From.Compare(b.From) })
	var away []Span
	at := from
	for _, s := range here {
		if s.From.After(to) {
			break
		}
		if s.From.After(at) {
			away = append(away, Span{at, s.From})
		}
		if s.To.After(at) {
			at = s.To
		}
	}
	if at.Before(to) {
		away = append(away, Span{at, to})
	}
	return away
}
