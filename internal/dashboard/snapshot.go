package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// The two grains of history, as the store names them.
const (
	grainHour = "hour"
	grainDay  = "day"
)

// Hours are read less often than checks, days less often than hours: their
// bars move slowly and cost the store more.
const (
	hoursEvery = 10 * time.Second
	daysEvery  = time.Minute
)

// snapshot is one reading of the store. It is never changed once it is made.
type snapshot struct {
	// asOf is when the reading began.
	asOf   time.Time
	checks []status.Check
	hours  history
	days   history
}

// history holds the buckets of one grain.
type history struct {
	readAt  time.Time
	byCheck map[string][]status.Bucket
}

// load reads what is due and takes the rest from prev, which may be nil.
func load(ctx context.Context, s store, prev *snapshot, now time.Time) (*snapshot, error) {
	next := &snapshot{asOf: now}
	if prev != nil {
		next.hours, next.days = prev.hours, prev.days
	}
	checks, err := s.PublicChecks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading public checks: %w", err)
	}
	next.checks = slices.Clone(checks)
	slices.SortStableFunc(next.checks, byGroupAndName)
	if now.Sub(next.hours.readAt) >= hoursEvery {
		if next.hours, err = loadHistory(ctx, s, hourly, now); err != nil {
			return nil, err
		}
	}
	if now.Sub(next.days.readAt) >= daysEvery {
		if next.days, err = loadHistory(ctx, s, daily, now); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func loadHistory(ctx context.Context, s store, p period, now time.Time) (history, error) {
	buckets, err := s.PublicBuckets(ctx, p.grain, p.start(now))
	if err != nil {
		return history{}, fmt.Errorf("reading history by %s: %w", p.grain, err)
	}
	h := history{readAt: now, byCheck: make(map[string][]status.Bucket)}
	for _, b := range buckets {
		h.byCheck[b.CheckID] = append(h.byCheck[b.CheckID], b)
	}
	return h, nil
}

// byGroupAndName gives checks the places that readers can learn: they do not
// move with the state. Checks without a group come last.
func byGroupAndName(a, b status.Check) int {
	if (a.Group == "") != (b.Group == "") {
		if a.Group == "" {
			return 1
		}
		return -1
	}
	for _, c := range []int{
		strings.Compare(strings.ToLower(a.Group), strings.ToLower(b.Group)),
		strings.Compare(a.Group, b.Group),
		strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)),
	} {
		if c != 0 {
			return c
		}
	}
	return strings.Compare(a.ID, b.ID)
}

// long reports whether anything was measured more than a day ago, so that a
// longer history is worth offering.
func (s *snapshot) long(now time.Time) bool {
	for _, bs := range s.days.byCheck {
		for _, b := range bs {
			if b.Conclusive() > 0 && b.Start.Before(now.Add(-24*time.Hour)) {
				return true
			}
		}
	}
	return false
}
