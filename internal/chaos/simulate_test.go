package chaos

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var form = FormOf(os.Getenv)

// simulate is one simulation in a bubble of its own.
func simulate(t *testing.T, seed uint64, m Mutant) (s Simulation) {
	synctest.Test(t, func(t *testing.T) { s = Simulate(t.Context(), seed, m) })
	return s
}

// The bar: whatever the seed breaks, every slot ends in one row or lies among
// the dead letters.
func TestBarSimulation(t *testing.T) {
	seed, replay := Seed(1)
	n := uint64(form.N(20, 300, 10_000))
	if replay {
		n = 1
	}
	var slots, rows, dead, kills, bad atomic.Int64
	var failed atomic.Uint64 // the last one
	failed.Store(seed)
	begun := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for s := seed; s < seed+n; s++ {
			t.Run(fmt.Sprint(s), func(t *testing.T) {
				t.Parallel() // each has a time of its own
				sim := simulate(t, s, None)
				slots.Add(int64(sim.Expected))
				rows.Add(int64(sim.Rows))
				dead.Add(int64(sim.Dead))
				kills.Add(int64(sim.Kills))
				if vs := sim.Violations(); len(vs) > 0 {
					bad.Add(1)
					failed.Store(s)
					t.Errorf("seed %d: %q", s, vs)
				}
			})
		}
	})
	if form.Asked() {
		Report(os.Stdout, bad.Load() == 0, "simulation", fmt.Sprintf("%d seeds, %d slots, %d rows, %d dead letters, %d kills, %d seeds with violations, %s",
			n, slots.Load(), rows.Load(), dead.Load(), kills.Load(), bad.Load(), time.Since(begun).Round(time.Second)), failed.Load())
	}
}

// A seed replays: the same faults at the same messages, the same rows.
func TestBarReplay(t *testing.T) {
	first, _ := Seed(1)
	same := true
	n := form.N(3, 10, 100)
	for seed := first; seed < first+uint64(n); seed++ {
		a, b := simulate(t, seed, None), simulate(t, seed, None)
		if !slices.Equal(a.IDs, b.IDs) || !slices.Equal(a.Faults, b.Faults) {
			same = false
			t.Errorf("seed %d: %d and %d rows, %d and %d faults", seed, len(a.IDs), len(b.IDs), len(a.Faults), len(b.Faults))
		}
	}
	if other := simulate(t, first+1_000_003, None); slices.Equal(other.Faults, simulate(t, first, None).Faults) {
		t.Error("two seeds have the same faults")
	}
	if form.Asked() {
		Report(os.Stdout, same, "replay", fmt.Sprintf("%d seeds twice, the same faults and rows", n), first)
	}
}

// Each defect is seen by the simulation within three seeds.
func TestBarMutants(t *testing.T) {
	first, _ := Seed(1)
	for _, m := range Mutants {
		t.Run(string(m), func(t *testing.T) {
			var seen []string
			seed := first
			for ; seed < first+3 && len(seen) == 0; seed++ {
				seen = simulate(t, seed, m).Violations()
			}
			if len(seen) == 0 {
				t.Errorf("not caught within 3 seeds")
			}
			t.Logf("seed %d: %q", seed-1, seen)
			if form.Asked() {
				what, _, _ := strings.Cut(strings.Join(seen, ", "), ":")
				Report(os.Stdout, len(seen) > 0, "mutant "+string(m), fmt.Sprintf("caught by seed %d of 3: %s", seed-first, what), first)
			}
		})
	}
}
