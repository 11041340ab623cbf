package deployer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/promotion"
)

var errMoved = errors.New("moved")

// desk is what several deployers share: a trunk, a ledger, one stage.
type desk struct {
	t       *testing.T
	mu      sync.Mutex
	trunk   []string // the newest last
	entries []promotion.Entry
	away    bool // the ledger
	running string
	came    time.Time
	work    int // drivers that are at work
	deploys []string
	pending map[string]bool          // commits that never become ready
	takes   map[string]time.Duration // how long a driver's call takes
	firing  bool
}

func newDesk(t *testing.T) *desk {
	return &desk{t: t, trunk: []string{"one"}, running: "one", pending: map[string]bool{}, takes: map[string]time.Duration{}}
}

func (d *desk) deployer(holder string) *Deployer {
	return New(Options{
		Service: promotion.Service{Name: "shop", Stages: []promotion.Stage{{
			Name: "staging", Timeout: 10 * time.Minute, Bake: &promotion.Bake{For: 5 * time.Minute, GiveUp: time.Hour}, Alarms: []string{"up"},
		}}},
		Holder: holder, Repo: d, Ledger: d, Moved: errMoved, Stages: map[string]Stage{"staging": (*stage)(d)},
		Alarms: map[string][]Alarm{"staging": {{Name: "up", Read: d.alarm}}},
		Now:    time.Now, Poll: 5 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
}

func (d *desk) alarm(context.Context) (promotion.Alarm, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.firing {
		return promotion.Alarm{State: promotion.Firing}, nil
	}
	return promotion.Alarm{State: promotion.Quiet}, nil
}

func (d *desk) Fetch(context.Context) error { return nil }

func (d *desk) Trunk(context.Context) ([]promotion.Commit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []promotion.Commit
	for i, id := range d.trunk {
		list = append(list, promotion.Commit{ID: id, OnTrunk: promotion.Yes, Back: len(d.trunk) - 1 - i})
	}
	return list, nil
}

func (d *desk) Commit(_ context.Context, id string) (promotion.Commit, error) {
	return promotion.Commit{}, fmt.Errorf("no commit %q", id)
}

func (d *desk) IsAncestor(_ context.Context, a, b string) (promotion.Known, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.Index(strings.Join(d.trunk, " "), a) <= strings.Index(strings.Join(d.trunk, " "), b) {
		return promotion.Yes, nil
	}
	return promotion.No, nil
}

func (d *desk) Entries(context.Context) ([]promotion.Entry, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return nil, "", errors.New("the ledger is away")
	}
	return append([]promotion.Entry(nil), d.entries...), fmt.Sprint(len(d.entries)), nil
}

func (d *desk) Append(_ context.Context, tip string, e promotion.Entry) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.away:
		return "", errors.New("the ledger is away")
	case tip != fmt.Sprint(len(d.entries)):
		return "", errMoved
	}
	e.Seq = len(d.entries) + 1
	e.ID = fmt.Sprint(e.Seq)
	d.entries = append(d.entries, e)
	return e.ID, nil
}

// stage is the driver: a deploy takes its time, and sees to it that nobody
// else is at work.
type stage desk

func (s *stage) Running(context.Context) (driver.Running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return driver.Running{Commit: s.running, Since: s.came, Mixed: s.work > 0}, nil
}

func (s *stage) Deploy(ctx context.Context, r driver.Release) error {
	s.mu.Lock()
	if s.work++; s.work > 1 {
		s.t.Errorf("%d are at work in %s at once", s.work, r.Stage)
	}
	s.deploys = append(s.deploys, r.Commit)
	takes := s.takes[r.Commit]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.work--
		s.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(takes):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.came = r.Commit, time.Now()
	return nil
}

func (s *stage) Rollback(ctx context.Context, r driver.Release) error { return s.Deploy(ctx, r) }

func (s *stage) Ready(_ context.Context, r driver.Release) (driver.Progress, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running != r.Commit:
		return driver.Progress{State: driver.Failed, Detail: "something else runs"}, nil
	case s.pending[r.Commit]:
		return driver.Progress{State: driver.Pending}, nil
	}
	return driver.Progress{State: driver.Ready}, nil
}

func (d *desk) runs(want string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != want || d.work != 0 {
		d.t.Errorf("%s runs and %d are at work, want %s\ndeploys: %v\nledger: %+v", d.running, d.work, want, d.deploys, d.entries)
	}
}

func (d *desk) history() promotion.History {
	d.mu.Lock()
	defer d.mu.Unlock()
	return promotion.HistoryOf(d.entries, "staging", time.Now())
}

// TestAStoppedDeployIsContinued: at the end of its context a deployer leaves
// what is not ready yet to the next one, which goes on with it.
func TestAStoppedDeployIsContinued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk = append(d.trunk, "two")
		d.pending["two"], d.takes["two"] = true, 20*time.Second
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := d.deployer("desk").Run(ctx, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if h := d.history(); h.Flight == nil || h.Flight.Commit != "two" {
			t.Fatalf("%+v", h)
		}
		d.pending = map[string]bool{}
		// Another one has no business there until the time of the first is over.
		if p, err := d.deployer("other").Once(t.Context()); err != nil || p.Stages[0].Do != promotion.Busy {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err := d.deployer("desk").Once(t.Context()); err != nil || p.Stages[0].Do != promotion.Continue {
			t.Errorf("%+v, %v", p, err)
		}
		d.runs("two")
		if h := d.history(); h.Flight != nil || h.Now != "two" {
			t.Errorf("%+v", h)
		}
	})
}

