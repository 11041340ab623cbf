package promotion

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// Hours are when people are there to watch a release, by the clock on their
// wall.
type Hours struct {
	Zone *time.Location
	Open []Window
}

// Window is open on some days of the week from a minute of the day on up to
// another one; where that is not later, up to it on the next day.
type Window struct {
	Days     [7]bool // from Sunday
	From, To int     // minutes; To up to 24 × 60
	Text     string  // as it was written
}

// Freeze keeps everything out from From up to To.
type Freeze struct {
	From, To time.Time
	Reason   string
}

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWindow reads days and times, such as "Mon-Thu 09:00-16:00",
// "Sat,Sun 10:00-12:00" or "Fri 22:00-02:00". 24:00 is the end of the day.
func ParseWindow(text string) (Window, error) {
	w := Window{Text: text}
	days, times, ok := strings.Cut(strings.TrimSpace(text), " ")
	if !ok {
		return w, fmt.Errorf("%q: write days and times, such as \"Mon-Thu 09:00-16:00\"", text)
	}
	for part := range strings.SplitSeq(days, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := dayOf(first), dayOf(last)
		if from < 0 || to < 0 {
			return w, fmt.Errorf("%q: the days %q are none: write Mon, Tue, Wed, Thu, Fri, Sat or Sun, as a list or a range", text, part)
		}
		for d := from; ; d = (d + 1) % 7 {
			w.Days[d] = true
			if d == to {
				break
			}
		}
	}
	from, to, ok := strings.Cut(strings.TrimSpace(times), "-")
	if !ok {
		return w, fmt.Errorf("%q: the times %q are none: write 09:00-16:00", text, times)
	}
	var err error
	if w.From, err = minuteOf(from, 23*60+59); err == nil {
		w.To, err = minuteOf(to, 24*60)
	}
	if err != nil {
		return w, fmt.Errorf("%q: %w", text, err)
	}
	if w.From == w.To {
		return w, fmt.Errorf("%q is never open: for a whole day write 00:00-24:00", text)
	}
	return w, nil
}

func dayOf(name string) int {
	for i, d := range dayNames {
		if strings.EqualFold(name, d) {
			return i
		}
	}
	return -1
}

func minuteOf(text string, most int) (int, error) {
	var h, m int
	if n, err := fmt.Sscanf(text, "%02d:%02d", &h, &m); err != nil || n != 2 || len(text) != 5 || m > 59 || h*60+m > most {
		return 0, fmt.Errorf("%q is not a time of day: write 09:00", text)
	}
	return h*60 + m, nil
}

// open reports whether the clock on the wall is inside a window. Hours that a
// change of the clocks repeats are open twice, those that it leaves out never
// come.
func (h *Hours) open(t time.Time) bool {
	local := t.In(h.Zone)
	minute, day := local.Hour()*60+local.Minute(), int(local.Weekday())
	for _, w := range h.Open {
		switch {
		case w.From < w.To:
			if w.Days[day] && w.From <= minute && minute < w.To {
				return true
			}
		case w.Days[day] && minute >= w.From, w.Days[(day+6)%7] && minute < w.To:
			return true
		}
	}
	return false
}

// next is the first time from t on at which a window is open; the zero time
// where none ever is.
func (h *Hours) next(t time.Time) time.Time {
	if h.open(t) {
		return t
	}
	var best time.Time
	y, m, d := t.In(h.Zone).Date()
	for ahead := range 9 {
		for _, w := range h.Open {
			for _, start := range h.starts(w, y, m, d+ahead) {
				if !start.Before(t) && h.open(start) && (best.IsZero() || start.Before(best)) {
					best = start
				}
			}
		}
		if !best.IsZero() {
			return best
		}
	}
	return best
}

// starts are the moments at which a window may open on a day. Around a change
// of the clocks that is also the change itself, which may leave the window's
// time out or bring it back, and where they repeat an hour both times.
func (h *Hours) starts(w Window, y int, m time.Month, d int) []time.Time {
	const around = 26 * time.Hour
	start := time.Date(y, m, d, 0, w.From, 0, 0, h.Zone)
	starts := []time.Time{start}
	before := start.Add(-around)
	_, old := before.Zone()
	_, later := start.Add(around).Zone()
	if old == later {
		return starts
	}
	change := sort.Search(int(2*around/time.Minute), func(i int) bool {
		_, offset := before.Add(time.Duration(i) * time.Minute).Zone()
		return offset == later
	})
	shift := time.Duration(old-later) * time.Second
	return append(starts, before.Add(time.Duration(change)*time.Minute), start.Add(shift), start.Add(-shift))
}

// frozen is the freeze that ends last of those that hold at t.
func frozen(freezes []Freeze, t time.Time) (Freeze, bool) {
	var found Freeze
	ok := false
	for _, f := range freezes {
		if !t.Before(f.From) && t.Before(f.To) && (!ok || f.To.After(found.To)) {
			found, ok = f, true
		}
	}
	return found, ok
}

// opening is the first time from t on at which hours are open and nothing is
// frozen; the zero time where none is found.
func (g Gates) opening(t time.Time) time.Time {
	for range 64 {
		was := t
		if f, ok := frozen(g.Freezes, t); ok {
			t = f.To
		}
		if g.Hours != nil {
			if t = g.Hours.next(t); t.IsZero() {
				return t
			}
		}
		if t.Equal(was) {
			return t
		}
	}
	return time.Time{}
}
