package chaos

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/scheduler"
	"github.com/probefleet/probefleet/internal/worker"
)

const (
	// storm is how long outages and deaths happen, calm how long the schedule goes on
	// after that, drain how long what is left may take.
	storm = time.Minute
	calm  = 30 * time.Second
	drain = 30 * time.Minute

	location = "sim"
	// simChecks is the number of checks of a simulation.
	simChecks = 64
)

// Simulation is one run of the fleet in simulated time.
type Simulation struct {
	Account
	// IDs are the job ids of the rows of the storm's slots, and Faults what
	// their messages met when they were first sent, both in order: the same
	// in every run of the seed.
	IDs, Faults []string
	// Kills counts the lives that were killed.
	Kills int
}

// fleet is two schedulers, two workers and two recorders between two queues
// and a database, all of them in one simulated process space.
type fleet struct {
	plan    Plan
	mutant  Mutant
	ledger  *Ledger
	db      *Memory
	unsure  Faulty
	jobs    queuetest.Queue
	results queuetest.Queue
	all     sync.WaitGroup

	heads sync.Map // body → its *codec.Header, nil where there is none

	mu     sync.Mutex
	nth    map[string]int
	faults []string
	kills  int

	workerMetrics   *worker.Metrics
	recorderMetrics *recorder.Metrics
	queueMetrics    *queue.Metrics
}

// Simulate runs scheduler → queue → worker → queue → recorder through a storm
// of the seed's faults: requests that are dropped, executed and then reported
// as lost, delivered twice and out of order; outages of queues and database;
// processes that are killed, stopped and started again. Then it lets the fleet
// drain and accounts for everything. It must be called in a synctest bubble.
func Simulate(ctx context.Context, seed uint64, mutant Mutant) Simulation {
	from := time.Now()
	f := &fleet{
		plan:   Plan{Seed: seed, From: from, To: from.Add(storm)},
		mutant: mutant, ledger: NewLedger(), nth: map[string]int{},
		workerMetrics: worker.NewMetrics(nil), recorderMetrics: recorder.NewMetrics(nil), queueMetrics: queue.NewMetrics(nil),
	}
	checks := simulatedChecks(f.plan)
	f.db = NewMemory(checks)
	f.unsure = Faulty{Database: f.db, Fault: func(call string) (error, bool) {
		if down, after := f.plan.outage("database", 0.3); down {
			return fmt.Errorf("%s: %w", call, ErrInjected), after
		}
		return nil, false
	}}
	mutant.database(f.db, &f.unsure)
	f.queue(&f.jobs, "jobs")
	f.queue(&f.results, "results")

	ctx, end := context.WithCancel(ctx)
	for i := range 2 {
		f.lives(ctx, "scheduler", i, f.scheduler)
		f.lives(ctx, "worker", i, f.worker)
		f.lives(ctx, "recorder", i, f.recorder)
	}
	wait(ctx, storm+calm)
	f.db.SetChecks(nil)
	// A job that was delivered twice may still run when its message is gone.
	for left, quiet := drain, 0; left > 0 && quiet < 10; left -= time.Second {
		wait(ctx, time.Second)
		if quiet++; !f.jobs.Empty() || !f.results.Empty() {
			quiet = 0
		}
	}
	end()
	f.all.Wait()
	return f.account(checks, from)
}

func (f *fleet) account(checks []check.Check, from time.Time) Simulation {
	rows, counted := f.db.Rows()
	e := Ends{Counted: counted}
	for _, c := range checks {
		// What was due in the last moments may have come after the last look.
		for slot := range schedule.Slots(c.ID, location, c.Every, from, from.Add(storm)) {
			e.Expected = append(e.Expected, jobs.AttemptID(c.ID, location, slot, 1))
		}
	}
	for _, r := range rows {
		e.Rows = append(e.Rows, r.JobID)
	}
	slices.Sort(e.Rows)
	for _, q := range []*queuetest.Queue{&f.jobs, &f.results} {
		for _, m := range q.Dead() {
			e.Dead = append(e.Dead, m.Body)
		}
		visible, hidden := q.Len()
		for range visible + hidden {
			e.Waiting = append(e.Waiting, "")
		}
	}
	slices.Sort(f.faults)
	slices.Sort(e.Expected)
	due := func(entry string) bool {
		_, ok := slices.BinarySearch(e.Expected, entry[:len(e.Expected[0])])
		return ok
	}
	others := func(entry string) bool { return !due(entry) }
	return Simulation{
		Account: f.ledger.Reconcile(e), Kills: f.kills,
		IDs: slices.DeleteFunc(slices.Clone(e.Rows), others), Faults: slices.DeleteFunc(f.faults, others),
	}
}

