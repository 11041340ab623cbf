package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/schedule"
)

// Group is a number of checks with the same interval.
type Group struct {
	Every  time.Duration
	phases []int32 // sorted, one a check
}

// Checks makes n checks of an interval. Their phases are those that the
// schedule gives to checks of those names at a location, or all 0 where slots
// are aligned to the clock.
func Checks(n int, every time.Duration, location string, aligned bool) Group {
	g := Group{Every: every, phases: make([]int32, n)}
	if !aligned {
		for i := range g.phases {
			g.phases[i] = ms(schedule.Phase(fmt.Sprintf("check-%d", i), location, every))
		}
	}
	slices.Sort(g.phases)
	return g
}

// Of groups the active checks of a location and class by interval, with the
// phases that the schedule gives them.
func Of(checks []check.Check, location string, class jobs.Class, aligned bool) []Group {
	var list []Group
	for _, c := range checks {
		if !c.Active || c.Kind().Jobless() || jobs.ClassOf(c.Kind()) != class || !slices.Contains(c.Locations, location) {
			continue
		}
		i := slices.IndexFunc(list, func(g Group) bool { return g.Every == c.Every })
		if i < 0 {
			i, list = len(list), append(list, Group{Every: c.Every})
		}
		phase := int32(0)
		if !aligned {
			phase = ms(schedule.Phase(c.ID, location, c.Every))
		}
		list[i].phases = append(list[i].phases, phase)
	}
	for _, g := range list {
		slices.Sort(g.phases)
	}
	slices.SortFunc(list, func(a, b Group) int { return int(a.Every/time.Millisecond - b.Every/time.Millisecond) })
	return list
}

// Len is the number of checks.
func (g Group) Len() int { return len(g.phases) }

// arrivals walks the slots of groups in order. The simulation starts at a
// multiple of every interval.
type arrivals struct {
	groups  []Group
	cursors []cursor
	next    int32
}

type cursor struct {
	base int32 // start of the present interval
	i    int   // next phase
	at   int32
}

const never = math.MaxInt32

func newArrivals(groups []Group) *arrivals {
	a := &arrivals{groups: groups, cursors: make([]cursor, len(groups)), next: never}
	for i, g := range groups {
		a.cursors[i].at = g.phases[0]
		a.next = min(a.next, g.phases[0])
	}
	return a
}

// take gives the number of slots of each group at a time, which is a.next.
func (a *arrivals) take(now int32, arrived func(group, n int)) {
	a.next = never
	for i := range a.cursors {
		c := &a.cursors[i]
		if c.at == now {
			phases, n := a.groups[i].phases, 0
			for c.at == now {
				n++
				if c.i++; c.i == len(phases) {
					c.i, c.base = 0, c.base+ms(a.groups[i].Every)
				}
				c.at = c.base + phases[c.i]
			}
			arrived(i, n)
		}
		a.next = min(a.next, c.at)
	}
}
