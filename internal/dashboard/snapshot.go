package dashboard

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// The two grains of history, as the store names them.
const (
	grainHour = "hour"
	grainDay  = "day"
)

// reading says how often the history of a period is read: less often than the
// checks, as bars move slowly and cost the store more. Only the newest bar is
// read each time, with the one before it for a while, and now and then a stretch
// of the older ones, so that each is read again within half an hour: what came
// late, or was counted again, is shown after that.
type reading struct {
	period
	every, olderEvery time.Duration
	// late is for how long the bar before the newest is read too.
	late time.Duration
	// atATime is how many bars are read at once, but for the first reading.
	atATime int
}

var (
	readingHours = reading{hourly, 10 * time.Second, time.Minute, 10 * time.Minute, 2}
	readingDays  = reading{daily, time.Minute, time.Minute, time.Hour, 3}
)

// tolerated is how many readings of a history may be missed, while the rest of
// the store answers, before the page calls itself delayed.
const tolerated = 30

const (
	// incidentsFor is how long incidents that are over stay on the first page
	// and on the pages of their checks.
	incidentsFor = 15 * 24 * time.Hour
	// maxIncidents bounds those in memory.
	maxIncidents = 300
)

// snapshot is one reading of the store. It is never changed once it is made.
type snapshot struct {
	// asOf is when the reading began.
	asOf   time.Time
	checks []status.Check
	hours  history
	days   history
	// counted are the hours that were counted from their slots.
	counted status.Span
	outages map[string][]status.Span
	// incidents are those that last or ended lately, the newest first.
	incidents []status.Recorded
	planned   []status.Planned
	pages     []statuspage.Stored
	// late is why a history is that of a reading before, nil where it is not.
	late error
}

// history holds the buckets of one grain.
type history struct {
	// readAt is up to when bars were read, dueAt when they are to be read again.
	readAt, dueAt time.Time
	// next is the first of the older bars to be read again, and olderAt when
	// some of them were.
	next    time.Time
	olderAt time.Time
	byCheck map[string][]status.Bucket
	// sums change where the buckets of a check do.
	sums map[string]uint64
}

// load reads what is due and takes the rest from prev, which may be nil.
func load(ctx context.Context, s store, prev *snapshot, now time.Time) (*snapshot, error) {
	next := &snapshot{asOf: now}
	if prev != nil {
		next.hours, next.days, next.counted, next.outages = prev.hours, prev.days, prev.counted, prev.outages
	}
	// What hides something is read before what it hides.
	pages, err := s.PublicPages(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading status pages: %w", err)
	}
	next.pages = pages
	checks, err := s.PublicChecks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading public checks: %w", err)
	}
	next.checks = slices.Clone(checks)
	slices.SortStableFunc(next.checks, byGroupAndName)
	if next.incidents, err = s.PublicIncidents(ctx, now.Add(-incidentsFor), now.Add(time.Hour), maxIncidents); err != nil {
		return nil, fmt.Errorf("reading public incidents: %w", err)
	}
	if next.planned, err = s.PublicMaintenance(ctx, now); err != nil {
		return nil, fmt.Errorf("reading public maintenance: %w", err)
	}
	if err := next.readHistories(ctx, s, now); err != nil {
		return nil, err
	}
	return next, nil
}

// readHistories reads those that are due. Bars that cannot be read for a while
// do not keep what is known of now from being shown.
func (s *snapshot) readHistories(ctx context.Context, from store, now time.Time) error {
	for _, h := range []struct {
		*history
		reading
		read func(context.Context, store, time.Time) error
	}{{&s.hours, readingHours, s.readHours}, {&s.days, readingDays, s.readDays}} {
		if now.Before(h.dueAt) {
			continue
		}
		err := h.read(ctx, from, now)
		if err != nil && (h.byCheck == nil || now.Sub(h.readAt) > tolerated*h.every) {
			return err
		}
		if err != nil {
			s.late, h.dueAt = err, now.Add(h.every)
		}
	}
	return nil
}

func (s *snapshot) readDays(ctx context.Context, from store, now time.Time) (err error) {
	s.days, err = readingDays.read(ctx, from, s.days, now)
	return err
}

