package consolecmd

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/store"
)

// deadQueues are the dead-letter queues in the words of the console.
type deadQueues struct {
	client *sqsqueue.Client
	away   error // why there is no client
	prefix string
	opened sync.Map // name → deadQueue: a queue's address does not change
}

func (d *deadQueues) Names(ctx context.Context) ([]string, error) {
	if d.away != nil {
		return nil, d.away
	}
	names, err := d.client.List(ctx, d.prefix+"-")
	return slices.DeleteFunc(names, func(name string) bool {
		source, dead := strings.CutSuffix(name, queue.DeadLetterName(""))
		return !dead || !d.ours(source)
	}), err
}

// ours reports whether a queue belongs to this installation: that of another
// one, whose prefix begins as ours does, is none of our business, and we may
// have no right to look at it.
func (d *deadQueues) ours(name string) bool {
	return name == queue.ResultsName(d.prefix) || strings.HasPrefix(name, d.prefix+"-jobs-")
}

func (d *deadQueues) Open(ctx context.Context, name string) (console.DeadQueue, error) {
	if d.away != nil {
		return nil, d.away
	}
	if q, ok := d.opened.Load(name); ok {
		return q.(deadQueue), nil
	}
	q, err := d.client.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	d.opened.Store(name, deadQueue{q, d.client})
	return deadQueue{q, d.client}, nil
}

// depths counts the messages of this installation's queues, but for the dead
// letters, in the order of their names.
func (d *deadQueues) depths(ctx context.Context) ([]pages.Queue, error) {
	if d.away != nil {
		return nil, d.away
	}
	names, err := d.client.List(ctx, d.prefix+"-")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var found []pages.Queue
	for _, name := range names {
		if strings.HasSuffix(name, queue.DeadLetterName("")) || !d.ours(name) && name != queue.ShadowName(queue.ResultsName(d.prefix)) {
			continue
		}
		q, err := d.client.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		depth, err := q.Depth(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, pages.Queue{Name: name, Waiting: depth.Visible + depth.Delayed, Held: depth.InFlight})
	}
	return found, nil
}

type deadQueue struct {
	*sqsqueue.Queue
	client *sqsqueue.Client
}

func (q deadQueue) Source(ctx context.Context) (queue.Sender, error) {
	return q.client.Open(ctx, strings.TrimSuffix(q.Name(), queue.DeadLetterName("")))
}

func (q deadQueue) Depth(ctx context.Context) (visible, hidden int, err error) {
	d, err := q.Queue.Depth(ctx)
	return d.Visible + d.Delayed, d.InFlight, err
}

func (q deadQueue) LastMove(ctx context.Context) (console.Move, error) {
	m, err := q.Queue.LastMove(ctx)
	return console.Move{Queue: q.Name(), Running: m.Running, Moved: m.Moved, ToMove: m.ToMove, Failure: m.Failure}, err
}

// deadRows are the dead letters of the database in the words of the console.
type deadRows struct{ *store.Store }

func (d deadRows) DeadRows(ctx context.Context, limit int) ([]console.DeadRow, int, error) {
	found, total, err := d.DeadResults(ctx, limit)
	return rowsOf(found), total, err
}

func (d deadRows) DeadRowsByID(ctx context.Context, ids []string) ([]console.DeadRow, error) {
	found, err := d.DeadResultsByID(ctx, ids)
	return rowsOf(found), err
}

func rowsOf(found []store.DeadResult) []console.DeadRow {
	rows := make([]console.DeadRow, len(found))
	for i, r := range found {
		rows[i] = console.DeadRow{ID: r.ID, Reason: r.Reason, Body: string(r.Body), ReceivedAt: r.ReceivedAt}
	}
	return rows
}
