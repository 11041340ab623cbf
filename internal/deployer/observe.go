package deployer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/promotion"
)

// Limits of looking.
const (
	lookAtOnce = 8
	lookFor    = time.Minute
)

// gathering is an observation in the making.
type gathering struct {
	d  *Deployer
	mu sync.Mutex
	o  promotion.Observations
}

// Observe looks at everything that a plan needs, and answers it with the
// ledger's tip. It never fails: what could not be seen is absent, and a gap says
// why.
func (d *Deployer) Observe(ctx context.Context) (promotion.Observations, string) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	g := &gathering{d: d, o: promotion.Observations{Now: d.o.Now().UTC(), Holder: d.o.Holder, Want: d.want}}
	if err := d.o.Repo.Fetch(ctx); err != nil {
		// What is here may be old: a newer hold, or a commit that was taken
		// back, may not be in it.
		g.gap(promotion.GateHold, "", "", err)
		g.gap(promotion.GateTrunk, "", "", err)
		return g.o, ""
	}
	entries, tip, err := d.o.Ledger.Entries(ctx)
	if err != nil {
		g.gap(promotion.GateHold, "", "", err)
	} else {
		g.o.LedgerRead, g.o.Entries = true, entries
	}
	g.stages(ctx)
	g.commits(ctx)
	g.evidence(ctx)
	return g.o, tip
}

func (g *gathering) gap(gate promotion.Gate, stage, commit string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.o.Gaps = append(g.o.Gaps, promotion.Gap{Gate: gate, Stage: stage, Commit: commit, Why: err.Error()})
}

// add changes the observations, one goroutine at a time.
func (g *gathering) add(change func(o *promotion.Observations)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.o)
}

// stages asks every driver what runs.
func (g *gathering) stages(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(lookAtOnce)
	for _, s := range g.d.o.Service.Stages {
		group.Go(func() error {
			r, err := g.running(ctx, s.Name)
			if err != nil {
				g.gap(promotion.GateSteady, s.Name, "", err)
				return nil
			}
			g.add(func(o *promotion.Observations) {
				o.Stages = append(o.Stages, promotion.Seen{Stage: s.Name, Commit: r.Commit, Since: r.Since, Mixed: r.Mixed, Detail: r.Detail})
			})
			return nil
		})
	}
	_ = group.Wait() // what failed is a gap
}

func (g *gathering) running(ctx context.Context, stage string) (driver.Running, error) {
	drive, ok := g.d.o.Stages[stage]
	if !ok {
		return driver.Running{}, fmt.Errorf("stage %q has no driver", stage)
	}
	return drive.Running(ctx)
}

// commits asks git of the newest commits and of those that run.
func (g *gathering) commits(ctx context.Context) {
	trunk, err := g.d.o.Repo.Trunk(ctx)
	if err != nil {
		g.gap(promotion.GateTrunk, "", "", err)
	}
	g.o.Commits = trunk
	known := map[string]bool{}
	for _, c := range trunk {
		known[c.ID] = true
	}
	running, more := map[string]string{}, []string{g.o.Want}
	for _, s := range g.o.Stages {
		running[s.Stage] = s.Commit
		more = append(more, s.Commit)
	}
	for _, id := range more {
		if id == "" || known[id] {
			continue
		}
		known[id] = true
		c, err := g.d.o.Repo.Commit(ctx, id)
		if err != nil {
			g.gap(promotion.GateTrunk, "", id, err)
			continue
		}
		g.o.Commits = append(g.o.Commits, c)
	}
	asked := map[[2]string]bool{}
	for i, s := range g.d.o.Service.Stages {
		here := running[s.Name]
		if i == 0 {
			for _, id := range mayCome(g.o, g.d.o.Service, 0) {
				g.ancestry(ctx, asked, here, id)
			}
			continue
		}
		g.ancestry(ctx, asked, here, running[g.d.o.Service.Stages[i-1].Name])
	}
}

