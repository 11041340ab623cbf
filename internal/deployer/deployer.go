// Package deployer rolls a service forward, stage by stage: it observes, has
// promotion decide, and carries out what was decided. It owns how observations
// are gathered (what cannot be seen becomes a gap, never good news), the order
// of writing into the ledger and acting, and deploys that are under way. It
// keeps nothing that a restart would miss. It refuses to decide anything, and
// names no technology: git, drivers and evidence are handed in.
package deployer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/promotion"
)

// repository is where commits are.
type repository interface {
	Fetch(ctx context.Context) error
	// Trunk lists the newest commits of the trunk, Commit any one.
	Trunk(ctx context.Context) ([]promotion.Commit, error)
	Commit(ctx context.Context, id string) (promotion.Commit, error)
	IsAncestor(ctx context.Context, ancestor, descendant string) (promotion.Known, error)
}

// ledger is what was done and said.
type ledger interface {
	Entries(ctx context.Context) (entries []promotion.Entry, tip string, err error)
	// Append writes behind the tip and answers the new one. Its error is that
	// of Options.Moved where the tip is another one by now.
	Append(ctx context.Context, tip string, e promotion.Entry) (string, error)
}

// Stage drives a stage. Deploy and Rollback may be called again for the same
// release, after they were interrupted too, and then go on; they return when
// the release is there or on its way, which Ready tells.
type Stage interface {
	Running(ctx context.Context) (driver.Running, error)
	Deploy(ctx context.Context, r driver.Release) error
	Rollback(ctx context.Context, r driver.Release) error
	Ready(ctx context.Context, r driver.Release) (driver.Progress, error)
}

// Alarm is one source of alarms; what it reads needs neither stage nor name.
type Alarm struct {
	Name string
	Read func(ctx context.Context) (promotion.Alarm, error)
}

// Options are what a Deployer is made of.
type Options struct {
	Service promotion.Service
	// Holder names this deployer among all that may see to the service; one
	// that is started again under its name goes on with what it had begun.
	Holder string
	Repo   repository
	Ledger ledger
	// Moved is the error of a ledger that somebody else has written into.
	Moved error
	// Stages and Alarms are by the name of the stage.
	Stages map[string]Stage
	Alarms map[string][]Alarm
	// Image says what runs for a commit; nil where drivers need no images.
	Image func(ctx context.Context, commit string) (string, error)
	// Build, Incidents and Checks are asked where a gate or a bake needs them.
	Build     func(ctx context.Context, commit string) (promotion.CI, error)
	Incidents func(ctx context.Context) (promotion.OpenIncidents, error)
	Checks    func(ctx context.Context, tags []string, from, now time.Time) ([]promotion.CheckRuns, error)
	// Shadow is asked what shadow runs of a commit's build say for a stage.
	Shadow func(ctx context.Context, stage, commit string, now time.Time) (promotion.ShadowRuns, error)
	Now    func() time.Time
	// Poll is how often a deploy that is under way is looked at.
	Poll   time.Duration
	Logger *slog.Logger
}

// Deployer sees to one service. Its methods are for one goroutine; deploys have
// their own.
type Deployer struct {
	o       Options
	flights map[string]*flight // by stage
	said    map[string]string  // what was logged last, by stage
	wg      sync.WaitGroup
	// only is the stage that rounds see to, "" for all; want is the commit
	// that it should take.
	only, want string
	ended      func(stage string, rollback bool, outcome promotion.Outcome)
}

// New makes a Deployer.
func New(o Options) *Deployer {
	return &Deployer{o: o, flights: map[string]*flight{}, said: map[string]string{}}
}

// Ended has f told of every deploy that is over, from any goroutine.
func (d *Deployer) Ended(f func(stage string, rollback bool, outcome promotion.Outcome)) { d.ended = f }

// Plan observes and decides; it changes nothing.
func (d *Deployer) Plan(ctx context.Context) (promotion.Plan, promotion.Observations) {
	o, _ := d.Observe(ctx)
	return promotion.Decide(d.o.Service, o), o
}

