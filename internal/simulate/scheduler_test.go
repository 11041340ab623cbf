package simulate

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/capacity"
)

// witness writes down what it is shown, and says what it is told to.
type witness struct {
	says  func(at time.Duration) int
	at    []time.Duration
	saw   []capacity.Reading
	heard []int // by the fleet
}

func (w *witness) decide(r capacity.Reading, now time.Time) (int, bool) {
	at := now.Sub(midnight)
	w.at, w.saw = append(w.at, at), append(w.saw, r)
	return w.says(at), true
}

func (w *witness) Want(s Seen) (int, bool) {
	w.heard = append(w.heard, s.Wanted)
	return 0, false
}

// TestLooksAreThoseOfTheScheduler: every 15 s, at a moment of its own by seed, at
// the queue as it is; what attempts took shows when it was handed over, and as
// that of the newest minute.
func TestLooksAreThoseOfTheScheduler(t *testing.T) {
	s := steady()
	s.Fleet.Slots, s.Fleet.Start = 40, 10 // so that nobody waits although all hang
	s.Incident = Incident{At: 5 * time.Minute, For: 5 * time.Minute, Share: 1, Timeout: 20 * time.Second}
	var begins []time.Duration
	for seed := range uint64(10) {
		w := &witness{says: func(time.Duration) int { return 1 }}
		if _, err := Run(t.Context(), s, w, seed); err != nil {
			t.Fatal(err)
		}
		begins = append(begins, w.at[0])
		if w.at[0] >= capacity.Every || len(w.at) != 40 {
			t.Errorf("seed %d: %d looks from %s on, want 40", seed, len(w.at), w.at[0])
		}
		for i, at := range w.at {
			if i > 0 && at-w.at[i-1] != capacity.Every {
				t.Errorf("seed %d: a look at %s after one at %s", seed, at, w.at[i-1])
			}
			r := w.saw[i]
			if r.Rate != 5 || r.Waiting > 1 { // what is due at the same moment is not yet received
				t.Errorf("seed %d: at %s: %+v", seed, at, r)
			}
			// The first that hang end at 5:20. A minute and a hand-over later they are
			// nearly all that counts, and at 7:00 there is no minute with others.
			switch hung := at - s.Incident.At - s.Incident.Timeout; {
			case hung < 0 && r.Service != 1,
				hung > capacity.HandedOver && r.Service <= 1,
				hung > time.Minute+capacity.HandedOver && r.Service < 17,
				at >= 7*time.Minute+capacity.HandedOver && math.Abs(r.Service-20) > 1.3:
				t.Errorf("seed %d: at %s attempts take %.2f s", seed, at, r.Service)
			}
		}
	}
	if slices.Min(begins) == slices.Max(begins) {
		t.Errorf("all seeds begin to look at %s", begins[0])
	}
}

// TestPoisonHasNoResult that would show what it took.
func TestPoisonHasNoResult(t *testing.T) {
	s := steady()
	s.Queue.Poison, s.Fleet.Slots = 1, 40
	s.Incident = Incident{For: 10 * time.Minute, Share: 1, Timeout: 20 * time.Second}
	w := &witness{says: func(time.Duration) int { return 1 }}
	if _, err := Run(t.Context(), s, w, 1); err != nil {
		t.Fatal(err)
	}
	for i, r := range w.saw {
		if r.Service != 1 { // that of the hour before
			t.Errorf("at %s attempts take %.2f s", w.at[i], r.Service)
		}
	}
}

// TestTheFleetHearsTheMost that was said since the metric was read before.
func TestTheFleetHearsTheMost(t *testing.T) {
	s := steady()
	w := &witness{says: func(at time.Duration) int {
		if at%time.Minute < capacity.Every { // one look in four
			return 10 + int(at/time.Minute)
		}
		return 1
	}}
	if _, err := Run(t.Context(), s, w, 1); err != nil {
		t.Fatal(err)
	}
	if want := []int{10, 11, 12, 13, 14, 15, 16, 17, 18}; !slices.Equal(w.heard, want) {
		t.Errorf("the fleet hears of %v, want %v", w.heard, want)
	}
}