// TestAStopIsNoAbort: a driver's call that is under way is waited for.
func TestAStopIsNoAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk, d.takes["two"] = append(d.trunk, "two"), 3*time.Minute
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if err := d.deployer("desk").Run(ctx, time.Minute); err != nil {
			t.Fatal(err)
		}
		d.runs("two")
	})
}

// TestWhatIsNotReadyInTimeIsRolledBack and held.
func TestWhatIsNotReadyInTimeIsRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk, d.pending["two"] = append(d.trunk, "two"), true
		began := time.Now()
		if _, err := d.deployer("desk").Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.runs("one")
		if took := time.Since(began); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("took %s", took)
		}
		h := d.history()
		if _, bad := h.Rejected["two"]; !bad || h.Hold == nil {
			t.Errorf("%+v", h)
		}
	})
}

// TestAlarmsEndADeployThatIsUnderWay: it is cancelled, its driver waited for,
// and what ran before brought back.
func TestAlarmsEndADeployThatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk, d.takes["two"] = append(d.trunk, "two"), 8*time.Minute
		time.AfterFunc(2*time.Minute, func() { d.mu.Lock(); d.firing = true; d.mu.Unlock() })
		began := time.Now()
		if _, err := d.deployer("desk").Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 3*time.Minute {
			t.Errorf("took %s", took)
		}
		d.runs("one")
	})
}

// TestTwoDeployers run side by side for two hours, while commits land: never
// are both at work in the stage, and every deploy is begun by one of them.
func TestTwoDeployers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Hour)
		defer stop()
		var wg sync.WaitGroup
		for _, holder := range []string{"desk", "other"} {
			wg.Go(func() { _ = d.deployer(holder).Run(ctx, time.Minute) })
		}
		for i := range 12 {
			time.Sleep(9 * time.Minute)
			d.mu.Lock()
			id := fmt.Sprintf("n%02d", i)
			d.trunk, d.takes[id] = append(d.trunk, id), time.Duration(i%3)*time.Minute
			d.mu.Unlock()
		}
		wg.Wait()
		d.runs("n11")
		if len(d.deploys) != 12 {
			t.Errorf("deploys: %v", d.deploys)
		}
	})
}

// TestARollbackIsHandedToWhoIsAtWork: somebody rolls back while another
// deployer deploys; that one stops, and brings back what ran before.
func TestARollbackIsHandedToWhoIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk, d.takes["two"] = append(d.trunk, "two"), 9*time.Minute
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Minute)
		defer stop()
		var wg sync.WaitGroup
		wg.Go(func() { _ = d.deployer("desk").Run(ctx, time.Minute) })
		time.Sleep(90 * time.Second)
		person := d.deployer("laptop")
		e, err := person.Rollback(t.Context(), "staging", "", "ada", "it smells")
		if err != nil || e.Commit != "one" || e.From != "two" {
			t.Fatalf("%+v, %v", e, err)
		}
		if h := d.history(); h.Flight == nil || h.Flight.Holder != "desk" || !h.Flight.Rollback {
			t.Errorf("%+v", h.Flight)
		}
		if _, err := person.Follow(t.Context(), "staging"); err != nil {
			t.Error(err)
		}
		d.runs("one")
		stop()
		wg.Wait()
	})
}

// TestARollbackOfOneWhoIsGone is taken over once its time is up.
func TestARollbackOfOneWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk, d.running = append(d.trunk, "two"), "two"
		d.entries = []promotion.Entry{{
			Seq: 1, ID: "1", At: time.Now(), Kind: promotion.EntryBegin, Stage: "staging", Commit: "two", From: "one",
			Holder: "gone", Until: time.Now().Add(10 * time.Minute),
		}}
		person := d.deployer("laptop")
		if _, err := person.Rollback(t.Context(), "staging", "", "ada", "it smells"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := person.Follow(t.Context(), "staging"); err != nil {
			t.Fatal(err)
		}
		d.runs("one")
		if took := time.Since(began); took < handOver || took > handOver+time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// TestALedgerThatIsAway: nothing is begun without it; the end of a deploy is
// written once it is back.
func TestALedgerThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.trunk, d.takes["two"] = append(d.trunk, "two"), time.Minute
		d.away = true
		if p, err := d.deployer("desk").Once(t.Context()); err != nil || p.Stages[0].Do != promotion.Hold || !strings.Contains(p.Stages[0].Reason, "the ledger is away") || len(d.deploys) != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		d.away = false
		time.AfterFunc(30*time.Second, func() { d.mu.Lock(); d.away = true; d.mu.Unlock() })
		time.AfterFunc(4*time.Minute, func() { d.mu.Lock(); d.away = false; d.mu.Unlock() })
		if _, err := d.deployer("desk").Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.runs("two")
		if h := d.history(); h.Flight != nil || h.Now != "two" {
			t.Errorf("%+v", h)
		}
	})
}
