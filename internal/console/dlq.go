package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

const (
	// DefaultLetters is the length of a list of dead letters where no other is
	// asked for.
	DefaultLetters = 100
	// MaxLetters is the longest list of dead letters.
	MaxLetters = 1000
	// searchDepth bounds how many messages of a queue are looked through for
	// those that were named.
	searchDepth = 20_000
	// abreast is the number of queues that are asked at a time.
	abreast = 8
)

// deadQueues is what the console needs of the queues.
type deadQueues interface {
	// Names lists the dead-letter queues of this installation.
	Names(ctx context.Context) ([]string, error)
	// Open opens one of them.
	Open(ctx context.Context, name string) (DeadQueue, error)
}

// DeadQueue is a dead-letter queue and the way back from it.
type DeadQueue interface {
	queue.Receiver
	// Source is the queue from which its messages came.
	Source(ctx context.Context) (queue.Sender, error)
	// Depth counts the messages that are there and those that are hidden, as
	// far as the queue can tell.
	Depth(ctx context.Context) (visible, hidden int, err error)
	// StartMove begins to send every message back, at most rate a second;
	// with 0 the queue decides.
	StartMove(ctx context.Context, rate int) error
	LastMove(ctx context.Context) (Move, error)
}

// Move is how far the latest redrive of a whole queue has come.
type Move struct {
	Queue   string `json:"queue"`
	Running bool   `json:"running"`
	Moved   int    `json:"moved"`
	ToMove  int    `json:"to_move"`
	Failure string `json:"failure,omitempty"`
}

// deadRows is what the console needs of the database about dead letters.
type deadRows interface {
	// DeadLetterNotes are what workers said of messages.
	DeadLetterNotes(ctx context.Context, queue string, ids []string) ([]jobs.DeadLetter, error)
	// DeadRows lists results that the database refused, the newest first, and
	// counts all of them.
	DeadRows(ctx context.Context, limit int) ([]DeadRow, int, error)
	// DeadRowsByID leaves out those that are not there.
	DeadRowsByID(ctx context.Context, ids []string) ([]DeadRow, error)
	// DropDeadResults deletes rows and counts those that were there.
	DropDeadResults(ctx context.Context, ids []string) (int, error)
}

// DeadRow is a result that the database refused.
type DeadRow struct {
	ID, Reason, Body string
	ReceivedAt       time.Time
}

// DeadDepth is how many dead letters lie in one place.
type DeadDepth struct {
	Queue    string `json:"queue"`
	Messages int    `json:"messages"`
	// Hidden ones are being looked at by somebody, or were not released.
	Hidden int `json:"hidden,omitempty"`
}

// DeadLetters is the answer of GET /api/v1/dlq.
type DeadLetters struct {
	Queues  []DeadDepth `json:"queues" nullable:"false"`
	Letters []Letter    `json:"letters" nullable:"false"`
	// More is whether there are letters beyond the limit.
	More bool `json:"more"`
	// Warnings say what is missing in this answer.
	Warnings []string `json:"warnings,omitempty"`
}

// dlq adds the dead letters' part of the API.
func (e *endpoints) dlq() {
	c := e.console
	register(e, operation{
		id: "list-dead-letters", method: http.MethodGet, path: "/dlq", scope: access.FleetRead, tag: "dead letters",
		summary: "List dead letters", description: "Messages that nobody could do, and results that the database refused, the newest first. To look takes nothing away.",
		errors: []int{http.StatusNotFound},
	}, c.listLetters)
	register(e, operation{
		id: "list-moves", method: http.MethodGet, path: "/dlq/moves", scope: access.FleetRead, tag: "dead letters",
		summary: "Follow the redrives of whole queues",
	}, c.listMoves)
	register(e, operation{
		id: "get-dead-letter", method: http.MethodGet, path: "/dlq/{id}", scope: access.FleetRead, tag: "dead letters",
		summary: "Show a dead letter with its body", errors: []int{http.StatusNotFound},
	}, c.showLetter)
	register(e, operation{
		id: "redrive", method: http.MethodPost, path: "/dlq/redrive", scope: access.DLQRedrive, tag: "dead letters",
		summary: "Send dead letters back to where they came from", errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *struct{ Body Chosen }) (*out[Done], error) {
		return c.change(ctx, "redriving dead letters", in.Body, c.redrive)
	})
	register(e, operation{
		id: "discard", method: http.MethodPost, path: "/dlq/discard", scope: access.FleetAdmin, tag: "dead letters",
		summary: "Delete dead letters for good", errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *struct{ Body Chosen }) (*out[Done], error) {
		return c.change(ctx, "discarding dead letters", in.Body, c.discard)
	})
}

