package daemon

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// Flags is a flag set in which every flag can also be given by an environment
// variable: PROBEFLEET_ and the flag's name in capitals, '-' as '_'. A flag on
// the command line wins. Secrets are not flags of their own: they come by
// environment only, see [Flags.Secret].
type Flags struct {
	*flag.FlagSet
	getenv  func(string) string
	env     map[string]string // flag → environment variable
	secrets map[string]*string
	checks  []func() error
}

// NewFlags makes the flags of a command. usage is one sentence on what the
// command does, args the form of its positional arguments, "" for none.
func NewFlags(name, args, usage string, p Process) *Flags {
	f := &Flags{
		FlagSet: flag.NewFlagSet(name, flag.ContinueOnError),
		getenv:  p.Getenv, env: map[string]string{}, secrets: map[string]*string{},
	}
	f.SetOutput(io.Discard)
	f.Usage = func() {
		out := p.Stdout
		fmt.Fprintf(out, "%s: %s\n\nUsage:\n  %s [flags] %s\n\nFlags (each can be set by the environment variable in brackets):\n", name, usage, name, args)
		f.VisitAll(func(fl *flag.Flag) {
			def := ""
			if fl.DefValue != "" && fl.DefValue != "false" {
				def = fmt.Sprintf(" (default %s)", fl.DefValue)
			}
			form := fl.Name
			if b, ok := fl.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
				form += " VALUE"
			}
			fmt.Fprintf(out, "  -%-20s %s%s [%s]\n", form, fl.Usage, def, f.envName(fl.Name))
		})
		for _, name := range f.secretNames() {
			fmt.Fprintf(out, "  %-21s secret, by environment only\n", name)
		}
	}
	return f
}

// Env names the environment variable of a flag where it is not the usual one.
func (f *Flags) Env(flagName, variable string) { f.env[flagName] = variable }

// Secret reads a value that must not appear on a command line from an
// environment variable.
func (f *Flags) Secret(dst *string, variable string) { f.secrets[variable] = dst }

// Check adds a rule over the parsed values; every rule that fails is reported.
func (f *Flags) Check(rule func() error) { f.checks = append(f.checks, rule) }

// UsageError says that the command line or the environment is wrong; the
// process then exits with 2.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() + "\n(-h lists the flags)" }
func (e *UsageError) Unwrap() error { return e.Err }

// Parse reads args and the environment. Its error is [flag.ErrHelp] after -h,
// else a *[UsageError] with every fault that was found.
func (f *Flags) Parse(args []string) error {
	if err := f.FlagSet.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return &UsageError{err}
	}
	given := map[string]bool{}
	f.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	var faults []error
	f.VisitAll(func(fl *flag.Flag) {
		name := f.envName(fl.Name)
		value := f.getenv(name)
		if given[fl.Name] || value == "" {
			return
		}
		if err := f.Set(fl.Name, value); err != nil {
			faults = append(faults, fmt.Errorf("environment variable %s: %w", name, err))
		}
	})
	for name, dst := range f.secrets {
		*dst = f.getenv(name)
	}
	for _, check := range f.checks {
		if err := check(); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return &UsageError{errors.Join(faults...)}
	}
	return nil
}

// Explicit reports whether the flag was set by a person, on the command line
// or in the environment.
func (f *Flags) Explicit(name string) bool {
	found := false
	f.Visit(func(fl *flag.Flag) { found = found || fl.Name == name })
	return found
}

// LogValue lists every value, passwords inside of URLs redacted and secrets
// shown only as set or not.
func (f *Flags) LogValue() slog.Value {
	var attrs []slog.Attr
	f.VisitAll(func(fl *flag.Flag) {
		attrs = append(attrs, slog.String(fl.Name, redact(fl.Value.String())))
	})
	for _, name := range f.secretNames() {
		attrs = append(attrs, slog.Bool(name+"_set", *f.secrets[name] != ""))
	}
	return slog.GroupValue(attrs...)
}

func (f *Flags) secretNames() []string {
	names := make([]string, 0, len(f.secrets))
	for name := range f.secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (f *Flags) envName(flagName string) string {
	if name, ok := f.env[flagName]; ok {
		return name
	}
	return "PROBEFLEET_" + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

// redact hides the password of a URL and of a libpq key=value string.
func redact(value string) string {
	if u, err := url.Parse(value); err == nil && u.Scheme != "" && u.Host != "" {
		return u.Redacted()
	}
	fields := strings.Fields(value)
	for i, field := range fields {
		if strings.HasPrefix(field, "password=") {
			fields[i] = "password=xxxxx"
		}
	}
	if len(fields) > 1 {
		return strings.Join(fields, " ")
	}
	return value
}
