// Package chaos holds what bars of delivery are made of: a plan of faults from
// one seed, a database in memory, a fleet in simulated time, defects on
// purpose, and the ledger that accounts for every slot and every accepted job.
// It owns what counts as lost and as twice. It refuses to be part of any
// shipped program.
package chaos

import (
	"errors"
	"time"

	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

// ErrInjected is what a faulty call answers.
var ErrInjected = errors.New("injected fault")

// Plan says what goes wrong. Each answer is a function of the seed, of what is
// asked about and of how often it was asked about before: never of the order
// in which goroutines happen to run. So a seed has the same faults every time.
type Plan struct {
	Seed uint64
	// From and To bound the time of outages and of the deaths of processes.
	From, To time.Time
}

// Draw is a number in [0, 1) that belongs to what and its n-th occurrence.
func (p Plan) Draw(what string, n int) float64 {
	h := uint64(14695981039346656037)
	for i := range len(what) {
		h = (h ^ uint64(what[i])) * 1099511628211
	}
	h ^= p.Seed*0x9e3779b97f4a7c15 + uint64(n)*0xd1b54a32d192ed03
	// The finaliser of SplitMix64.
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	return float64(h>>11) / (1 << 53)
}

// Span is a time from lo to hi that belongs to what.
func (p Plan) Span(what string, n int, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(p.Draw(what, n)*float64(hi-lo))
}

// stormy reports whether there are faults at all now.
func (p Plan) stormy() bool {
	now := time.Now()
	return !now.Before(p.From) && now.Before(p.To)
}

// faultyTries is how often one operation on one message may go wrong.
const faultyTries = 6

// entry is the fault of one entry: nothing, refused, or done and yet reported
// as an error.
func (p Plan) entry(what string, n int, rate float64) queuetest.Fault {
	if n > faultyTries || p.Draw(what, n) >= rate {
		return queuetest.Fault{}
	}
	return queuetest.Fault{Err: ErrInjected, After: p.Draw(what+" after", n) < 0.5}
}

// outage reports whether whole calls to what do not get through now, and
// whether they are carried out all the same. Each piece of outageGrid begins
// with an outage or does not.
func (p Plan) outage(what string, rate float64) (down, after bool) {
	if !p.stormy() {
		return false, false
	}
	piece := int(time.Since(p.From) / outageGrid)
	if p.Draw(what+" outage", piece) >= rate {
		return false, false
	}
	begun := p.From.Add(time.Duration(piece) * outageGrid)
	length := p.Span(what+" length", piece, 500*time.Millisecond, outageGrid)
	return time.Since(begun) < length, p.Draw(what+" executes", piece) < 0.4
}

const outageGrid = 5 * time.Second
