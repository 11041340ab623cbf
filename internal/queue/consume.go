package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Defaults of [Options].
const (
	DefaultSlots        = 10
	DefaultVisibility   = 30 * time.Second
	DefaultWait         = MaxWait
	DefaultDrainBudget  = 25 * time.Second
	DefaultMaxExtension = 15 * time.Minute
)

// Handler works on one message. A nil error means that the message is done
// with and will be deleted; any other leaves it for a later delivery, see
// [RetryAfter]. A panic counts as an error.
//
// ctx outlives the context of [Consume]. It ends with the cause [ErrLeaseLost],
// [ErrMaxExtension], [ErrDrainBudget] or [ErrHurried]; a handler that does not
// return soon after is given up on during a drain only.
type Handler func(ctx context.Context, m Message) error

// ErrDrainBudget is the cause where a handler was still running at the end of
// the drain budget. Its message is made visible again.
var ErrDrainBudget = errors.New("drain budget is used up")

// ErrHurried is the cause where a handler was still running when the drain was
// cut short. Its message is made visible again.
var ErrHurried = errors.New("drain was cut short")

// ErrAbandoned is the error of a handler that did not return although the
// drain was over.
var ErrAbandoned = errors.New("handler did not return after its cancellation")

const (
	// abandonAfter is how long a cancelled handler may take to return.
	abandonAfter = 5 * time.Second
	// flushWithin is how long deletes and releases may take after that.
	flushWithin = 10 * time.Second
	// hurriedAbandon and hurriedFlush take their places where the drain is cut
	// short: together they leave a process time to end within five seconds.
	hurriedAbandon, hurriedFlush = 1500 * time.Millisecond, 1500 * time.Millisecond
	// receiveGrace is what a receive may take beyond its wait.
	receiveGrace = 10 * time.Second
)

// Options of [Consume]. Zero values mean the defaults above.
type Options struct {
	// Name of the queue, for logs and metrics; required.
	Name string
	// Slots is the number of handlers that run at a time.
	Slots int
	// Visibility is how long a received message stays hidden unless it is
	// extended, 3 s to 1 h, whole seconds. Short is good: a message whose
	// holder died comes back after it.
	Visibility time.Duration
	// Wait is the longest long poll, up to [MaxWait].
	Wait time.Duration
	// DrainBudget is what running handlers get after ctx has ended; negative
	// is none at all.
	DrainBudget time.Duration
	// Hurry, where it is set, cuts the drain short when it is closed: running
	// handlers are cancelled with [ErrHurried] and their messages made visible
	// again. Before ctx has ended it has no effect.
	Hurry <-chan struct{}
	// MaxExtension is how long a message is held in all, up to 11 h. Then its
	// handler is cancelled.
	MaxExtension time.Duration
	// Ready, where it is set, is asked before each receive. While it blocks
	// or answers an error nothing is received; what has been received goes on.
	// It returns when its ctx ends.
	Ready func(ctx context.Context) error
	// Pulse, where it is set, tells others whether the loop still polls.
	Pulse *Pulse
	// Logger and Metrics may be nil.
	Logger  *slog.Logger
	Metrics *Metrics
}

// filled is o with its defaults, or what is wrong with it.
func (o Options) filled() (Options, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Visibility, DefaultVisibility)
	def(&o.Wait, DefaultWait)
	def(&o.DrainBudget, DefaultDrainBudget)
	def(&o.MaxExtension, DefaultMaxExtension)
	if o.Slots == 0 {
		o.Slots = DefaultSlots
	}
	if o.Pulse == nil {
		o.Pulse = new(Pulse)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	o.Visibility = seconds(o.Visibility)
	var faults []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("consuming queue %q: "+format, append([]any{o.Name}, args...)...))
		}
	}
	refuse(o.Name == "", "the queue has no name")
	refuse(o.Slots < 1, "%d slots; use at least 1", o.Slots)
	refuse(o.Visibility < 3*time.Second || o.Visibility > time.Hour, "visibility %s is out of range; use 3s to 1h", o.Visibility)
	refuse(o.Wait < 0 || o.Wait > MaxWait, "wait %s is out of range; use up to %s", o.Wait, MaxWait)
	refuse(o.MaxExtension < 0 || o.MaxExtension > MaxVisibility-time.Hour, "extension of %s in all is out of range; use up to %s", o.MaxExtension, MaxVisibility-time.Hour)
	return o, errors.Join(faults...)
}

