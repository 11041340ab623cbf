package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/queue"
)

const (
	// MaxNamed is the number of dead letters that one request names.
	MaxNamed = 100
	// MaxRate is the highest rate of a redrive, in messages a second.
	MaxRate = 500
	// rowsAtOnce bounds the rows that are read at a time; each may have 1 MiB.
	rowsAtOnce = 100
	// backTimeout bounds the sending of one message.
	backTimeout = 10 * time.Second
)

// Chosen is the body of POST /api/v1/dlq/redrive and /discard.
type Chosen struct {
	// IDs name dead letters; All is every one. One of the two is given.
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
	// Queue restricts it to one place, RowQueue included; "" is any.
	Queue string `json:"queue,omitempty"`
	// Rate is how many messages a second are redriven, 1 to [MaxRate]; with 0
	// as many as the queue likes.
	Rate int `json:"rate,omitempty"`
}

// Done is what a redrive or discard did.
type Done struct {
	// Messages and Rows count what is gone from there by now.
	Messages int `json:"messages"`
	Rows     int `json:"rows"`
	// Moves are redrives of whole queues, which go on by themselves.
	Moves []Move `json:"moves,omitempty"`
	// Missing ids were not found.
	Missing []string `json:"missing,omitempty"`
	// Failed says what did not work; those letters are still there.
	Failed []string `json:"failed,omitempty"`
	// More is whether there was more than one request looks through.
	More bool `json:"more,omitempty"`
}

// fault says what is wrong with a choice, or "".
func (ch Chosen) fault() string {
	switch {
	case ch.All == (len(ch.IDs) > 0):
		return "give either ids, or all as true"
	case len(ch.IDs) > MaxNamed:
		return fmt.Sprintf("there are %d ids; name at most %d at a time", len(ch.IDs), MaxNamed)
	case ch.Rate < 0 || ch.Rate > MaxRate:
		return fmt.Sprintf("rate is %d; use 1 to %d messages a second", ch.Rate, MaxRate)
	}
	return ""
}

// change does something with dead letters, and answers what was done also
// where it was not all.
func (c *Console) change(ctx context.Context, doing string, ch Chosen, how func(context.Context, Chosen, *Done) error) (*out[Done], error) {
	if fault := ch.fault(); fault != "" {
		return nil, newProblem(http.StatusUnprocessableEntity, fault)
	}
	done := &Done{}
	err := how(ctx, ch, done)
	c.o.Logger.Info(doing, "messages", done.Messages, "rows", done.Rows, "moves", len(done.Moves), "failed", len(done.Failed), "err", err, "by", holder(ctx).Name)
	c.noteLetters(ctx, doing, ch, done)
	if err != nil && done.Messages+done.Rows+len(done.Moves) == 0 {
		return nil, c.dlqFailed(doing, err)
	}
	if err != nil {
		done.Failed = append(done.Failed, err.Error())
	}
	return answer(*done), nil
}

// redrive sends dead letters back to where they came from. Messages are
// deleted after they were sent: one that goes twice is harmless, as the ids of
// jobs and results are computed.
func (c *Console) redrive(ctx context.Context, ch Chosen, done *Done) error {
	if ch.All {
		return errors.Join(c.moveAll(ctx, ch, done), c.eachRow(ctx, ch, done, c.rowBack(ctx, ch.Rate)))
	}
	sources := map[string]queue.Sender{}
	return c.eachNamed(ctx, ch, done, c.rowBack(ctx, ch.Rate), func(name string, q DeadQueue, m queue.Message) error {
		if sources[name] == nil {
			source, err := q.Source(ctx)
			if err != nil {
				return err
			}
			sources[name] = source
		}
		if err := sendBack(ctx, sources[name], queue.Outgoing{Body: m.Body, Attributes: m.Attributes}); err != nil {
			return err
		}
		pause(ctx, ch.Rate)
		return nil
	})
}

// moveAll starts the redrive of whole queues.
func (c *Console) moveAll(ctx context.Context, ch Chosen, done *Done) error {
	if ch.Queue == RowQueue {
		return nil
	}
	queues, depths, err := c.open(ctx, ch.Queue)
	if err != nil {
		return err
	}
	var faults []error
	for _, d := range depths {
		q, ok := queues[d.Queue]
		if !ok {
			continue
		}
		if err := q.StartMove(ctx, ch.Rate); err != nil {
			faults = append(faults, err)
			continue
		}
		done.Moves = append(done.Moves, Move{Queue: d.Queue, Running: true, ToMove: d.Messages})
	}
	return errors.Join(faults...)
}

