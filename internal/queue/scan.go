package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// scanHide is how long a scan hides what it looks at, at most; scanBudget,
	// less than that, is how long a scan may take.
	scanHide, scanBudget = 5 * time.Minute, 4 * time.Minute
	// scanWait is the long poll of a scan: a short one asks only some of the
	// servers behind a queue, and finds it empty where it is not.
	scanWait = time.Second
	// scanFinish bounds what a scan does last: making everything visible again.
	scanFinish = 20 * time.Second
)

// Scanned says how far a [Scan] came.
type Scanned struct {
	// Seen messages were looked at, Removed ones deleted.
	Seen, Removed int
	// More is whether the scan ended before the queue seemed empty.
	More bool
}

// Scan looks through a queue that nobody consumes, such as a dead-letter queue.
// It receives at most most messages and gives each once to look, which says
// whether to delete it and whether to go on. Everything else is visible again
// when Scan returns, or after five minutes where the process dies before that.
//
// Each message that is looked at counts one more receive. On a queue without a
// redrive policy, as dead-letter queues are, that has no effect; never scan
// one that has a policy. Messages that somebody else holds are not seen.
//
// The error is of the queue; what was removed by then stays removed.
func Scan(ctx context.Context, r Receiver, most int, look func(Message) (remove, more bool)) (s Scanned, err error) {
	ctx, cancel := context.WithTimeout(ctx, scanBudget)
	defer cancel()
	held := map[string]Message{} // by id, without their bodies
	defer func() { err = errors.Join(err, unhide(ctx, r, held)) }()
	for more := true; more; {
		if s.Seen >= most {
			s.More = true
			return s, nil
		}
		ms, err := r.Receive(ctx, min(MaxBatch, most-s.Seen), scanWait, scanHide)
		if err != nil {
			s.More = true
			return s, err
		}
		if len(ms) == 0 {
			return s, nil
		}
		var gone []Message
		for _, m := range ms {
			_, again := held[m.ID]
			held[m.ID] = Message{ID: m.ID, Handle: m.Handle}
			if again || !more {
				continue // delivered twice, or not looked for any more
			}
			s.Seen++
			var remove bool
			if remove, more = look(m); remove {
				gone = append(gone, held[m.ID])
			}
		}
		removed, err := discard(ctx, r, gone, held)
		s.Removed += removed
		if err != nil {
			s.More = true
			return s, err
		}
		s.More = !more
	}
	return s, nil
}

// discard deletes messages and takes those that are gone out of held.
func discard(ctx context.Context, r Receiver, gone []Message, held map[string]Message) (int, error) {
	if len(gone) == 0 {
		return 0, nil
	}
	// What was decided is carried out, even where the caller has left.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scanFinish)
	defer cancel()
	errs, err := r.DeleteBatch(ctx, gone)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, m := range gone {
		if errs[i] == nil {
			delete(held, m.ID)
			n++
		}
	}
	return n, errors.Join(errs...)
}

// unhide makes the held messages visible again.
func unhide(ctx context.Context, r Receiver, held map[string]Message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scanFinish)
	defer cancel()
	batch := make([]Extension, 0, MaxBatch)
	var faults []error
	flush := func() {
		if len(batch) == 0 {
			return
		}
		errs, err := r.ExtendBatch(ctx, batch)
		for _, e := range append(errs, err) {
			// One that is somebody else's by now needs nothing from us.
			if e != nil && !errors.Is(e, ErrLeaseLost) {
				faults = append(faults, e)
			}
		}
		batch = batch[:0]
	}
	for _, m := range held {
		if batch = append(batch, Extension{Message: m}); len(batch) == MaxBatch {
			flush()
		}
	}
	flush()
	if len(faults) > 0 {
		return fmt.Errorf("some messages stay hidden for %s: %w", scanHide, faults[0])
	}
	return nil
}
