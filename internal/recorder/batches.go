package recorder

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// maxBatch is the number of results of one transaction.
	maxBatch = 200
	// linger is how long a result waits for company. While a transaction is
	// under way the next batch gathers by itself.
	linger = 20 * time.Millisecond
)

// batches gathers the results of concurrent callers into one call at a time.
type batches struct {
	in    chan entry
	store func(ctx context.Context, results []jobs.Result, bodies []string) error
}

// entry is one caller's result, the message it came in, and where the caller
// waits.
type entry struct {
	result jobs.Result
	body   string
	done   chan error // holds one
}

func newBatches(store func(context.Context, []jobs.Result, []string) error) *batches {
	return &batches{in: make(chan entry), store: store}
}

// add returns when the result's batch was stored, or with the reason why not.
func (b *batches) add(ctx context.Context, r jobs.Result, body string) error {
	e := entry{r, body, make(chan error, 1)}
	select {
	case b.in <- e:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run stores batches, one after the other, until ctx ends.
func (b *batches) run(ctx context.Context) {
	for {
		batch := b.gather(ctx)
		if len(batch) == 0 {
			return
		}
		results, bodies := make([]jobs.Result, len(batch)), make([]string, len(batch))
		for i, e := range batch {
			results[i], bodies[i] = e.result, e.body
		}
		err := b.store(ctx, results, bodies)
		for _, e := range batch {
			e.done <- err
		}
	}
}

// gather waits for a first result and then for its company; nothing where ctx
// ends.
func (b *batches) gather(ctx context.Context) []entry {
	var batch []entry
	var enough <-chan time.Time
	for len(batch) < maxBatch {
		select {
		case e := <-b.in:
			if batch = append(batch, e); len(batch) == 1 {
				t := time.NewTimer(linger)
				defer t.Stop()
				enough = t.C
			}
		case <-enough:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}
