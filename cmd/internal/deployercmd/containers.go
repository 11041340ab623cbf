package deployercmd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/driver/dockerdriver"
	"github.com/probefleet/probefleet/internal/pipelinefile"
)

// noSecrets are variables of the file whose values are words that images are
// called by, too: hidden, a message would not say which image was not rolled
// out.
var noSecrets = map[string]bool{"PROBEFLEET_QUEUE_PREFIX": true, "AWS_REGION": true}

// containers are the settings of the docker driver. hide is told of each value
// that no output may show.
func containers(k *pipelinefile.Docker, getenv func(string) string, hide func(...string)) (dockerdriver.Settings, error) {
	const mib = 1 << 20
	s := dockerdriver.Settings{
		Socket: k.Socket, Count: k.Count, Command: k.Command, Network: k.Network, Memory: int64(k.Memory) * mib, CPUs: k.CPUs,
		ShmSize: int64(k.ShmSize) * mib, Tmpfs: k.Tmpfs, Binds: k.Binds, ReadOnly: k.ReadOnly, Seccomp: k.Seccomp,
		Pids: int64(k.Pids), Ready: time.Duration(k.Ready), Drain: time.Duration(k.Drain), Pull: k.Pull,
	}
	env := map[string]string{}
	if k.EnvFile != "" {
		data, err := os.ReadFile(k.EnvFile) //nolint:gosec // the operator names it
		if err != nil {
			return s, fmt.Errorf("reading the variables of the containers: %w", err)
		}
		if err := variables(k.EnvFile, string(data), env); err != nil {
			return s, err
		}
		for name, value := range env {
			if !noSecrets[name] {
				hide(value)
			}
		}
	}
	for name, value := range k.Env {
		env[name] = value
	}
	for _, name := range k.EnvFrom {
		env[name] = getenv(name)
		hide(env[name])
	}
	for name, value := range env {
		s.Env = append(s.Env, name+"="+value)
	}
	slices.Sort(s.Env)
	return s, nil
}

// variables reads NAME=value a line, as systemd and Docker do both: blank lines
// and those that begin with '#' are passed over, and quotes are a part of the
// value.
func variables(path, text string, env map[string]string) error {
	var errs []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			errs = append(errs, fmt.Errorf("%s:%d: write NAME=value", path, n)) // not the line: it may hold a secret
			continue
		}
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			errs = append(errs, fmt.Errorf("%s:%d: the value of %s begins with a quote, which would be a part of it; write it without", path, n, name))
			continue
		}
		env[name] = value
	}
	return errors.Join(errs...)
}
