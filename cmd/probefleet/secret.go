package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/secret"
)

// secretCommands are what can be done with a file of secrets.
func secretCommands() []command {
	return []command{
		secretCommand("set", "NAME", "seals the text on standard input as a secret; makes file and key where there are none", setSecret),
		secretCommand("list", "", "names the secrets of a file", listSecrets),
		secretCommand("rm", "NAME...", "takes secrets out of a file", removeSecrets),
	}
}

func secretCommand(name, args, about string, do func(p daemon.Process, f secret.File, names []string) error) command {
	return command{name: name, about: about, run: func(_ context.Context, p daemon.Process) error {
		f := daemon.NewFlags("probefleet secret "+name, args, about, p)
		file := secret.File{}
		f.StringVar(&file.Path, "secrets", "secrets.age", "file of secrets, sealed")
		f.StringVar(&file.Key, "secrets-key", "secrets.key", "file of the age key that opens it; keep it away from the checks")
		if err := f.Parse(p.Args); err != nil {
			return err
		}
		return do(p, file, f.Args())
	}}
}

// setSecret reads the value from standard input: an argument would be seen by
// others on this machine.
func setSecret(p daemon.Process, f secret.File, names []string) error {
	if len(names) != 1 {
		return &daemon.UsageError{Err: errors.New("name one secret: printf %s VALUE | probefleet secret set NAME")}
	}
	value, err := io.ReadAll(io.LimitReader(p.Stdin, secret.MaxValue+2))
	if err != nil {
		return fmt.Errorf("reading the secret: %w", err)
	}
	text := string(value)
	if strings.Count(text, "\n") == 1 {
		text = strings.TrimRight(text, "\r\n") // what `echo` and a terminal add
	}
	if err := secret.Valid(names[0], text); err != nil {
		return err
	}
	_, before := os.Stat(f.Key)
	if err := f.Set(map[string]string{names[0]: text}); err != nil {
		return err
	}
	if errors.Is(before, fs.ErrNotExist) {
		fmt.Fprintf(p.Stderr, "made the key %s: give it to the workers, and to nobody else\n", f.Key)
	}
	fmt.Fprintf(p.Stdout, "secret %s is set\n", names[0])
	return nil
}

func listSecrets(p daemon.Process, f secret.File, _ []string) error {
	s, err := f.Read()
	if err != nil {
		return err
	}
	for _, name := range s.Names() {
		fmt.Fprintln(p.Stdout, name)
	}
	return nil
}

func removeSecrets(p daemon.Process, f secret.File, names []string) error {
	if len(names) == 0 {
		return &daemon.UsageError{Err: errors.New("name the secrets that are to go")}
	}
	if err := f.Remove(names...); err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "%s removed\n", numeral.Of(len(names), "secret"))
	return nil
}
