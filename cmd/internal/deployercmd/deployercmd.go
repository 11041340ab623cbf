// Package deployercmd holds the commands of the deployer, their flags and the
// wiring of its parts.
package deployercmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/pipelinefile"
)

// verb is one word of the command line.
type verb struct {
	name, args, about string
	run               func(ctx context.Context, p daemon.Process, c verb) error
}

func commands() []verb {
	return []verb{
		{"plan", "", "say what would happen now, and why; change nothing", plan},
		{"run", "", "do what the plan says, once or every so often", run},
		{"why", "SERVICE STAGE", "say in a sentence why a stage is as it is, with every gate and its evidence", why},
		{"promote", "SERVICE STAGE [COMMIT]", "promote into one stage now, if its gates are open", promote},
		{"rollback", "SERVICE STAGE", "bring a stage back to what ran before; asks no gate, and holds the stage", rollback},
		{"override", "SERVICE STAGE GATE COMMIT", "let a commit through a gate of a stage for a while", override},
		{"approve", "SERVICE STAGE COMMIT", "approve of a commit for a stage", approve},
		{"hold", "SERVICE STAGE", "keep commits out of a stage", hold},
		{"release", "SERVICE STAGE", "let commits into a stage that is held", release},
		{"status", "[SERVICE]", "say what runs where, since when, and what holds it", status},
		{"history", "SERVICE [STAGE]", "list what was done and said, the newest first", history},
		{"instance", "up|status|down", "bring the containers of this host to an image, without git and gates", instance},
		{"health", "", "ask the deployer that runs here whether it is ready", health},
		{"validate", "", "check the file for faults", validate},
		{"schema", "", "print the JSON Schema of the file, for editors", schema},
		{"version", "", "print the version", version},
	}
}

// clock is the time; tests have their own.
var clock = time.Now

// Run runs the command that the first argument names.
func Run(ctx context.Context, p daemon.Process) error {
	name := ""
	if len(p.Args) > 0 {
		name, p.Args = p.Args[0], p.Args[1:]
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, p, c)
		}
	}
	switch name {
	case "-h", "-help", "--help", "help":
		usage(p.Stdout)
		return nil
	case "":
		usage(p.Stderr)
		return &daemon.ExitError{Code: 2}
	}
	usage(p.Stderr)
	return &daemon.ExitError{Code: 2, Err: fmt.Errorf("%q is not a command of deployer", name)}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "deployer: rolls services forward while their gates are open\n\nUsage:\n  deployer COMMAND [flags] [arguments]\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-34s %s\n", c.name+" "+c.args, c.about)
	}
	fmt.Fprint(w, "\nEach command explains its flags with -h.\n")
}

// desk is what most commands work with: the file, and who we are.
type desk struct {
	p      daemon.Process
	flags  *daemon.Flags
	path   string
	holder string
	form   string
	file   *pipelinefile.File
}

func newDesk(p daemon.Process, c verb) *desk {
	d := &desk{p: p, flags: daemon.NewFlags("deployer "+c.name, c.args, c.about, p)}
	d.flags.StringVar(&d.path, "file", "deployer.json", "the file of services and pipelines")
	d.flags.Env("file", "PROBEFLEET_DEPLOYER_FILE")
	host, err := os.Hostname()
	if err != nil {
		host = "deployer"
	}
	d.flags.StringVar(&d.holder, "name", host, "name of this deployer, unlike that of any other: one that is started again under its name goes on with what it had begun")
	d.flags.Env("name", "PROBEFLEET_DEPLOYER_NAME")
	return d
}

// tables adds -o.
func (d *desk) tables() {
	d.flags.StringVar(&d.form, "o", "table", "form of the output: table or json")
	d.flags.Env("o", "PROBEFLEET_OUTPUT")
	d.flags.Check(func() error {
		if d.form != "table" && d.form != "json" {
			return fmt.Errorf("-o %q: use table or json", d.form)
		}
		return nil
	})
}

// open parses the command line, which has from least to most arguments, and
// reads the file.
func (d *desk) open(least, most int) ([]string, error) {
	if err := d.flags.Parse(d.p.Args); err != nil {
		return nil, err
	}
	args := d.flags.Args()
	if len(args) < least || len(args) > most {
		return nil, &daemon.UsageError{Err: fmt.Errorf("%s; see -h for what is wanted (flags come before arguments)", numeral.Of(len(args), "argument"))}
	}
	return args, d.read()
}

func (d *desk) read() error {
	data, err := os.ReadFile(d.path)
	if err != nil {
		return &daemon.ExitError{Code: 2, Err: fmt.Errorf("reading the file: %w (name it by -file)", err)}
	}
	file, faults := pipelinefile.Parse(d.path, data)
	if len(faults) > 0 {
		var errs []error
		for _, f := range faults {
			errs = append(errs, errors.New(f.String()))
		}
		return &daemon.ExitError{Code: 2, Err: errors.Join(errs...)}
	}
	d.file = file
	return nil
}

// service finds a service of the file.
func (d *desk) service(name string) (pipelinefile.Service, error) {
	var names []string
	for _, s := range d.file.Services {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return pipelinefile.Service{}, &daemon.UsageError{Err: fmt.Errorf("%q is not a service of %s; there are %s", name, d.path, strings.Join(names, ", "))}
}

// stage checks that a service has a stage.
func stage(s pipelinefile.Service, name string) error {
	var names []string
	for _, stage := range s.Stages {
		names = append(names, stage.Name)
	}
	if !slices.Contains(names, name) {
		return &daemon.UsageError{Err: fmt.Errorf("%q is not a stage of %s; there are %s", name, s.Name, strings.Join(names, ", "))}
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func validate(_ context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	if _, err := d.open(0, 0); err != nil {
		return err
	}
	stages := 0
	for _, s := range d.file.Services {
		stages += len(s.Stages)
	}
	_, err := fmt.Fprintf(p.Stdout, "%s: %s, %s\n", d.path, numeral.Of(len(d.file.Services), "service"), numeral.Of(stages, "stage"))
	return err
}

func schema(_ context.Context, p daemon.Process, _ verb) error {
	_, err := p.Stdout.Write(pipelinefile.Schema())
	return err
}

// adminAddr is where `run -every` answers for itself, unless it is told
// otherwise.
const adminAddr = "127.0.0.1:9105"

func health(ctx context.Context, p daemon.Process, _ verb) error {
	p.Args = append([]string{"health"}, p.Args...)
	return daemon.Health(ctx, p, "deployer", adminAddr)
}

func version(_ context.Context, p daemon.Process, _ verb) error {
	_, err := fmt.Fprintln(p.Stdout, "deployer", daemon.Build())
	return err
}