// Run sees to the service every so often until ctx ends, then waits for the
// driver's calls that are under way, not for deploys to become ready: whoever
// runs next goes on with those.
func (d *Deployer) Run(ctx context.Context, every time.Duration) error {
	defer d.wg.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := d.Round(ctx); err != nil && ctx.Err() == nil {
			d.o.Logger.Error("round failed", "service", d.o.Service.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Once sees to the service until nothing of ours is under way any more, and
// answers the first plan.
func (d *Deployer) Once(ctx context.Context) (promotion.Plan, error) {
	defer d.wg.Wait()
	first, err := d.Round(ctx)
	for err == nil && d.busy() {
		if err = d.await(ctx); err == nil {
			_, err = d.Round(ctx)
		} else {
			err = fmt.Errorf("stopped while a deploy is under way; the next run goes on with it: %w", err)
		}
	}
	return first, err
}

// Promote sees to one stage as Once does. Where commit is not "", it is that
// one that the stage should take; a stage that does not take it from the trunk
// takes no other than what runs in the stage before.
func (d *Deployer) Promote(ctx context.Context, stage, commit string) (promotion.StagePlan, error) {
	d.only = stage
	if stage == d.o.Service.Stages[0].Name {
		d.want = commit
	}
	plan, o := d.Plan(ctx)
	for _, s := range plan.Stages {
		if s.Stage != stage {
			continue
		}
		if commit != "" && s.Do == promotion.Promote && s.Commit != commit {
			return s, fmt.Errorf("%s could take %s, not %s: it takes what runs in the stage before it", stage, promotion.Short(s.Commit), promotion.Short(commit))
		}
		if s.Do != promotion.Promote && s.Do != promotion.Continue {
			return s, nil
		}
	}
	plan, err := d.Once(ctx)
	for _, s := range plan.Stages {
		if s.Stage == stage {
			return s, err
		}
	}
	return promotion.StagePlan{Stage: stage}, fmt.Errorf("stage %q is none of %q at %s", stage, d.o.Service.Name, o.Now)
}

// busy reports whether a deploy of ours is under way.
func (d *Deployer) busy() bool { return len(d.flights) > 0 }

// lookAgain is how often alarms are looked at while a deploy is awaited.
const lookAgain = 30 * time.Second

// await returns when a deploy of ours has ended, or it is time to look again.
func (d *Deployer) await(ctx context.Context) error {
	for _, f := range d.flights {
		select {
		case <-f.done:
			return nil
		case <-time.After(lookAgain):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Round observes, decides, and carries out what was decided. Deploys that it
// begins go on after it.
func (d *Deployer) Round(ctx context.Context) (promotion.Plan, error) {
	for stage, f := range d.flights {
		select {
		case <-f.done:
			delete(d.flights, stage)
		default:
		}
	}
	o, tip := d.Observe(ctx)
	plan := promotion.Decide(d.o.Service, o)
	for _, s := range plan.Stages {
		d.tell(s)
	}
	for _, s := range plan.Stages {
		// Without the ledger nothing is begun, and nothing given up either.
		if d.only != "" && s.Stage != d.only || !o.LedgerRead {
			continue
		}
		var err error
		if tip, err = d.carryOut(ctx, o, tip, s); errors.Is(err, d.o.Moved) {
			return plan, nil // the next round sees what was written
		} else if err != nil {
			return plan, fmt.Errorf("stage %q of %q: %w", s.Stage, d.o.Service.Name, err)
		}
	}
	return plan, nil
}

// tell logs what is decided about a stage where that has changed.
func (d *Deployer) tell(s promotion.StagePlan) {
	words := fmt.Sprint(s.Do, s.Commit)
	if d.said[s.Stage] == words {
		return
	}
	d.said[s.Stage] = words
	d.o.Logger.Info(string(s.Do), "service", d.o.Service.Name, "stage", s.Stage, "running", promotion.Short(s.Running), "commit", promotion.Short(s.Commit), "reason", s.Reason)
}

// carryOut does what a plan says of a stage and answers the ledger's tip. The
// ledger is written first: what it does not say is not begun.
func (d *Deployer) carryOut(ctx context.Context, o promotion.Observations, tip string, s promotion.StagePlan) (string, error) {
	h := promotion.HistoryOf(o.Entries, s.Stage, o.Now)
	d.leave(s.Stage, h.Flight)
	switch s.Do {
	case promotion.Promote:
		return d.begin(ctx, tip, promotion.Entry{Stage: s.Stage, Commit: s.Commit, From: s.Running, Reason: s.Reason}, h.Flight)
	case promotion.RollBack:
		return d.begin(ctx, tip, promotion.Entry{Stage: s.Stage, Commit: s.Commit, From: leaving(h, s), Reason: s.Reason, Rollback: true}, h.Flight)
	case promotion.Continue:
		if !o.Now.Before(h.Flight.Until) { // nobody's any more: begin it anew, so that it is ours
			e := *h.Flight
			return d.begin(ctx, tip, promotion.Entry{Stage: e.Stage, Commit: e.Commit, From: e.From, Reason: e.Reason, Rollback: e.Rollback}, nil)
		}
		d.start(ctx, *h.Flight)
	}
	return tip, nil
}

// leaving is the commit that a rollback takes out of a stage.
func leaving(h promotion.History, s promotion.StagePlan) string {
	switch {
	case h.Flight != nil && !h.Flight.Rollback:
		return h.Flight.Commit
	case h.Last != nil && h.Last.Begin.Rollback:
		return h.Last.Begin.From
	case h.Last != nil && h.Last.End.Outcome == promotion.Failed:
		return h.Last.Begin.Commit
	case h.Now != "":
		return h.Now
	}
	return s.Running
}

// Follow sees to one stage until nothing is under way there, by whomever.
func (d *Deployer) Follow(ctx context.Context, stage string) (promotion.StagePlan, error) {
	d.only = stage
	defer d.wg.Wait()
	for {
		plan, err := d.Round(ctx)
		if err != nil {
			return promotion.StagePlan{}, err
		}
		for _, s := range plan.Stages {
			if s.Stage == stage && s.Do != promotion.Continue && s.Do != promotion.Busy && !d.busy() {
				return s, nil
			}
		}
		if d.busy() {
			err = d.await(ctx)
		} else {
			err = pause(ctx, d.o.Poll)
		}
		if err != nil {
			return promotion.StagePlan{}, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// handOver is how long a deployer that is at work in a stage has to take a
// rollback over, before another one does.
const handOver = 3 * time.Minute

// begin writes into the ledger that a deploy begins, and starts it. Where
// another deployer is at work there it is handed to that one: two never are.
func (d *Deployer) begin(ctx context.Context, tip string, e promotion.Entry, under *promotion.Entry) (string, error) {
	e.Kind, e.At, e.Holder = promotion.EntryBegin, d.o.Now().UTC(), d.o.Holder
	if e.Actor == "" {
		e.Actor = "deployer " + d.o.Holder
	}
	e.Until = e.At.Add(d.timeout(e.Stage))
	if under != nil && under.Holder != d.o.Holder && e.At.Before(under.Until) {
		e.Holder, e.Until = under.Holder, e.At.Add(handOver)
	}
	id, err := d.o.Ledger.Append(ctx, tip, e)
	if err != nil {
		return tip, err
	}
	e.ID = id
	if d.leave(e.Stage, &e); e.Holder == d.o.Holder {
		d.start(ctx, e)
	}
	return id, nil
}

func (d *Deployer) timeout(stage string) time.Duration {
	for _, s := range d.o.Service.Stages {
		if s.Name == stage {
			return s.Timeout
		}
	}
	return 0
}

// Rollback brings a stage back, because somebody says so. to is "" for what ran
// before. No gate is asked.
func (d *Deployer) Rollback(ctx context.Context, stage, to, actor, reason string) (promotion.Entry, error) {
	o, tip := d.Observe(ctx)
	if !o.LedgerRead {
		return promotion.Entry{}, errors.New("the ledger cannot be read, so that nobody knows whether somebody else is at work; see `plan`")
	}
	h := promotion.HistoryOf(o.Entries, stage, o.Now)
	s := promotion.StagePlan{Stage: stage}
	for _, seen := range o.Stages {
		if seen.Stage == stage {
			s.Running = seen.Commit
		}
	}
	from := leaving(h, s)
	if h.Flight == nil && s.Running != "" {
		from = s.Running
	}
	switch {
	case to == "" && h.Flight != nil && !h.Flight.Rollback:
		to = h.Flight.From
	case to == "" && h.Before != "" && h.Before != from:
		to = h.Before
	case to == "":
		return promotion.Entry{}, fmt.Errorf("the ledger does not say what ran in %s before: name a commit by -to", stage)
	}
	if to == "" {
		return promotion.Entry{}, fmt.Errorf("nothing ran in %s before: name a commit by -to", stage)
	}
	if to == from {
		return promotion.Entry{}, fmt.Errorf("%s runs in %s already: name another commit by -to", promotion.Short(to), stage)
	}
	e := promotion.Entry{Stage: stage, Commit: to, From: from, Actor: actor, Reason: reason, Rollback: true}
	_, err := d.begin(ctx, tip, e, h.Flight)
	return e, err
}

// Write adds an entry of a person: an override, an approval, a hold, a release.
// It tries again where somebody else writes meanwhile.
func (d *Deployer) Write(ctx context.Context, e promotion.Entry) error {
	e.At = d.o.Now().UTC()
	return d.append(ctx, e, func([]promotion.Entry) bool { return true })
}

// append writes an entry behind whatever tip there is, as long as it is still
// wanted after what others wrote.
func (d *Deployer) append(ctx context.Context, e promotion.Entry, wanted func([]promotion.Entry) bool) error {
	const tries = 10
	for range tries {
		if err := d.o.Repo.Fetch(ctx); err != nil {
			return err
		}
		entries, tip, err := d.o.Ledger.Entries(ctx)
		if err != nil {
			return err
		}
		if !wanted(entries) {
			return nil
		}
		if _, err = d.o.Ledger.Append(ctx, tip, e); err == nil || !errors.Is(err, d.o.Moved) {
			return err
		}
	}
	return fmt.Errorf("writing the ledger: others were faster %d times; try again", tries)
}
