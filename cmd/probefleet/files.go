package main

import (
	"fmt"
	"strings"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
)

// variables is the flag -var name=value, which may be repeated.
type variables map[string]string

func (v variables) String() string {
	pairs := make([]string, 0, len(v))
	for name, value := range v {
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, ",")
}

func (v variables) Set(pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", pair)
	}
	v[name] = value
	return nil
}

// fileOptions are what check files are read with.
type fileOptions struct {
	vars        variables
	environment string
}

// fileFlags are the flags of every command that reads check files.
func fileFlags(f *daemon.Flags) *fileOptions {
	o := &fileOptions{vars: variables{}}
	f.Var(o.vars, "var", "NAME=VALUE, replaces a variable of the files; may be repeated")
	f.StringVar(&o.environment, "env", "", "environment of the files whose variables hold")
	return o
}

// load reads the checks of the files and folders in paths. Faults in files
// end the command with 2.
func load(paths []string, o *fileOptions) ([]check.Check, error) {
	f, err := loadAll(paths, o)
	return f.Checks, err
}

// loadAll is load with the channels and pages of the files.
func loadAll(paths []string, o *fileOptions) (checkfile.File, error) {
	if len(paths) == 0 {
		return checkfile.File{}, &daemon.UsageError{Err: fmt.Errorf("no files: name check files, or folders that hold them")}
	}
	f, err := checkfile.LoadAll(paths, checkfile.Options{Vars: o.vars, Environment: o.environment})
	if err != nil {
		return checkfile.File{}, &daemon.ExitError{Code: 2, Err: err}
	}
	return f, nil
}