// readHours reads the newest day by the hour, and what goes with it.
func (s *snapshot) readHours(ctx context.Context, from store, now time.Time) error {
	var err error
	if s.counted.From, s.counted.To, err = from.PublicCounted(ctx); err != nil {
		return fmt.Errorf("reading what was counted: %w", err)
	}
	outages, err := from.PublicOutages(ctx, daily.start(now))
	if err != nil {
		return fmt.Errorf("reading outages: %w", err)
	}
	s.outages = make(map[string][]status.Span, len(outages))
	for _, o := range outages {
		s.outages[o.CheckID] = o.Spans
	}
	s.hours, err = readingHours.read(ctx, from, s.hours, now)
	return err
}

// read reads the bars that are due, and takes the others from was. After a
// long silence it goes on from where it was, some bars with every reading.
func (r reading) read(ctx context.Context, s store, was history, now time.Time) (history, error) {
	first := r.start(now)
	if was.byCheck == nil {
		buckets, err := s.PublicBuckets(ctx, r.grain, first, now)
		if err != nil {
			return was, fmt.Errorf("reading history by %s: %w", r.unit, err)
		}
		return history{readAt: now, dueAt: now.Add(r.every), next: first, olderAt: now, byCheck: byCheck(buckets)}.summed(), nil
	}
	next := was
	newest := status.Span{From: now.UTC().Add(-r.late).Truncate(r.step), To: now}
	if was.readAt.Before(newest.From) {
		newest.From = was.readAt.UTC().Truncate(r.step)
		if newest.From.Before(first) {
			newest.From = first
		}
	}
	next.readAt, next.dueAt = now, now.Add(r.every)
	parts := []status.Span{newest}
	switch stretch := time.Duration(r.atATime) * r.step; {
	case now.Sub(newest.From) > stretch+r.step:
		parts[0].To = newest.From.Add(stretch)
		next.readAt, next.dueAt = parts[0].To, now
	case now.Sub(was.olderAt) >= r.olderEvery:
		older := status.Span{From: was.next, To: was.next.Add(stretch)}
		if older.From.Before(first) || !older.From.Before(newest.From) {
			older = status.Span{From: first, To: first.Add(stretch)}
		}
		if newest.From.Before(older.To) {
			older.To = newest.From
		}
		next.olderAt, next.next = now, older.To
		parts = append(parts, older)
	}
	for _, part := range parts {
		buckets, err := s.PublicBuckets(ctx, r.grain, part.From, part.To)
		if err != nil {
			return was, fmt.Errorf("reading history by %s: %w", r.unit, err)
		}
		next.byCheck = replaced(next.byCheck, first, part, byCheck(buckets))
	}
	return next.summed(), nil
}

// summed is h with its sums, which are made once a reading and not for every
// frame.
func (h history) summed() history {
	h.sums = make(map[string]uint64, len(h.byCheck))
	for id, buckets := range h.byCheck {
		sum := fnv.New64a()
		for _, b := range buckets {
			writeBucket(sum, b)
		}
		h.sums[id] = sum.Sum64()
	}
	return h
}

func byCheck(buckets []status.Bucket) map[string][]status.Bucket {
	m := make(map[string][]status.Bucket)
	for _, b := range buckets {
		m[b.CheckID] = append(m[b.CheckID], b)
	}
	return m
}

// replaced are the buckets of was with those of part in the place of what was
// there, and without those before first; those of a check stay in order.
func replaced(was map[string][]status.Bucket, first time.Time, part status.Span, fresh map[string][]status.Bucket) map[string][]status.Bucket {
	out := make(map[string][]status.Bucket, max(len(was), len(fresh)))
	for id, old := range was {
		kept := make([]status.Bucket, 0, len(old)+1)
		after := len(old)
		for i, b := range old {
			if !b.Start.Before(part.To) {
				after = i
				break
			}
			if !b.Start.Before(first) && b.Start.Before(part.From) {
				kept = append(kept, b)
			}
		}
		out[id] = append(append(kept, fresh[id]...), old[after:]...)
	}
	for id, buckets := range fresh {
		if _, there := was[id]; !there {
			out[id] = buckets
		}
	}
	return out
}

// of is the history over a period.
func (s *snapshot) of(p period) *history {
	if p.grain == grainDay {
		return &s.days
	}
	return &s.hours
}

// past is what is known of a check over a period.
func (s *snapshot) past(p period, id string) past {
	return past{s.of(p).byCheck[id], s.outages[id], s.counted}
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
