package deployercmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/probefleet/probefleet/internal/command"
	"github.com/probefleet/probefleet/internal/deployer"
	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/driver/asgdriver"
	"github.com/probefleet/probefleet/internal/driver/dockerdriver"
	"github.com/probefleet/probefleet/internal/driver/ecsdriver"
	"github.com/probefleet/probefleet/internal/driver/execdriver"
	"github.com/probefleet/probefleet/internal/evidence"
	"github.com/probefleet/probefleet/internal/evidence/cloudwatchevidence"
	"github.com/probefleet/probefleet/internal/gitrepo"
	"github.com/probefleet/probefleet/internal/pipelinefile"
	"github.com/probefleet/probefleet/internal/promotion"
	"github.com/probefleet/probefleet/internal/redact"
)

// poll is how often a deploy that is under way is looked at; tests look more
// often.
var poll = 5 * time.Second

// commandTimeout bounds commands that answer a question.
const commandTimeout = 2 * time.Minute

// wiring makes the parts of a service.
type wiring struct {
	desk    *desk
	service pipelinefile.Service
	// secrets are the tokens that the file names, tokens the variables they
	// are in: no command gets those, and no output shows them.
	secrets *redact.Redactor
	tokens  []string
}

func (d *desk) repo(s pipelinefile.Service) *gitrepo.Repo {
	return &gitrepo.Repo{Dir: s.Git.Repository, Remote: s.Git.Remote, Branch: s.Git.Branch, Ledger: s.Git.Ledger, Candidates: s.Git.Candidates}
}

