package pages

import (
	"context"
	"sync"
	"time"
)

const (
	// readingTimeout bounds a reading: nobody may be left who waits for it.
	readingTimeout = 15 * time.Second
	// readingShare is how many times as long as it took a reading is shown at
	// least: however much there is, reading takes a tenth of the time at most.
	readingShare = 10
	// readingStale is how many times as long a reading is shown while the next
	// one is under way.
	readingStale = 3
)

// reading is what was last read of something that many look at. One at a time
// reads; meanwhile the others see what was read before, unless that is old.
type reading[T any] struct {
	read func(context.Context) (T, error)
	// every is how long a reading is shown before it is read again.
	every time.Duration

	mu    sync.Mutex
	known bool
	value T
	at    time.Time // when its reading began
	took  time.Duration
	turn  *turn[T] // the reading under way, nil where there is none
}

// turn is one reading: value and err are there when done is closed.
type turn[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// get answers what was read a moment ago, or reads it. ctx ends the waiting, not
// the reading, for which others may wait too.
func (r *reading[T]) get(ctx context.Context) (T, error) {
	r.mu.Lock()
	age, fresh := time.Since(r.at), max(r.every, readingShare*r.took)
	if r.known && age < fresh {
		defer r.mu.Unlock()
		return r.value, nil
	}
	t := r.turn
	if t == nil {
		t = r.begin(ctx)
	}
	if r.known && age < readingStale*fresh {
		defer r.mu.Unlock()
		return r.value, nil
	}
	r.mu.Unlock()
	select {
	case <-t.done:
		return t.value, t.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// soon is get for who can do without: it answers false where nothing is known
// within that time.
func (r *reading[T]) soon(ctx context.Context, within time.Duration) (value T, known bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	value, err = r.get(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return value, false, nil
	}
	return value, err == nil, err
}

// begin begins to read; r.mu is held.
func (r *reading[T]) begin(ctx context.Context) *turn[T] {
	t := &turn[T]{done: make(chan struct{})}
	r.turn = t
	go func() {
		defer close(t.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readingTimeout)
		defer cancel()
		began := time.Now()
		t.value, t.err = r.read(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.turn != t {
			return // forgotten meanwhile: it may have been read before the change
		}
		r.turn = nil
		if t.err == nil {
			r.value, r.known, r.at, r.took = t.value, true, began, time.Since(began)
		}
	}()
	return t
}

// forget has the next reader read anew: something was changed here.
func (r *reading[T]) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known, r.turn = false, nil
}