func simulatedChecks(p Plan) []check.Check {
	var checks []check.Check
	for i := range simChecks {
		// Long enough for the slots to outlive a failover and an outage: what
		// is too late is rightly not run.
		every := []time.Duration{time.Minute, 75 * time.Second, 90 * time.Second}[int(p.Draw("every", i)*3)]
		checks = append(checks, check.Check{
			ID: fmt.Sprintf("c%d", i), Name: "simulated", Every: every, Timeout: 5 * time.Second,
			Locations: []string{location}, Active: true,
			Spec: &check.API{Steps: []check.APIStep{{Request: check.Request{Method: "GET", URL: "http://target.invalid/"}}}},
		})
	}
	return checks
}

// next counts how often what was asked about.
func (f *fleet) next(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nth[what]++
	return f.nth[what]
}

// head is codec's header of a message, nil where it has none. A simulation asks
// for each a dozen times.
func (f *fleet) head(body string) *codec.Header {
	if h, ok := f.heads.Load(body); ok {
		return h.(*codec.Header)
	}
	var known *codec.Header
	if h, err := codec.Peek([]byte(body)); err == nil {
		known = &h
	}
	f.heads.Store(body, known)
	return known
}

// queue gives q its faults: outages by time, entries by the job's id.
func (f *fleet) queue(q *queuetest.Queue, name string) {
	q.MaxReceives = 10
	q.OnAccept = func(m queue.Outgoing) { f.ledger.Accept(m.Body) }
	q.Faults = queuetest.Faults{
		Call: func(op queuetest.Op) queuetest.Fault {
			if down, after := f.plan.outage(name+" "+string(op), 0.15); down {
				return queuetest.Fault{Err: ErrInjected, After: after}
			}
			return queuetest.Fault{}
		},
		Entry: func(op queuetest.Op, body string) queuetest.Fault {
			h := f.head(body)
			if h == nil {
				return queuetest.Fault{}
			}
			what := name + " " + string(op) + " " + h.ID
			n := f.next(what)
			if op == queuetest.Receive {
				return queuetest.Fault{Twice: n <= faultyTries && f.plan.Draw(what, n) < 0.1}
			}
			fault := f.plan.entry(what, n, 0.1)
			if op == queuetest.Send && n == 1 {
				f.mu.Lock()
				f.faults = append(f.faults, fmt.Sprint(h.ID, fault.Err, fault.After))
				f.mu.Unlock()
			}
			return fault
		},
	}
}

// shuffled delays messages by the plan, so that they arrive in another order.
type shuffled struct {
	queue.Sender
	f *fleet
}

func (s shuffled) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	ms = slices.Clone(ms)
	for i, m := range ms {
		if h := s.f.head(m.Body); h != nil && s.f.plan.Draw("shuffle "+h.Type+h.ID, 0) < 0.3 {
			ms[i].Delay = s.f.plan.Span("delay "+h.Type+h.ID, 0, time.Second, 5*time.Second).Truncate(time.Second)
		}
	}
	return s.Sender.SendBatch(ctx, ms)
}

// lives runs a process again and again until ctx ends. During the storm each
// life ends by the plan, killed or stopped, or is killed in the middle of what
// it does; the last one goes on.
func (f *fleet) lives(ctx context.Context, name string, number int, run func(l *life, name string)) {
	f.all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			who := fmt.Sprintf("%s %d", name, number)
			l := newLife(ctx)
			f.all.Go(func() { run(l, who+f.lifeMark(who)+fmt.Sprint(n)) })
			span := f.plan.Span(who+" life", n, 3*time.Second, 25*time.Second)
			kill := f.plan.Draw(who+" death", n) < 0.5
			if name == "scheduler" && f.lifeMark(who) != heirs {
				// A lease outlives an owner without heirs: with many deaths a shard
				// would rightly stay without a scheduler until slots are too late.
				span, kill = 20*time.Second+time.Duration(number)*30*time.Second, n == 0 && number == 0 && kill
			}
			if f.plan.From.Add(storm).Before(time.Now().Add(span)) {
				// The last one, unless something kills it.
				span, kill = storm+calm+drain, false
			}
			wait(l.ctx, span)
			if kill && l.ctx.Err() == nil {
				f.killed(l)
			}
			l.stop()
			wait(ctx, f.plan.Span(who+" gap", n, 0, 2*time.Second))
		}
	})
}

