package chaos

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/probefleet/probefleet/internal/codec"
)

// Ledger follows every job from its acceptance by a queue to where it ends:
// a row, a dead letter, or a message that still waits.
type Ledger struct {
	mu       sync.Mutex
	accepted map[string]int // job id → sends that a jobs queue took
	results  map[string]int // job id → results that the results queue took
}

// NewLedger is an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{accepted: map[string]int{}, results: map[string]int{}}
}

// Accept notes a message that a queue has taken. What codec cannot read is not
// of the fleet and is not noted.
func (l *Ledger) Accept(body string) {
	h, err := codec.Peek([]byte(body))
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch h.Type {
	case codec.TypeJob:
		l.accepted[h.ID]++
	case codec.TypeResult:
		l.results[h.ID]++
	}
}

// Accepted is the number of different jobs that were taken.
func (l *Ledger) Accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// Ends is where jobs were found at the end.
type Ends struct {
	// Expected are the ids of the first attempts of every slot that was due.
	Expected []string
	// Rows are the job ids of stored attempts, one entry a row; Counted is
	// what the rollups say of them, and below 0 where nobody asked.
	Rows    []string
	Counted int
	// Dead are the bodies of dead letters, Waiting those that still lie in a
	// queue.
	Dead, Waiting []string
}

// Account is the ledger's balance.
type Account struct {
	Expected, Accepted, Rows, Dead, Waiting int
	// Lost were accepted and are nowhere; Unsent were due and never accepted;
	// Twice are stored more than once; Strange are stored and were never
	// accepted. Each holds job ids.
	Lost, Unsent, Twice, Strange []string
	// Miscounted is what the rollups say beyond the rows.
	Miscounted int
}

// Reconcile accounts for every slot and every accepted job.
func (l *Ledger) Reconcile(e Ends) Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := Account{Expected: len(e.Expected), Accepted: len(l.accepted), Rows: len(e.Rows), Dead: len(e.Dead), Waiting: len(e.Waiting)}
	rows := map[string]int{}
	for _, id := range e.Rows {
		if rows[id]++; rows[id] == 2 {
			a.Twice = append(a.Twice, id)
		}
		if l.accepted[id] == 0 && rows[id] == 1 {
			a.Strange = append(a.Strange, id)
		}
	}
	kept := map[string]bool{}
	for _, body := range slices.Concat(e.Dead, e.Waiting) {
		if h, err := codec.Peek([]byte(body)); err == nil {
			kept[h.ID] = true
		}
	}
	for id := range l.accepted {
		if rows[id] == 0 && !kept[id] {
			a.Lost = append(a.Lost, id)
		}
	}
	for _, id := range e.Expected {
		if l.accepted[id] == 0 {
			a.Unsent = append(a.Unsent, id)
		}
	}
	if e.Counted >= 0 {
		a.Miscounted = e.Counted - len(e.Rows)
	}
	slices.Sort(a.Lost)
	return a
}

// Violations are what must not be, in words; none where all is well. Messages
// that wait at the end of a drained fleet are one.
func (a Account) Violations() []string {
	var vs []string
	add := func(n int, what string, ids []string) {
		if n == 0 {
			return
		}
		v := fmt.Sprintf("%d %s", n, what)
		if len(ids) > 0 {
			v += ": " + strings.Join(ids[:min(3, len(ids))], " ")
		}
		vs = append(vs, v)
	}
	add(len(a.Lost), "accepted jobs are lost", a.Lost)
	add(len(a.Unsent), "slots were due and never sent", a.Unsent)
	add(len(a.Twice), "attempts are stored twice", a.Twice)
	add(len(a.Strange), "rows are of jobs that no queue accepted", a.Strange)
	add(a.Waiting, "messages still wait", nil)
	add(a.Miscounted, "more attempts counted than stored", nil)
	return vs
}
