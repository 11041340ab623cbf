package deployercmd

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/deployer"
	"github.com/probefleet/probefleet/internal/pipelinefile"
	"github.com/probefleet/probefleet/internal/promotion"
)

// saying is who says something into the ledger, and why.
type saying struct{ actor, reason string }

func (s *saying) register(d *desk) {
	who := "somebody"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	d.flags.StringVar(&s.actor, "actor", who, "who you are, for the ledger")
	d.flags.Env("actor", "PROBEFLEET_DEPLOYER_ACTOR")
	d.flags.StringVar(&s.reason, "reason", "", "why, for the ledger")
}

// check demands a reason.
func (s *saying) check() error {
	if strings.TrimSpace(s.actor) == "" || strings.TrimSpace(s.reason) == "" {
		return &daemon.UsageError{Err: errors.New("say why by -reason, and who you are by -actor: both are kept")}
	}
	return nil
}

// one finds service and stage of the first two arguments.
func (d *desk) one(ctx context.Context, args []string) (pipelinefile.Service, *deployer.Deployer, error) {
	s, err := d.service(args[0])
	if err != nil {
		return s, nil, err
	}
	if err := stage(s, args[1]); err != nil {
		return s, nil, err
	}
	one, err := d.deployer(ctx, s, d.logger())
	return s, one, err
}

// resolve is the whole id of a commit, as the newest state of the remote has
// it.
func (d *desk) resolve(ctx context.Context, s pipelinefile.Service, name string) (string, error) {
	repo := d.repo(s)
	if err := repo.Fetch(ctx); err != nil {
		return "", err
	}
	return repo.Resolve(ctx, name)
}

func override(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	var say saying
	say.register(d)
	var lasts time.Duration
	d.flags.DurationVar(&lasts, "for", time.Hour, "how long it lasts, at most 168h")
	args, err := d.open(4, 4)
	if err != nil {
		return err
	}
	s, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	commit, err := d.resolve(ctx, s, args[3])
	if err != nil {
		return err
	}
	if err := d.overrideAll(ctx, one, args[1], commit, args[2], lasts, say); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "until %s gate %s of %s lets %s through\n", clock().Add(lasts).UTC().Format("2006-01-02 15:04 UTC"), args[2], args[1], promotion.Short(commit))
	return err
}

// longest is how long an override may last.
const longest = 7 * 24 * time.Hour

// overrideAll writes an override for each of the gates.
func (d *desk) overrideAll(ctx context.Context, one *deployer.Deployer, stage, commit, gates string, lasts time.Duration, say saying) error {
	if err := say.check(); err != nil {
		return err
	}
	if commit == "" {
		return &daemon.UsageError{Err: errors.New("name the commit: an override is for one alone")}
	}
	if lasts <= 0 || lasts > longest {
		return &daemon.UsageError{Err: fmt.Errorf("-for %s: an override lasts for at most %s", lasts, longest)}
	}
	list := strings.Split(gates, ",")
	for _, g := range list {
		if !slices.Contains(promotion.GateNames(), promotion.Gate(g)) {
			return &daemon.UsageError{Err: fmt.Errorf("%q is not a gate; there are %s", g, joinGates())}
		}
	}
	for _, g := range list {
		err := one.Write(ctx, promotion.Entry{
			Kind: promotion.EntryOverride, Stage: stage, Commit: commit, Gate: promotion.Gate(g),
			Actor: say.actor, Reason: say.reason, Expires: clock().Add(lasts).UTC(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func joinGates() string {
	var names []string
	for _, g := range promotion.GateNames() {
		names = append(names, string(g))
	}
	return strings.Join(names, ", ")
}

func approve(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	var say saying
	say.register(d)
	args, err := d.open(3, 3)
	if err != nil {
		return err
	}
	s, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	commit, err := d.resolve(ctx, s, args[2])
	if err != nil {
		return err
	}
	if err := one.Write(ctx, promotion.Entry{Kind: promotion.EntryApprove, Stage: args[1], Commit: commit, Actor: say.actor, Reason: say.reason}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s has approved of %s for %s\n", say.actor, promotion.Short(commit), args[1])
	return err
}

func hold(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	var say saying
	say.register(d)
	var lasts time.Duration
	d.flags.DurationVar(&lasts, "for", 0, "how long; until it is released where it is 0")
	args, err := d.open(2, 2)
	if err != nil {
		return err
	}
	if err := say.check(); err != nil {
		return err
	}
	_, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	e := promotion.Entry{Kind: promotion.EntryHold, Stage: args[1], Actor: say.actor, Reason: say.reason}
	if lasts > 0 {
		e.Expires = clock().Add(lasts).UTC()
	}
	if err := one.Write(ctx, e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s is held\n", args[1])
	return err
}

func release(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	var say saying
	say.register(d)
	args, err := d.open(2, 2)
	if err != nil {
		return err
	}
	if err := say.check(); err != nil {
		return err
	}
	_, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	if err := one.Write(ctx, promotion.Entry{Kind: promotion.EntryRelease, Stage: args[1], Actor: say.actor, Reason: say.reason}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s is not held any more\n", args[1])
	return err
}
