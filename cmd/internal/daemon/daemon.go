// Package daemon holds what every command shares at boot: the process's
// surroundings, signals, flags, logs, and the admin server with /healthz,
// /readyz and /metrics. It refuses to know any service.
package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Process is what a command gets from the operating system; tests make their
// own.
type Process struct {
	Args           []string // without the program's name
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Hurry, where it is set, is closed when a drain that is under way should
	// be cut short.
	Hurry <-chan struct{}
}

// ExitError carries an exit code other than 1. Err may be nil where everything
// was said already.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}
func (e *ExitError) Unwrap() error { return e.Err }

// Main runs a command and exits: 0 when run returned nil or after -h, 2 on
// wrong usage, else 1 or the code of an [ExitError]. The first SIGINT or
// SIGTERM cancels run's context, which starts the drain. A second one closes
// [Process.Hurry]: the drain is cut short and the exit code is 130. A third
// one, or five seconds after the second, ends the process as it stands.
func Main(run func(ctx context.Context, p Process) error) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	hurry := make(chan struct{})
	go heed(signals, cancel, func() { close(hurry) })
	err := run(ctx, Process{Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Hurry: hurry})
	cancel()
	select {
	case <-hurry:
		os.Exit(hurriedCode)
	default:
		os.Exit(exitCode(err, os.Stderr))
	}
}

const (
	// hurriedCode is the exit code of a process whose drain was cut short, by
	// custom that of SIGINT.
	hurriedCode = 130
	// hurriedEnd is how long a drain that was cut short may take to end.
	hurriedEnd = 5 * time.Second
)

// heed follows the signals; it ends with the process.
func heed(signals <-chan os.Signal, drain, hurry func()) {
	<-signals
	drain()
	s := <-signals
	fmt.Fprintf(os.Stderr, "second signal (%s): cutting the drain short; what was running is run again elsewhere\n", s)
	hurry()
	select {
	case <-signals:
		fmt.Fprintln(os.Stderr, "third signal: ending at once; what was running is run again when its lease ends")
	case <-time.After(hurriedEnd):
		fmt.Fprintf(os.Stderr, "the stop takes longer than %s: ending at once; what was running is run again when its lease ends\n", hurriedEnd)
	}
	os.Exit(hurriedCode)
}

func exitCode(err error, stderr io.Writer) int {
	var exit *ExitError
	var usage *UsageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &exit):
		if exit.Err != nil {
			fmt.Fprintln(stderr, exit.Err)
		}
		return exit.Code
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, err)
		return 2
	}
	fmt.Fprintln(stderr, err)
	return 1
}

// build is set by the linker, see the Makefile.
var build string

// Build is the version of this program: what the linker was told, else its
// module version, else the commit it was built from, else "devel".
func Build() string {
	if build != "" {
		return build
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "devel"
}

// NewLogger makes the logger of a daemon; format is json or text, level one of
// debug, info, warn, error.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is not known: use debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return nil, fmt.Errorf("log format %q is not known: use json or text", format)
}

// Listen opens a TCP listener. Where the port is taken and next is true, the
// following 50 ports are tried; otherwise a taken port is an error that names
// flagName.
func Listen(ctx context.Context, addr, flagName string, next bool) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q of -%s is not HOST:PORT: %w", addr, flagName, err)
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, fmt.Errorf("address %q of -%s: %w", addr, flagName, err)
	}
	tries := 1
	if next && number != 0 {
		tries = 50
	}
	for i := range tries {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, fmt.Sprint(number+i)))
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listening on %s: %w", addr, err)
		}
	}
	if tries > 1 {
		return nil, fmt.Errorf("ports %d to %d of %s are all taken: choose another by -%s", number, number+tries-1, host, flagName)
	}
	return nil, fmt.Errorf("%s is taken by another program: stop it, or choose another address by -%s", addr, flagName)
}