// discard deletes dead letters.
func (c *Console) discard(ctx context.Context, ch Chosen, done *Done) error {
	keep := func(DeadRow) error { return nil }
	if !ch.All {
		return c.eachNamed(ctx, ch, done, keep, func(string, DeadQueue, queue.Message) error { return nil })
	}
	var err error
	if ch.Queue != RowQueue {
		var queues map[string]DeadQueue
		if queues, _, err = c.open(ctx, ch.Queue); err == nil {
			var scanned map[string]queue.Scanned
			scanned, err = scan(ctx, queues, searchDepth, func(string, DeadQueue, queue.Message) (remove, more bool) { return true, true })
			count(done, scanned)
		}
	}
	return errors.Join(err, c.eachRow(ctx, ch, done, keep))
}

func count(done *Done, scanned map[string]queue.Scanned) {
	for _, s := range scanned {
		done.Messages += s.Removed
		done.More = done.More || s.More
	}
}

// eachNamed does something with every dead letter that was named and takes it
// away; one with which that does not succeed stays.
func (c *Console) eachNamed(ctx context.Context, ch Chosen, done *Done, row func(DeadRow) error, message func(name string, q DeadQueue, m queue.Message) error) error {
	wanted := map[string]bool{} // ids not seen yet
	var rows []string
	for _, id := range ch.IDs {
		if isRow(id) {
			rows = append(rows, id)
		}
		wanted[id] = true
	}
	err := c.namedRows(ctx, rows, wanted, done, row)
	if len(wanted) > 0 && err == nil && ch.Queue != RowQueue {
		var queues map[string]DeadQueue
		if queues, _, err = c.open(ctx, ch.Queue); err == nil {
			var scanned map[string]queue.Scanned
			scanned, err = scan(ctx, queues, searchDepth, func(name string, q DeadQueue, m queue.Message) (remove, more bool) {
				if !wanted[m.ID] {
					return false, len(wanted) > 0
				}
				delete(wanted, m.ID)
				fault := message(name, q, m)
				if fault != nil {
					done.Failed = append(done.Failed, fmt.Sprintf("%s: %v", m.ID, fault))
				}
				return fault == nil, len(wanted) > 0
			})
			count(done, scanned)
			done.More = done.More && len(wanted) > 0
		}
	}
	for id := range wanted {
		done.Missing = append(done.Missing, id)
	}
	slices.Sort(done.Missing)
	return err
}

// namedRows is eachNamed for rows.
func (c *Console) namedRows(ctx context.Context, ids []string, wanted map[string]bool, done *Done, do func(DeadRow) error) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := c.o.DeadRows.DeadRowsByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		delete(wanted, r.ID)
	}
	return c.dropRows(ctx, rows, done, do)
}

// eachRow does something with every row and deletes it, as [Chosen.Queue]
// allows.
func (c *Console) eachRow(ctx context.Context, ch Chosen, done *Done, do func(DeadRow) error) error {
	if ch.Queue != "" && ch.Queue != RowQueue {
		return nil
	}
	for {
		rows, _, err := c.o.DeadRows.DeadRows(ctx, rowsAtOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		before := done.Rows
		if err := c.dropRows(ctx, rows, done, do); err != nil || done.Rows == before {
			return err
		}
	}
}

// dropRows deletes those rows with which do succeeds.
func (c *Console) dropRows(ctx context.Context, rows []DeadRow, done *Done, do func(DeadRow) error) error {
	var ids []string
	for _, r := range rows {
		if err := do(r); err != nil {
			done.Failed = append(done.Failed, fmt.Sprintf("%s: %v", r.ID, err))
			continue
		}
		ids = append(ids, r.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	n, err := c.o.DeadRows.DropDeadResults(ctx, ids)
	done.Rows += n
	return err
}

// rowBack sends the message of a row to the results queue again.
func (c *Console) rowBack(ctx context.Context, rate int) func(DeadRow) error {
	var results queue.Sender
	return func(r DeadRow) error {
		if results == nil {
			q, err := c.o.DeadQueues.Open(ctx, queue.DeadLetterName(queue.ResultsName(c.o.QueuePrefix)))
			if err != nil {
				return err
			}
			if results, err = q.Source(ctx); err != nil {
				return err
			}
		}
		if err := sendBack(ctx, results, queue.Outgoing{Body: r.Body}); err != nil {
			return err
		}
		pause(ctx, rate)
		return nil
	}
}

func sendBack(ctx context.Context, to queue.Sender, m queue.Outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, backTimeout)
	defer cancel()
	errs, err := to.SendBatch(ctx, []queue.Outgoing{m})
	if err != nil {
		return err
	}
	return errs[0]
}

// pause keeps a rate of messages a second.
func pause(ctx context.Context, rate int) {
	if rate <= 0 {
		return
	}
	t := time.NewTimer(time.Second / time.Duration(rate))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
