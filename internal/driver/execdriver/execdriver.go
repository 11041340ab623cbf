// Package execdriver drives a stage by commands, one for each action. It owns
// what their exit codes and their output mean. It refuses to know what they do.
package execdriver

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/command"
	"github.com/probefleet/probefleet/internal/driver"
)

// Commands are the actions. {service}, {stage}, {commit} and {image} in their
// words are filled in.
type Commands struct {
	Running, Deploy, Ready []string
	// Rollback is Deploy where it is empty.
	Rollback []string
	Folder   string
}

// Driver drives one stage. It is safe for concurrent use where its commands
// are.
type Driver struct {
	run            command.Runner
	commands       Commands
	service, stage string
}

// New makes a Driver of a stage.
func New(run command.Runner, c Commands, service, stage string) *Driver {
	if len(c.Rollback) == 0 {
		c.Rollback = c.Deploy
	}
	return &Driver{run, c, service, stage}
}

var commitForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// answer is what the running command may print instead of a commit alone.
type answer struct {
	Commit string    `json:"commit"`
	Since  time.Time `json:"since"`
	Mixed  bool      `json:"mixed"`
	Detail string    `json:"detail"`
}

// Running runs the running command. Nothing printed means that nothing runs.
func (d *Driver) Running(ctx context.Context) (driver.Running, error) {
	out, err := d.do(ctx, d.commands.Running, driver.Release{Service: d.service, Stage: d.stage})
	if err != nil {
		return driver.Running{}, err
	}
	text := strings.TrimSpace(out)
	if !strings.HasPrefix(text, "{") {
		if text != "" && !commitForm.MatchString(text) {
			return driver.Running{}, fmt.Errorf("the command %q printed %.80q: print the whole id of the commit that runs, nothing, or JSON", d.commands.Running[0], text)
		}
		return driver.Running{Commit: text}, nil
	}
	var a answer
	in := json.NewDecoder(strings.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&a); err != nil {
		return driver.Running{}, fmt.Errorf("the command %q printed JSON that is not understood: %w: print {\"commit\", \"since\", \"mixed\", \"detail\"}", d.commands.Running[0], err)
	}
	if a.Commit != "" && !commitForm.MatchString(a.Commit) {
		return driver.Running{}, fmt.Errorf("the command %q printed the commit %.80q, which is none", d.commands.Running[0], a.Commit)
	}
	return driver.Running{Commit: a.Commit, Since: a.Since, Mixed: a.Mixed, Detail: a.Detail}, nil
}

// Deploy runs the deploy command.
func (d *Driver) Deploy(ctx context.Context, r driver.Release) error {
	_, err := d.do(ctx, d.commands.Deploy, r)
	return err
}

// Rollback runs the rollback command.
func (d *Driver) Rollback(ctx context.Context, r driver.Release) error {
	_, err := d.do(ctx, d.commands.Rollback, r)
	return err
}

// Ready runs the ready command: 0 is ready, 75 not yet, anything else failed.
func (d *Driver) Ready(ctx context.Context, r driver.Release) (driver.Progress, error) {
	result, err := d.exec(ctx, d.commands.Ready, r)
	switch {
	case err != nil:
		return driver.Progress{}, err
	case result.Code == 0:
		return driver.Progress{State: driver.Ready, Detail: result.Last}, nil
	case result.Code == command.TempFail:
		return driver.Progress{State: driver.Pending, Detail: result.Last}, nil
	}
	return driver.Progress{State: driver.Failed, Detail: fmt.Sprintf("%s ended with %d: %s", d.commands.Ready[0], result.Code, result.Last)}, nil
}

// do runs a command that has to succeed.
func (d *Driver) do(ctx context.Context, argv []string, r driver.Release) (string, error) {
	result, err := d.exec(ctx, argv, r)
	if err != nil {
		return "", err
	}
	if result.Code != 0 {
		return "", fmt.Errorf("%s ended with %d: %s", argv[0], result.Code, result.Last)
	}
	return result.Stdout, nil
}

func (d *Driver) exec(ctx context.Context, argv []string, r driver.Release) (command.Result, error) {
	values := map[string]string{"service": d.service, "stage": d.stage, "commit": r.Commit, "image": r.Image}
	env := []string{"DEPLOYER_SERVICE=" + d.service, "DEPLOYER_STAGE=" + d.stage, "DEPLOYER_COMMIT=" + r.Commit, "DEPLOYER_IMAGE=" + r.Image}
	return d.run.Run(ctx, d.commands.Folder, env, command.Fill(argv, values)...)
}