// ancestry asks which of two commits contains the other.
func (g *gathering) ancestry(ctx context.Context, asked map[[2]string]bool, a, b string) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		if a == "" || b == "" || a == b || asked[pair] {
			continue
		}
		asked[pair] = true
		is, err := g.d.o.Repo.IsAncestor(ctx, pair[0], pair[1])
		if err != nil {
			g.gap(promotion.GateNewer, "", "", err)
			continue
		}
		g.o.Ancestry = append(g.o.Ancestry, promotion.Ancestry{Ancestor: pair[0], Descendant: pair[1], Is: is})
	}
}

// evidence asks alarms, incidents, builds and checks, at the same time.
func (g *gathering) evidence(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(lookAtOnce)
	seen := g.o // as it is before the first goroutine adds to it
	incidents := false
	for i, s := range g.d.o.Service.Stages {
		incidents = incidents || s.Gates.Incidents != nil
		for _, a := range g.d.o.Alarms[s.Name] {
			group.Go(func() error { g.alarm(ctx, s.Name, a); return nil })
		}
		if s.Bake != nil && len(s.Bake.Tags) > 0 {
			if since := promotion.Since(seen, s.Name); !since.IsZero() {
				group.Go(func() error { g.checks(ctx, s, since); return nil })
			}
		}
		if s.Gates.Shadow != nil {
			for _, id := range mayCome(seen, g.d.o.Service, i) {
				group.Go(func() error { g.shadow(ctx, s.Name, id); return nil })
			}
		}
		if s.Gates.CI {
			for _, id := range mayCome(seen, g.d.o.Service, i) {
				group.Go(func() error { g.build(ctx, id); return nil })
			}
		}
	}
	if incidents {
		group.Go(func() error { g.incidents(ctx); return nil })
	}
	_ = group.Wait() // what failed is a gap
}

// mayCome are the commits that stage i may take.
func mayCome(o promotion.Observations, s promotion.Service, i int) []string {
	var ids []string
	if i == 0 {
		for _, c := range o.Commits {
			if c.Back >= 0 || c.ID == o.Want {
				ids = append(ids, c.ID)
			}
		}
		return ids
	}
	for _, seen := range o.Stages {
		if seen.Stage == s.Stages[i-1].Name && seen.Commit != "" {
			ids = append(ids, seen.Commit)
		}
	}
	return ids
}

func (g *gathering) alarm(ctx context.Context, stage string, a Alarm) {
	read, err := a.Read(ctx)
	if err != nil {
		g.gap(promotion.GateAlarms, stage, "", fmt.Errorf("%s: %w", a.Name, err))
		return
	}
	read.Stage, read.Name = stage, a.Name
	g.add(func(o *promotion.Observations) { o.Alarms = append(o.Alarms, read) })
}

// farBack is how far back runs are counted; the console keeps and answers no
// more than a month.
const farBack = 30 * 24 * time.Hour

func (g *gathering) checks(ctx context.Context, s promotion.Stage, since time.Time) {
	now := g.d.o.Now()
	if oldest := now.Add(-farBack); since.Before(oldest) {
		since = oldest
	}
	runs, err := g.d.o.Checks(ctx, s.Bake.Tags, since, now)
	if err != nil {
		g.gap(promotion.GateChecks, s.Name, "", err)
		return
	}
	for i := range runs {
		runs[i].Stage = s.Name
	}
	g.add(func(o *promotion.Observations) { o.Checks = append(o.Checks, runs...) })
}

func (g *gathering) build(ctx context.Context, commit string) {
	state, err := g.d.o.Build(ctx, commit)
	if err != nil {
		g.gap(promotion.GateCI, "", commit, err)
		return
	}
	g.add(func(o *promotion.Observations) { o.CI = append(o.CI, state) })
}

func (g *gathering) shadow(ctx context.Context, stage, commit string) {
	runs, err := g.d.o.Shadow(ctx, stage, commit, g.d.o.Now())
	if err != nil {
		g.gap(promotion.GateShadow, stage, commit, err)
		return
	}
	runs.Stage, runs.Commit = stage, commit
	g.add(func(o *promotion.Observations) { o.Shadow = append(o.Shadow, runs) })
}

func (g *gathering) incidents(ctx context.Context) {
	open, err := g.d.o.Incidents(ctx)
	if err != nil {
		g.gap(promotion.GateIncidents, "", "", err)
		return
	}
	g.add(func(o *promotion.Observations) { o.Incidents = &open })
}
