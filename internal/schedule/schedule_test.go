package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// then is the time of most tests: 14 November 2023, 22:13:20 UTC.
var then = time.Unix(1_700_000_000, 0).UTC()

// A change of these values moves every slot of every installation, and with
// it the ids of runs. They may be added to, never changed.
func TestPhaseIsForEver(t *testing.T) {
	for _, g := range []struct {
		check, location string
		every, want     time.Duration
	}{
		{"shop-login", "local", time.Minute, 52_322 * time.Millisecond},
		{"shop-login", "eu-west-1", time.Minute, 10_189 * time.Millisecond},
		{"shop-login", "local", 24 * time.Hour, 11*time.Hour + 42*time.Minute + 52_322*time.Millisecond},
		{"a", "b", time.Second, 328 * time.Millisecond},
		{"shop-checkout", "local", 5 * time.Minute, 3*time.Minute + 16_516*time.Millisecond},
		{"", "", time.Hour, 9*time.Minute + 43_200*time.Millisecond},
		{"a", "b", 999 * time.Microsecond, 716_328},
	} {
		if got := Phase(g.check, g.location, g.every); got != g.want {
			t.Errorf("Phase(%q, %q, %s) = %s, for ever %s", g.check, g.location, g.every, got, g.want)
		}
	}
}

func TestShardIsForEver(t *testing.T) {
	want := map[string]int{"shop-login": 11, "shop-checkout": 4, "a": 2, "b": 14, "": 5, "check-000001": 2}
	got := map[string]int{}
	for id := range want {
		got[id] = Shard(id)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("shards changed (-for ever +got):\n%s", d)
	}
}

func TestSlots(t *testing.T) {
	const every = time.Minute
	phase := Phase("shop-login", "local", every)
	first := time.Unix(1_699_999_980, 0).Add(phase).UTC() // 22:13:00 and the phase
	want := []time.Time{first, first.Add(every), first.Add(2 * every)}

	for name, r := range map[string]struct {
		after, until time.Time
		want         []time.Time
	}{
		"three":               {first.Add(-1), first.Add(2*every + 1), want},
		"until is included":   {first.Add(-1), first.Add(2 * every), want},
		"after is not":        {first, first.Add(2 * every), want[1:]},
		"just short of three": {first.Add(-1), first.Add(2*every - 1), want[:2]},
		"between slots":       {first, first.Add(every - 1), nil},
		"empty":               {first, first, nil},
		"backwards":           {first.Add(every), first.Add(-every), nil},
		"a nanosecond":        {first.Add(-1), first, want[:1]},
		"other zone":          {first.Add(-1).In(time.FixedZone("x", 5400)), first.Add(2 * every).In(time.FixedZone("y", -3600)), want},
	} {
		got := slices.Collect(Slots("shop-login", "local", every, r.after, r.until))
		if d := cmp.Diff(r.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		for _, s := range got {
			if s.Location() != time.UTC {
				t.Errorf("%s: slot %s is not in UTC", name, s)
			}
		}
	}
}

func TestSlotsStopWhenTold(t *testing.T) {
	n := 0
	for range Slots("a", "b", time.Second, time.Time{}, then) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("got %d slots, want 3", n)
	}
}

// Whatever the check, interval and period: the slots are those of the
// definition, Count counts them, Next is the first, and periods add up.
func TestSlotsAgree(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	starts := []time.Time{
		then, time.Unix(0, 0), time.Unix(-12_345, 678), // before 1970 too
		time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64).Add(-3 * time.Hour), {},
		time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	everies := []time.Duration{1, 7, time.Millisecond, time.Second, 61 * time.Second, time.Hour, 24 * time.Hour, math.MaxInt64}
	for i := range 5000 {
		id := fmt.Sprintf("check-%d", rnd.IntN(1000))
		every := everies[rnd.IntN(len(everies))]
		if rnd.IntN(2) == 0 {
			every = time.Duration(1 + rnd.Int64N(int64(24*time.Hour)))
		}
		after := starts[rnd.IntN(len(starts))].Add(time.Duration(rnd.Int64N(int64(time.Hour))))
		period := time.Duration(rnd.Int64N(int64(min(every, 24*time.Hour) * 20)))
		until := after.Add(period)

		slots := slices.Collect(Slots(id, "local", every, after, until))
		if n := Count(id, "local", every, after, until); n != len(slots) {
			t.Fatalf("%d: %d slots of every %s in (%s, %s], Count says %d", i, len(slots), every, after, until, n)
		}
		middle := after.Add(period / 3)
		if a, b := Count(id, "local", every, after, middle), Count(id, "local", every, middle, until); a+b != len(slots) {
			t.Fatalf("%d: %d slots in the whole, %d and %d in its parts", i, len(slots), a, b)
		}
		for k, s := range slots {
			if !s.After(after) || s.After(until) {
				t.Fatalf("%d: slot %s is not in (%s, %s]", i, s, after, until)
			}
			if k > 0 && s.Sub(slots[k-1]) != every {
				t.Fatalf("%d: %s between slots of every %s", i, s.Sub(slots[k-1]), every)
			}
			off := (s.UnixNano()%int64(every) + int64(every)) % int64(every)
			if every < math.MaxInt64/2 && time.Duration(off) != Phase(id, "local", every) {
				t.Fatalf("%d: slot %s is %s past a multiple of %s, its phase is %s", i, s, time.Duration(off), every, Phase(id, "local", every))
			}
		}
		if len(slots) > 0 {
			if next := Next(id, "local", every, after); !next.Equal(slots[0]) {
				t.Fatalf("%d: Next is %s, the first slot %s", i, next, slots[0])
			}
		}
	}
}

func TestExtremes(t *testing.T) {
	distant := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	if n := Count("a", "b", time.Second, time.Time{}, distant); n < 584*365*86400 {
		t.Errorf("the whole range has %d slots of a second, want those of 584 years", n)
	}
	if n := Count("a", "b", 1, time.Time{}, distant); n != math.MaxInt {
		t.Errorf("more slots than an int holds are counted as %d, want %d", n, math.MaxInt)
	}
	for _, every := range []time.Duration{0, -1, math.MinInt64} {
		if n := Count("a", "b", every, time.Time{}, distant); n != 0 {
			t.Errorf("every %s has %d slots, want none", every, n)
		}
		for s := range Slots("a", "b", every, time.Time{}, distant) {
			t.Errorf("every %s has the slot %s, want none", every, s)
			break
		}
		if p := Phase("a", "b", every); p != 0 {
			t.Errorf("every %s has phase %s, want 0", every, p)
		}
		if n := Next("a", "b", every, then); !n.IsZero() {
			t.Errorf("every %s has the next slot %s, want none", every, n)
		}
	}
}

func TestNextIsAlwaysAhead(t *testing.T) {
	at := then
	for range 100 {
		next := Next("a", "b", time.Second, at)
		if d := next.Sub(at); d <= 0 || d > time.Second {
			t.Fatalf("next after %s is %s", at, next)
		}
		at = next
	}
}

func TestExpires(t *testing.T) {
	for every, want := range map[time.Duration]time.Duration{
		time.Second: 30 * time.Second, 30 * time.Second: 30 * time.Second,
		31 * time.Second: 31 * time.Second, 24 * time.Hour: 24 * time.Hour,
	} {
		if got := Expires(then, every).Sub(then); got != want {
			t.Errorf("every %s: expires after %s, want %s", every, got, want)
		}
	}
}
