package deployercmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/driver/dockerdriver"
	"github.com/probefleet/probefleet/internal/numeral"
	"github.com/probefleet/probefleet/internal/pipelinefile"
	"github.com/probefleet/probefleet/internal/promotion"
	"github.com/probefleet/probefleet/internal/redact"
)

// host is what `deployer instance` works with: the containers of this host.
type host struct {
	file, image, service, stage string

	driver  *dockerdriver.Driver
	count   int
	secrets *redact.Redactor
}

// instance sees to the containers of this host alone. What is wanted is in its
// flags and its file, what there is on the host: nothing is remembered, so that
// the same command ends in the same state whatever happened before.
func instance(ctx context.Context, p daemon.Process, c verb) error {
	f := daemon.NewFlags("deployer "+c.name, c.args, c.about, p)
	h := host{secrets: redact.New()}
	f.StringVar(&h.file, "file", "/etc/probefleet/instance.json", "the fields of the docker driver, for this host")
	f.Env("file", "PROBEFLEET_INSTANCE_FILE")
	f.StringVar(&h.image, "image", "", "image that the containers are to run, best with its digest")
	f.StringVar(&h.service, "service", "worker", "name of what runs, in the names and labels of the containers")
	f.StringVar(&h.stage, "stage", "instance", "second part of that name; containers of another service or stage are left alone")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	work := map[string]func(context.Context, daemon.Process) error{"up": h.up, "status": h.status, "down": h.down}
	if f.NArg() != 1 || work[f.Arg(0)] == nil {
		return &daemon.UsageError{Err: errors.New("say up, status or down (flags come before it)")}
	}
	if f.Arg(0) == "up" && h.image == "" {
		return &daemon.UsageError{Err: errors.New("no image: set PROBEFLEET_IMAGE or -image")}
	}
	if err := h.open(p); err != nil {
		return err
	}
	if err := work[f.Arg(0)](ctx, p); err != nil {
		return errors.New(h.secrets.Hide(err.Error()))
	}
	return nil
}

func (h *host) open(p daemon.Process) error {
	data, err := os.ReadFile(h.file)
	if err != nil {
		return &daemon.ExitError{Code: 2, Err: fmt.Errorf("reading the file of this instance: %w (name it by -file)", err)}
	}
	k, faults := pipelinefile.ParseInstance(h.file, data)
	if len(faults) > 0 {
		var errs []error
		for _, f := range faults {
			errs = append(errs, errors.New(f.String()))
		}
		return &daemon.ExitError{Code: 2, Err: errors.Join(errs...)}
	}
	settings, err := containers(k, p.Getenv, h.secrets.Add)
	if err != nil {
		return &daemon.ExitError{Code: 2, Err: err}
	}
	h.count = k.Count
	h.driver, err = dockerdriver.New(settings, h.service, h.stage)
	return err
}

// alone keeps other deployers off this host until release is called, or this
// process ends, however that happens.
func (h *host) alone() (release func(), err error) {
	// The folder: editors put a new file in the place of the old one.
	folder, err := os.Open(filepath.Dir(h.file))
	if err != nil {
		return nil, fmt.Errorf("opening the folder of %s: %w", h.file, err)
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another deployer is at work on this host (it holds %s): wait until it has ended, or end it; this command then goes on", folder.Name()), folder.Close())
	}
	return func() { _ = folder.Close() }, nil // the lock goes with it
}

func (h *host) up(ctx context.Context, p daemon.Process) error {
	release, err := h.alone()
	if err != nil {
		return err
	}
	defer release()
	id, err := h.driver.Image(ctx, h.image)
	if err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	began := time.Now()
	// A tag may come to mean another image: the id says which one it is.
	r := driver.Release{Service: h.service, Stage: h.stage, Commit: strings.TrimPrefix(id, "sha256:"), Image: h.image}
	if err := h.driver.Deploy(ctx, r); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %w; the same command goes on", err)
		}
		return fmt.Errorf("%s was not rolled out, and what it had replaced was put back: %w", h.image, err)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s %s %s (%s), after %s\n", numeral.Of(h.count, "container"), numeral.Pick(h.count, "runs", "run"), h.image, promotion.Short(r.Commit), time.Since(began).Round(100*time.Millisecond))
	return err
}

func (h *host) status(ctx context.Context, p daemon.Process) error {
	r, err := h.driver.Running(ctx)
	switch {
	case err != nil:
		return err
	case r.Commit == "":
		return fmt.Errorf("nothing runs of %s, where there should be %d", h.service, h.count)
	case r.Detail != "":
		return fmt.Errorf("%s; `deployer instance up` makes them one", r.Detail)
	}
	_, err = fmt.Fprintf(p.Stdout, "%s %s %s, since %s\n", numeral.Of(h.count, "container"), numeral.Pick(h.count, "runs", "run"), promotion.Short(r.Commit), r.Since.Format(time.RFC3339))
	return err
}

func (h *host) down(ctx context.Context, p daemon.Process) error {
	release, err := h.alone()
	if err != nil {
		return err
	}
	defer release()
	if err := h.driver.Down(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "no container of %s runs\n", h.service)
	return err
}