// Consume hands the messages of r to h until ctx ends, then drains: it stops
// receiving at once, releases what has not been started, lets running handlers
// finish within the drain budget or until it is hurried, cancels the others and
// makes their messages visible again, and finishes its deletes. It returns an error for bad options
// only; a queue that does not answer is tried again and again.
//
// It asks for as many messages as there are free slots, so none waits unseen.
// From receipt to the handler's end each message is kept hidden by a heartbeat.
func Consume(ctx context.Context, r Receiver, h Handler, o Options) error {
	o, err := o.filled()
	if err != nil {
		return err
	}
	c := newConsumer(ctx, r, h, o)
	defer c.cancelAcks()
	defer c.cancelWork(nil)

	var polls sync.WaitGroup
	for range pollers(o.Slots) {
		polls.Go(func() { c.poll(ctx) })
	}
	<-ctx.Done()
	budget := max(0, o.DrainBudget)
	over := time.AfterFunc(budget, func() { c.cancelWork(ErrDrainBudget) })
	defer over.Stop()
	flushed := time.AfterFunc(budget+abandonAfter+flushWithin, c.cancelAcks)
	defer flushed.Stop()
	drained := make(chan struct{})
	defer close(drained)
	go c.hurry(drained)
	polls.Wait()
	c.deliveries.Wait()
	return nil
}

// hurry cuts the drain short when it is told to.
func (c *consumer) hurry(drained <-chan struct{}) {
	select {
	case <-drained:
		return
	case <-c.Hurry:
	}
	c.cancelWork(ErrHurried)
	flushed := time.AfterFunc(hurriedAbandon+hurriedFlush, c.cancelAcks)
	defer flushed.Stop()
	<-drained
}

// patience is how long a handler whose context has ended may take to return.
func (c *consumer) patience() time.Duration {
	if errors.Is(context.Cause(c.work), ErrHurried) {
		return hurriedAbandon
	}
	return abandonAfter
}

// consumer is one running Consume.
type consumer struct {
	Options
	receiver Receiver
	handler  Handler
	meter    meter
	slots    *slots
	silence  streak

	deletes coalescer[Message]
	extends coalescer[Extension]
	// settling bounds the messages that are done but not yet deleted.
	settling chan struct{}

	// work is the parent of every handler's context, acks that of every
	// delete and extension. Both outlive the context of Consume.
	work, acks context.Context
	cancelWork context.CancelCauseFunc
	cancelAcks context.CancelFunc
	deliveries sync.WaitGroup
}

func newConsumer(ctx context.Context, r Receiver, h Handler, o Options) *consumer {
	o.Logger = o.Logger.With("queue", o.Name)
	c := &consumer{
		Options: o, receiver: r, handler: h,
		meter:    meter{o.Metrics, o.Name},
		slots:    newSlots(o.Slots, o.Pulse),
		deletes:  coalescer[Message]{call: r.DeleteBatch, linger: ackLinger, timeout: ackTimeout},
		extends:  coalescer[Extension]{call: r.ExtendBatch, linger: ackLinger, timeout: ackTimeout},
		settling: make(chan struct{}, max(64, 4*o.Slots)),
	}
	c.work, c.cancelWork = context.WithCancelCause(context.WithoutCancel(ctx))
	c.acks, c.cancelAcks = context.WithCancel(context.WithoutCancel(ctx))
	o.Pulse.start(o.Name, o.MaxExtension+abandonAfter)
	o.Metrics.slots.WithLabelValues(o.Name).Set(float64(o.Slots))
	return c
}

// poll receives until ctx ends. A poller holds a slot for every message that
// it asks for, and gives back those that it did not need.
func (c *consumer) poll(ctx context.Context) {
	failures := 0
	for {
		n := c.slots.take(ctx)
		if ctx.Err() != nil {
			return
		}
		ms, pause := c.receive(ctx, n, &failures)
		now := time.Now()
		c.slots.give(n - len(ms))
		for _, m := range ms {
			c.accept(ctx, m, now)
		}
		if pause > 0 {
			sleep(ctx, pause)
		}
	}
}

// accept starts the handler of m, or releases m where the drain has begun.
func (c *consumer) accept(ctx context.Context, m Message, now time.Time) {
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = now
	}
	c.meter.receivedMessage(m)
	l := c.newLease(m, now)
	if ctx.Err() != nil {
		c.slots.give(1)
		c.deliveries.Go(func() { c.release(l) })
		return
	}
	c.deliveries.Go(func() { c.deliver(l) })
}

// deliver follows one message from receipt to delete or release. Heartbeat and
// settlement are steps of the same goroutine, so a late heartbeat can never
// undo a release.
func (c *consumer) deliver(l *lease) {
	busy := c.meter.busy.WithLabelValues(c.Name)
	busy.Inc()
	c.part(l)
	done := make(chan error, 1)
	go func() { done <- c.handle(l) }()
	err := c.hold(l, done)
	busy.Dec()
	l.cancel(nil)

	c.settling <- struct{}{}
	defer func() { <-c.settling }()
	c.slots.give(1)
	c.settle(l, err)
}

// handle calls the handler and turns its panic into an error.
func (c *consumer) handle(l *lease) (err error) {
	start := time.Now()
	defer func() {
		c.meter.took(time.Since(start))
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return c.handler(l.ctx, l.message)
}

// panicError is what a handler's panic becomes.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.value) }
