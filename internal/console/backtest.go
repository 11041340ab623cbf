package console

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/backtest"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
)

// replays has what was measured.
type replays interface {
	// ReplayRuns are the newest attempts of a check; cut says that there are
	// more since from.
	ReplayRuns(ctx context.Context, checkID string, from time.Time, limit int) (attempts []backtest.Attempt, cut bool, err error)
}

const (
	// replayBack is how far a plan looks back, replayRuns at how many runs of a
	// check, replayChecks at how many checks, and replayTime for how long.
	replayBack   = 7 * 24 * time.Hour
	replayRuns   = 5000
	replayChecks = 20
	replayTime   = 10 * time.Second
)

// Backtest is what a change would have meant.
type Backtest struct {
	ID string `json:"id"`
	backtest.Report
}

// backtests replays the checks of which assertions or alert rules would change.
// It answers those that it came to within its time, and how many it did not.
func (c *Console) backtests(ctx context.Context, wanted []check.Check, known map[string]StoredCheck) (done []Backtest, left int) {
	if c.o.Replays == nil {
		return nil, 0
	}
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	for _, after := range wanted {
		s, there := known[after.ID]
		if !there {
			continue
		}
		before, err := codec.DecodeCheck(s.Version, s.Spec)
		if err != nil || !backtest.Matters(before, after) {
			continue
		}
		if len(done) == replayChecks || ctx.Err() != nil {
			left++
			continue
		}
		to := time.Now().UTC()
		from := to.Add(-replayBack)
		attempts, cut, err := c.o.Replays.ReplayRuns(ctx, after.ID, from, replayRuns)
		if err != nil {
			c.o.Logger.Warn("replaying runs for a plan", "check", after.ID, "err", err)
			left++
			continue
		}
		if len(attempts) == 0 {
			continue
		}
		from = attempts[0].Result.Slot
		for _, a := range attempts {
			if a.Result.Slot.Before(from) {
				from = a.Result.Slot
			}
		}
		done = append(done, Backtest{after.ID, backtest.Run(before, after, from, to, attempts, cut)})
	}
	return done, left
}