// deployer wires the deployer of a service.
func (d *desk) deployer(ctx context.Context, s pipelinefile.Service, log *slog.Logger) (*deployer.Deployer, error) {
	w := &wiring{desk: d, service: s, secrets: redact.New()}
	w.findTokens()
	repo := d.repo(s)
	o := deployer.Options{
		Service: s.Policy(), Holder: d.holder, Repo: repo, Ledger: repo, Moved: gitrepo.ErrMoved,
		Stages: map[string]deployer.Stage{}, Alarms: map[string][]deployer.Alarm{}, Image: w.image(), Build: w.build(),
		Now: clock, Poll: poll, Logger: log,
	}
	if d.file.Console != nil {
		console := w.console()
		o.Incidents, o.Checks, o.Shadow = console.Incidents, console.Checks, w.shadow(console)
	}
	var errs []error
	for _, stage := range s.Stages {
		drive, err := w.driver(ctx, stage)
		if err != nil {
			errs = append(errs, fmt.Errorf("stage %q of %q: %w", stage.Name, s.Name, err))
		}
		o.Stages[stage.Name] = drive
		for _, a := range slices.Concat(s.Alarms, stage.Alarms) {
			read, err := w.alarm(ctx, stage.Name, a)
			if err != nil {
				errs = append(errs, fmt.Errorf("alarm %q of %q: %w", a.Name, s.Name, err))
			}
			o.Alarms[stage.Name] = append(o.Alarms[stage.Name], deployer.Alarm{Name: a.Name, Read: read})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return deployer.New(o), nil
}

// findTokens collects the tokens of the whole file.
func (w *wiring) findTokens() {
	add := func(name string) {
		if name != "" && !slices.Contains(w.tokens, name) {
			w.tokens = append(w.tokens, name)
			if value := w.desk.p.Getenv(name); value != "" {
				w.secrets.Add(value)
			}
		}
	}
	if c := w.desk.file.Console; c != nil {
		add(c.TokenEnv)
	}
	for _, s := range w.desk.file.Services {
		if s.CI != nil {
			add(s.CI.TokenEnv)
		}
		alarms := s.Alarms
		for _, stage := range s.Stages {
			alarms = slices.Concat(alarms, stage.Alarms)
		}
		for _, a := range alarms {
			if a.Prometheus != nil {
				add(a.Prometheus.TokenEnv)
			}
			if a.Alertmanager != nil {
				add(a.Alertmanager.TokenEnv)
			}
		}
	}
}

func (w *wiring) runner(timeout time.Duration) command.Runner {
	return command.Runner{Without: w.tokens, Timeout: timeout, Hide: w.secrets.Hide}
}

func (w *wiring) source(url, tokenEnv string) evidence.Source {
	s := evidence.Source{URL: url}
	if tokenEnv != "" {
		s.Token = w.desk.p.Getenv(tokenEnv)
	}
	return s
}

func (w *wiring) console() evidence.Console {
	c := w.desk.file.Console
	return evidence.Console{Source: w.source(c.URL, c.TokenEnv)}
}

// shadow asks the console what shadow runs of a commit's build say.
func (w *wiring) shadow(console evidence.Console) func(context.Context, string, string, time.Time) (promotion.ShadowRuns, error) {
	gates := map[string]pipelinefile.Shadow{}
	for _, s := range w.service.Stages {
		if s.Gates.Shadow != nil {
			gates[s.Name] = *s.Gates.Shadow
		}
	}
	return func(ctx context.Context, stage, commit string, now time.Time) (promotion.ShadowRuns, error) {
		g := gates[stage]
		return console.Shadow(ctx, g.BuildOf(commit), g.Location, now.Add(-time.Duration(g.Since)))
	}
}

func (w *wiring) image() func(context.Context, string) (string, error) {
	i := w.service.Image
	if i == nil {
		return nil
	}
	return func(ctx context.Context, commit string) (string, error) {
		values := map[string]string{"commit": commit, "service": w.service.Name}
		if i.Name != "" {
			return command.Fill([]string{i.Name}, values)[0], nil
		}
		r, err := w.runner(commandTimeout).Run(ctx, "", []string{"DEPLOYER_COMMIT=" + commit}, command.Fill(i.Command, values)...)
		name := strings.TrimSpace(r.Stdout)
		switch {
		case err != nil:
			return "", err
		case r.Code != 0:
			return "", fmt.Errorf("%s ended with %d: %s", i.Command[0], r.Code, r.Last)
		case name == "" || strings.ContainsAny(name, " \n\t"):
			return "", fmt.Errorf("%s printed %.80q instead of the name of an image", i.Command[0], name)
		}
		return name, nil
	}
}

func (w *wiring) build() func(context.Context, string) (promotion.CI, error) {
	switch c := w.service.CI; {
	case c == nil:
		return nil
	case c.URL != "":
		return evidence.BuildPage{Source: w.source(c.URL, c.TokenEnv), Field: c.Field, Passed: c.Passed, Pending: c.Pending, Failed: c.Failed}.Build
	default:
		return evidence.BuildCommand{Run: w.runner(commandTimeout), Argv: c.Command}.Build
	}
}

func (w *wiring) driver(ctx context.Context, s pipelinefile.Stage) (deployer.Stage, error) {
	switch v := s.Driver; {
	case v.Exec != nil:
		e := v.Exec
		return execdriver.New(w.runner(time.Duration(s.Timeout)), execdriver.Commands{
			Running: e.Running, Deploy: e.Deploy, Ready: e.Ready, Rollback: e.Rollback, Folder: e.Folder,
		}, w.service.Name, s.Name), nil
	case v.Docker != nil:
		settings, err := containers(v.Docker, w.desk.p.Getenv, w.secrets.Add)
		if err != nil {
			return nil, err
		}
		return dockerdriver.New(settings, w.service.Name, s.Name)
	case v.ASG != nil:
		cfg, err := cloud(ctx, v.ASG.Region)
		if err != nil {
			return nil, err
		}
		return asgdriver.New(cfg, v.ASG.Group, w.templateVersion(v.ASG.TemplateVersion), time.Duration(v.ASG.Warmup)), nil
	case v.ECS != nil:
		cfg, err := cloud(ctx, v.ECS.Region)
		if err != nil {
			return nil, err
		}
		return ecsdriver.New(cfg, v.ECS.Cluster, v.ECS.Service, v.ECS.Container), nil
	}
	return nil, errors.New("no driver is named")
}

// cloud is the AWS SDK's usual configuration, in a region.
func cloud(ctx context.Context, region string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return cfg, fmt.Errorf("configuring AWS: %w", err)
	}
	return cfg, nil
}

// templateVersion asks a command which version of a launch template runs a
// release.
func (w *wiring) templateVersion(argv []string) func(context.Context, driver.Release) (string, error) {
	return func(ctx context.Context, r driver.Release) (string, error) {
		values := map[string]string{"service": r.Service, "stage": r.Stage, "commit": r.Commit, "image": r.Image}
		result, err := w.runner(commandTimeout).Run(ctx, "", nil, command.Fill(argv, values)...)
		version := strings.TrimSpace(result.Stdout)
		switch _, wrong := strconv.ParseUint(version, 10, 63); {
		case err != nil:
			return "", err
		case result.Code != 0:
			return "", fmt.Errorf("%s ended with %d: %s", argv[0], result.Code, result.Last)
		case wrong != nil:
			return "", fmt.Errorf("%s printed %.80q instead of a number", argv[0], version)
		}
		return version, nil
	}
}

// alarm makes the reader of an alarm in a stage.
func (w *wiring) alarm(ctx context.Context, stage string, a pipelinefile.Alarm) (func(context.Context) (promotion.Alarm, error), error) {
	values := map[string]string{"stage": stage, "service": w.service.Name}
	fill := func(words ...string) []string { return command.Fill(words, values) }
	switch {
	case a.Prometheus != nil:
		p := a.Prometheus
		return evidence.Prometheus{
			Source: w.source(fill(p.URL)[0], p.TokenEnv), Query: fill(p.Query)[0], OK: p.OK.Holds, Wish: fmt.Sprintf("%s %g", p.OK.Op, p.OK.Value),
		}.Read, nil
	case a.Alertmanager != nil:
		m := a.Alertmanager
		return evidence.Alertmanager{Source: w.source(fill(m.URL)[0], m.TokenEnv), Match: fill(m.Match...), Watchdog: fill(m.Watchdog...)}.Read, nil
	case a.CloudWatch != nil:
		cfg, err := cloud(ctx, fill(a.CloudWatch.Region)[0])
		if err != nil {
			return nil, err
		}
		return cloudwatchevidence.New(cfg, fill(a.CloudWatch.Alarm)[0]).Read, nil
	case a.Fleet != nil:
		return evidence.FleetAlarm{Console: w.console(), Tags: fill(a.Fleet.Tags...), States: a.Fleet.States}.Read, nil
	}
	return nil, errors.New("no source is named")
}
