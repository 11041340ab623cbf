package deployercmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/deployer"
	"github.com/probefleet/probefleet/internal/pipelinefile"
	"github.com/probefleet/probefleet/internal/promotion"
)

// chosen are the services that -service names; all where it is empty.
func (d *desk) chosen(name string) ([]pipelinefile.Service, error) {
	if name == "" {
		return d.file.Services, nil
	}
	s, err := d.service(name)
	return []pipelinefile.Service{s}, err
}

// logger writes what happens to standard error, for people.
func (d *desk) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(d.p.Stderr, nil))
}

// seen is a plan with what it was made of.
type seen struct {
	Service      string                 `json:"service"`
	Plan         promotion.Plan         `json:"plan"`
	Observations promotion.Observations `json:"observations"`
}

func plan(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	d.tables()
	var service, save, replay string
	d.flags.StringVar(&service, "service", "", "only this service")
	d.flags.StringVar(&save, "save", "", "file to keep the observations in, from which -replay makes the same plan again")
	d.flags.StringVar(&replay, "replay", "", "file of observations to plan with, instead of looking")
	if _, err := d.open(0, 0); err != nil {
		return err
	}
	services, err := d.chosen(service)
	if err != nil {
		return err
	}
	var plans []promotion.Plan
	var all []seen
	if replay != "" {
		if all, err = readSeen(replay); err != nil {
			return err
		}
	}
	for _, s := range services {
		if replay != "" {
			for _, was := range all {
				if was.Service == s.Name {
					plans = append(plans, promotion.Decide(s.Policy(), was.Observations))
				}
			}
			continue
		}
		one, err := d.deployer(ctx, s, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		made, o := one.Plan(ctx)
		plans, all = append(plans, made), append(all, seen{s.Name, made, o})
	}
	if save != "" {
		data, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(save, append(data, '\n'), 0o600); err != nil {
			return fmt.Errorf("keeping the observations: %w", err)
		}
	}
	if d.form == "json" {
		return writeJSON(p.Stdout, plans)
	}
	return planTable(p.Stdout, plans)
}

func readSeen(path string) ([]seen, error) {
	data, err := os.ReadFile(path) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, fmt.Errorf("reading the observations: %w", err)
	}
	var all []seen
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s is not what -save writes: %w", path, err)
	}
	return all, nil
}

func run(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	d.tables()
	var service string
	var every time.Duration
	var config daemon.Config
	d.flags.StringVar(&service, "service", "", "only this service")
	d.flags.DurationVar(&every, "every", 0, "go on, and look again this often; 0 for once, until what was begun has ended")
	config.Register(d.flags, adminAddr)
	if _, err := d.open(0, 0); err != nil {
		return err
	}
	services, err := d.chosen(service)
	if err != nil {
		return err
	}
	if every > 0 {
		return daemon.Run(ctx, p, config, d.flags, func(ctx context.Context, kit daemon.Kit) error {
			return d.serve(ctx, services, every, kit)
		})
	}
	var plans []promotion.Plan
	var errs []error // of one service: the others are seen to all the same
	for _, s := range services {
		one, err := d.deployer(ctx, s, d.logger())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		made, err := one.Once(ctx)
		plans, errs = append(plans, made), append(errs, err)
	}
	if d.form == "json" {
		errs = append(errs, writeJSON(p.Stdout, plans))
	} else {
		errs = append(errs, planTable(p.Stdout, plans))
	}
	return errors.Join(errs...)
}

// Metrics registers the metrics of the deployer: the deploys that have ended.
func Metrics(reg prometheus.Registerer) (*prometheus.CounterVec, error) {
	deploys := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "probefleet_deployer_deploys_total", Help: "Deploys that have ended, by service, stage, outcome and whether they went back.",
	}, []string{"service", "stage", "outcome", "rollback"})
	return deploys, reg.Register(deploys)
}

// serve sees to every service in a goroutine of its own, so that none waits for
// another one.
func (d *desk) serve(ctx context.Context, services []pipelinefile.Service, every time.Duration, kit daemon.Kit) error {
	deploys, err := Metrics(kit.Metrics)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range services {
		one, err := d.deployer(ctx, s, kit.Log)
		if err != nil {
			return err
		}
		one.Ended(func(stage string, rollback bool, outcome promotion.Outcome) {
			deploys.WithLabelValues(s.Name, stage, string(outcome), fmt.Sprint(rollback)).Inc()
		})
		g.Go(func() error { return one.Run(ctx, every) })
	}
	return g.Wait()
}

func promote(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	var say saying
	say.register(d)
	var gates string
	var lasts time.Duration
	d.flags.StringVar(&gates, "override", "", "gates to override for this commit, separated by commas; needs -reason and a commit")
	d.flags.DurationVar(&lasts, "for", 15*time.Minute, "how long the overrides last")
	args, err := d.open(2, 3)
	if err != nil {
		return err
	}
	s, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	commit := ""
	if len(args) == 3 {
		if commit, err = d.resolve(ctx, s, args[2]); err != nil {
			return err
		}
	}
	if gates != "" {
		if err := d.overrideAll(ctx, one, args[1], commit, gates, lasts, say); err != nil {
			return err
		}
	}
	made, err := one.Promote(ctx, args[1], commit)
	if err != nil {
		return err
	}
	if err := sentence(p.Stdout, s.Name, made); err != nil {
		return err
	}
	if made.Do != promotion.Promote && made.Do != promotion.Continue && made.Do != promotion.Nothing {
		return &daemon.ExitError{Code: 3}
	}
	return d.result(ctx, p.Stdout, one, args[1], made.Commit)
}

// result says how a deploy has ended; one that failed is an error.
func (d *desk) result(ctx context.Context, w io.Writer, one *deployer.Deployer, stage, commit string) error {
	_, o := one.Plan(ctx)
	last := promotion.HistoryOf(o.Entries, stage, o.Now).Last
	if commit == "" || last == nil {
		return nil
	}
	end := last.End
	if end.Outcome == promotion.Done && last.Begin.Commit == commit {
		_, err := fmt.Fprintf(w, "%s runs in %s\n", promotion.Short(commit), stage)
		return err
	}
	return fmt.Errorf("%s does not run in %s: %s %s %s", promotion.Short(commit), stage, promotion.Short(end.Commit), end.Outcome, end.Reason)
}

func rollback(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	var say saying
	say.register(d)
	var to string
	d.flags.StringVar(&to, "to", "", "commit to go back to; what ran before where it is empty")
	args, err := d.open(2, 2)
	if err != nil {
		return err
	}
	if err := say.check(); err != nil {
		return err
	}
	s, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	if to != "" {
		if to, err = d.resolve(ctx, s, to); err != nil {
			return err
		}
	}
	e, err := one.Rollback(ctx, args[1], to, say.actor, say.reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%s goes back from %s to %s, and is held: `deployer release %s %s` lets commits in again\n",
		args[1], promotion.Short(e.From), promotion.Short(e.Commit), s.Name, args[1])
	if _, err := one.Follow(ctx, args[1]); err != nil {
		return err
	}
	return d.result(ctx, p.Stdout, one, args[1], e.Commit)
}
