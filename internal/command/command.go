// Package command runs the programs of other people: builds that are asked
// for their state, deploys that are scripts. It owns what they may see of us
// (the environment without some of it), how long they may take and how much
// they may say. It refuses to run anything through a shell.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// TempFail is the exit code of a command that cannot tell yet, that of
// EX_TEMPFAIL in sysexits(3).
const TempFail = 75

// maxOutput is how much of a command's output is kept.
const maxOutput = 64 << 10

// Runner runs commands.
type Runner struct {
	// Without are variables of our environment that commands do not get.
	Without []string
	// Timeout bounds each command.
	Timeout time.Duration
	// Hide takes secrets out of what commands say; nil for as it is.
	Hide func(string) string
}

// Result is how a command ended.
type Result struct {
	Code   int
	Stdout string
	// Last is the last line that it wrote, of standard error if there is one.
	Last string
}

// Run runs argv in a folder, "" for ours, with more variables. An exit code
// other than 0 is no error; that it could not be run, was killed or took too
// long is. The end of ctx kills the command and what it started.
func (r Runner) Run(ctx context.Context, folder string, more []string, argv ...string) (Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Timeout, fmt.Errorf("it took longer than %s", r.Timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = folder
	cmd.Env = append(r.environment(), more...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, problems := &tail{}, &tail{}
	cmd.Stdout, cmd.Stderr = out, problems
	err := cmd.Run()
	hide := r.Hide
	if hide == nil {
		hide = func(s string) string { return s }
	}
	result := Result{Stdout: hide(out.String()), Last: hide(lastLine(problems.String()))}
	if result.Last == "" {
		result.Last = lastLine(result.Stdout)
	}
	if ctx.Err() != nil {
		return result, fmt.Errorf("running %s: %w", argv[0], context.Cause(ctx))
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		result.Code = exit.ExitCode()
		return result, nil
	}
	if err != nil {
		return result, fmt.Errorf("running %s: %w%s", argv[0], err, said(result.Last))
	}
	return result, nil
}

func said(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}

func (r Runner) environment() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(r.Without, name)
	})
}

// lastLine is the last line that says anything, at most 200 bytes of it.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	return strings.ToValidUTF8(line[:min(len(line), 200)], "")
}

// tail keeps the end of what is written to it.
type tail struct{ buf bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if over := t.buf.Len() - maxOutput; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return t.buf.String() }

// Fill replaces {name} in every word by its value; a name that is not known
// stays as it is.
func Fill(words []string, values map[string]string) []string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
	}
	r := strings.NewReplacer(pairs...)
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = r.Replace(w)
	}
	return out
}