// errNoQueue says that a name is not that of a dead-letter queue.
var errNoQueue = errors.New("no such dead-letter queue")

// open opens the dead-letter queue of that name, with "" all of them that have
// messages.
func (c *Console) open(ctx context.Context, name string) (map[string]DeadQueue, []DeadDepth, error) {
	names, err := c.o.DeadQueues.Names(ctx)
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	if name != "" && !slices.Contains(names, name) {
		return nil, nil, fmt.Errorf("%w: %q; there are %s and %s", errNoQueue, name, strings.Join(names, ", "), RowQueue)
	}
	opened := map[string]DeadQueue{}
	depths := make([]DeadDepth, len(names))
	var mu sync.Mutex
	err = each(names, func(i int, n string) error {
		q, err := c.o.DeadQueues.Open(ctx, n)
		if err != nil {
			return err
		}
		visible, hidden, err := q.Depth(ctx)
		if err != nil {
			return err
		}
		depths[i] = DeadDepth{Queue: n, Messages: visible, Hidden: hidden}
		if n == name || name == "" && visible > 0 {
			mu.Lock()
			defer mu.Unlock()
			opened[n] = q
		}
		return nil
	})
	return opened, depths, err
}

// each calls do for every name, some at a time, and joins their errors.
func each(names []string, do func(i int, name string) error) error {
	errs := make([]error, len(names))
	places := make(chan struct{}, abreast)
	var all sync.WaitGroup
	for i, name := range names {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			errs[i] = do(i, name)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// scan looks through every queue of a set; look is called by one at a time.
func scan(ctx context.Context, queues map[string]DeadQueue, most int, look func(name string, q DeadQueue, m queue.Message) (remove, more bool)) (map[string]queue.Scanned, error) {
	names := make([]string, 0, len(queues))
	for name := range queues {
		names = append(names, name)
	}
	slices.Sort(names)
	var mu sync.Mutex
	found := map[string]queue.Scanned{}
	err := each(names, func(_ int, name string) error {
		q := queues[name]
		s, err := queue.Scan(ctx, q, most, func(m queue.Message) (remove, more bool) {
			mu.Lock()
			defer mu.Unlock()
			return look(name, q, m)
		})
		mu.Lock()
		defer mu.Unlock()
		found[name] = s
		if err != nil {
			return fmt.Errorf("looking through queue %q: %w", name, err)
		}
		return nil
	})
	return found, err
}

type listLettersInput struct {
	Queue string `query:"queue" doc:"Only of this dead-letter queue, or of dead_results."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

func (c *Console) listLetters(ctx context.Context, in *listLettersInput) (*out[DeadLetters], error) {
	found, err := c.letters(ctx, in.Queue, in.Limit)
	if err != nil {
		return nil, c.dlqFailed("looking through the dead letters", err)
	}
	return answer(found), nil
}

// letters lists dead letters of one place, or of all with "".
func (c *Console) letters(ctx context.Context, place string, limit int) (DeadLetters, error) {
	out := DeadLetters{Letters: []Letter{}}
	var queues map[string]DeadQueue
	if place != RowQueue {
		var err error
		if queues, out.Queues, err = c.open(ctx, place); err != nil {
			return out, err
		}
	}
	scanned, err := scan(ctx, queues, limit, func(name string, _ DeadQueue, m queue.Message) (remove, more bool) {
		out.Letters = append(out.Letters, c.letter(name, m))
		return false, true
	})
	if err != nil {
		return out, err
	}
	for _, s := range scanned {
		out.More = out.More || s.More
	}
	if err := c.addNotes(ctx, out.Letters); err != nil {
		c.o.Logger.Error("reading the notes of dead letters", "err", err)
		out.Warnings = append(out.Warnings, "what workers said of these messages cannot be read from the database; reasons are guessed from the messages alone")
	}
	if place == "" || place == RowQueue {
		c.addRows(ctx, &out, min(limit, rowsAtOnce))
	}
	slices.SortFunc(out.Letters, func(a, b Letter) int {
		if d := b.SentAt.Compare(a.SentAt); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	if len(out.Letters) > limit {
		out.Letters, out.More = out.Letters[:limit], true
	}
	return out, nil
}

// addRows adds results that the database refused.
func (c *Console) addRows(ctx context.Context, out *DeadLetters, limit int) {
	rows, total, err := c.o.DeadRows.DeadRows(ctx, limit)
	if err != nil {
		c.o.Logger.Error("reading dead results", "err", err)
		out.Warnings = append(out.Warnings, "results that the database refused cannot be read from it")
		return
	}
	out.Queues = append(out.Queues, DeadDepth{Queue: RowQueue, Messages: total})
	for _, row := range rows {
		out.Letters = append(out.Letters, c.rowLetter(row))
	}
	out.More = out.More || total > len(rows)
}

// addNotes adds what workers said of the messages.
func (c *Console) addNotes(ctx context.Context, letters []Letter) error {
	ids := map[string][]string{} // by the queue that workers know
	for _, l := range letters {
		source := strings.TrimSuffix(l.Queue, queue.DeadLetterName(""))
		ids[source] = append(ids[source], l.ID)
	}
	for source, of := range ids {
		notes, err := c.o.DeadRows.DeadLetterNotes(ctx, source, of)
		if err != nil {
			return err
		}
		for _, n := range notes {
			for i := range letters {
				if letters[i].ID == n.MessageID && letters[i].Queue == queue.DeadLetterName(source) {
					letters[i].told(n)
				}
			}
		}
	}
	return nil
}

func (c *Console) showLetter(ctx context.Context, in *struct {
	ID    string `path:"id" maxLength:"100"`
	Queue string `query:"queue" doc:"Where it lies; looked for everywhere where it is absent."`
},
) (*out[*Letter], error) {
	found, err := c.find(ctx, in.Queue, in.ID)
	if err != nil {
		return nil, c.dlqFailed("looking for a dead letter", err)
	}
	if found == nil {
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no dead letter %.100q now; it may have been redriven or discarded, or somebody is looking at it", in.ID))
	}
	return answer(found), nil
}

// find is the letter with that id, nil where there is none.
func (c *Console) find(ctx context.Context, place, id string) (*Letter, error) {
	if isRow(id) {
		rows, err := c.o.DeadRows.DeadRowsByID(ctx, []string{id})
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		l := c.rowLetter(rows[0])
		l.Body = rows[0].Body
		return &l, nil
	}
	queues, _, err := c.open(ctx, place)
	if err != nil {
		return nil, err
	}
	var found []Letter
	_, err = scan(ctx, queues, searchDepth, func(name string, _ DeadQueue, m queue.Message) (remove, more bool) {
		if m.ID == id {
			l := c.letter(name, m)
			l.Body, l.Attributes = m.Body, m.Attributes
			found = append(found, l)
		}
		return false, len(found) == 0
	})
	if len(found) == 0 {
		return nil, err
	}
	if err := c.addNotes(ctx, found); err != nil {
		c.o.Logger.Error("reading the notes of dead letters", "err", err)
	}
	return &found[0], nil
}

// isRow tells the id of a row, a SHA-256, from that of a message.
func isRow(id string) bool {
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}

// Moves is the answer of GET /api/v1/dlq/moves.
type Moves struct {
	Moves []Move `json:"moves" nullable:"false"`
}

func (c *Console) listMoves(ctx context.Context, _ *struct{}) (*out[Moves], error) {
	names, err := c.o.DeadQueues.Names(ctx)
	if err != nil {
		return nil, c.dlqFailed("looking for redrives", err)
	}
	slices.Sort(names)
	moves := make([]Move, len(names))
	err = each(names, func(i int, name string) error {
		q, err := c.o.DeadQueues.Open(ctx, name)
		if err != nil {
			return err
		}
		moves[i], err = q.LastMove(ctx)
		moves[i].Queue = name
		return err
	})
	if err != nil {
		return nil, c.dlqFailed("looking for redrives", err)
	}
	return answer(Moves{moves}), nil
}

// dlqFailed reports an error of the queues.
func (c *Console) dlqFailed(doing string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return c.failed(doing, err)
	case errors.Is(err, errNoQueue):
		return newProblem(http.StatusNotFound, err.Error())
	}
	c.o.Logger.Error(doing, "err", err)
	return newProblem(http.StatusServiceUnavailable, fmt.Sprintf("%s did not succeed: %v", doing, err))
}
