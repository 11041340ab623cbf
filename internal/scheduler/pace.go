package scheduler

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
)

// freshFor is how old a slot may be that is sent without being counted as
// late: the longest that a tick reasonably takes.
const freshFor = 5 * time.Second

// lateRate is the number of late slots a second that is never a burst: a batch.
const lateRate = queue.MaxBatch

// pace keeps what was held up, by a queue that was away or by a failover, from
// being sent in one burst: late slots of a destination go at the rate of its
// schedule, or of one batch a second where that is more, beside those that
// become due meanwhile: at twice the steady rate in all. A late slot is older
// than the tick before, and so was offered in vain or belongs to a shard that
// had no scheduler.
type pace struct {
	last   time.Time               // the tick before, by the database's clock
	credit map[destination]float64 // late slots that may be sent
}

// choose says which of the due slots are offered now, and which of these are
// late. Those that were offered less often go first, then the older ones.
func (p *pace) choose(due []*slot, shards map[int]*shard, now time.Time) (offered, late []*slot) {
	last := p.last
	p.last = now
	if len(due) == 0 && len(p.credit) == 0 {
		return nil, nil
	}
	waiting := map[destination][]*slot{}
	for _, w := range due {
		if w.at.After(last) && now.Sub(w.at) <= freshFor {
			offered = append(offered, w)
			continue
		}
		d := w.destination()
		waiting[d] = append(waiting[d], w)
	}
	p.earn(waiting, shards, now.Sub(last))
	for d, slots := range waiting {
		slices.SortStableFunc(slots, func(a, b *slot) int {
			return cmp.Or(cmp.Compare(a.tries, b.tries), a.at.Compare(b.at))
		})
		late = append(late, slots[:min(len(slots), int(p.credit[d]))]...)
	}
	for _, w := range late {
		w.tries++
	}
	return append(offered, late...), late
}

// earn adds what the time since the last tick is worth. Where nothing is late
// the credit is forgotten and begins at one.
func (p *pace) earn(waiting map[destination][]*slot, shards map[int]*shard, elapsed time.Duration) {
	credit := make(map[destination]float64, len(waiting))
	for d := range waiting {
		rate := 0.0
		for _, sh := range shards {
			rate += sh.rates[d]
		}
		// A tick that took long has let as many slots become due; after a
		// pause of the process its length means nothing.
		earned := max(rate, lateRate) * min(max(elapsed, 0), freshFor).Seconds()
		had, ok := p.credit[d]
		if !ok {
			had = 1
		}
		credit[d] = min(had+earned, math.Max(1, 2*earned)+1)
	}
	p.credit = credit
}

// spend takes the late slots that a queue has accepted off the credit.
func (p *pace) spend(late []*slot) {
	for _, w := range late {
		if w.sent {
			p.credit[w.destination()]--
		}
	}
}

func (s *slot) destination() destination {
	return destination{s.location, s.check.class()}
}