// heirs stands between the name of a process and the number of its life where
// a life takes over what the one before held.
const heirs = "/"

// lifeMark is heirs for half of all processes.
func (f *fleet) lifeMark(who string) string {
	if f.plan.Draw(who+" heirs", 0) < 0.5 {
		return heirs
	}
	return "."
}

func (f *fleet) scheduler(l *life, name string) {
	s := scheduler.New(scheduler.Options{
		Store: Faulty{Database: f.unsure, Fault: l.fault}, Owner: name, Logger: discard,
		Open: func(context.Context, string, jobs.Class) (queue.Sender, error) {
			return f.mutant.sender(sender{l, shuffled{&f.jobs, f}}), nil
		},
	})
	_ = s.Run(l.ctx) // it has no error but a database that is away at the end
}

func (f *fleet) worker(l *life, name string) {
	w := worker.New(worker.Options{
		Location: location, Identity: jobs.Worker{ID: name},
		Lanes: map[jobs.Class]worker.Lane{jobs.ClassAPI: {
			Queue: "jobs", Slots: 4, Receiver: f.mutant.receiver(receiver{l, &f.jobs}, EarlyAckWorker),
		}},
		Runner: f, Results: queue.NewBatcher(sender{l, shuffled{&f.results, f}}, 0),
		Visibility: 5 * time.Second, DrainBudget: 2 * time.Second,
		Metrics: f.workerMetrics, Queues: f.queueMetrics,
	})
	_ = w.Run(l.ctx) // its error is about bad options
}

func (f *fleet) recorder(l *life, name string) {
	db := Faulty{Database: f.unsure, Fault: func(call string) (error, bool) {
		if err, after := l.fault(call); err != nil || call != "record" || !f.plan.stormy() {
			return err, after
		}
		return f.cut(l, name)
	}}
	db.Cut = func(results []jobs.Result) {
		if f.unsure.Cut != nil && !l.dead.Load() {
			f.unsure.Cut(results)
		}
	}
	r := recorder.New(recorder.Options{
		Store: db,
		Queue: "results", Receiver: f.mutant.receiver(receiver{l, &f.results}, EarlyAckRecorder), Slots: 20,
		Visibility: 5 * time.Second, DrainBudget: 2 * time.Second,
		Metrics: f.recorderMetrics, Queues: f.queueMetrics,
	})
	_ = r.Run(l.ctx) // its error is about bad options
}

// cut is what happens to one transaction of a recorder: now and then its
// answer is cut off, or the process dies before or after it.
func (f *fleet) cut(l *life, name string) (err error, after bool) {
	what := name + " record"
	n := f.next(what)
	switch d := f.plan.Draw(what, n); {
	case d < 0.2:
		f.killed(l)
		return errKilled, d < 0.1
	case d < 0.35:
		return ErrInjected, true
	}
	return nil, false
}

func (f *fleet) killed(l *life) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kills++
	l.kill()
}

// Run is the runner of the simulated workers: it takes its time, and now and
// then cannot look, or has a defect.
func (f *fleet) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	n := f.next("run " + j.ID)
	if n <= faultyTries {
		switch d := f.plan.Draw("run "+j.ID, n); {
		case d < 0.05:
			return jobs.Result{}, ErrInjected
		case d < 0.07:
			panic("a defect on purpose")
		}
	}
	wait(ctx, f.plan.Span("takes "+j.ID, n, 10*time.Millisecond, 3*time.Second))
	if ctx.Err() != nil {
		return jobs.Result{}, context.Cause(ctx)
	}
	res := jobs.ResultFor(j)
	res.Conclude()
	return res, nil
}

// wait waits for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
