package dockerdriver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/probefleet/probefleet/internal/driver"
)

// replace brings a container of the release up in a place, and then stops what
// else runs there. What is stopped is kept until the deploy is complete, so
// that it can be put back.
func (d *Driver) replace(ctx context.Context, r driver.Release, place int) error {
	list, err := d.at(ctx, place)
	if err != nil {
		return err
	}
	settings := d.settings(r.Image)
	ready := ""
	for _, u := range list {
		if !u.is(r, settings) {
			continue
		}
		if ready != "" { // a second one, of an interrupted deploy
			if err := d.end(ctx, u); err != nil {
				return err
			}
			continue
		}
		if err := d.up(ctx, u); err == nil {
			ready = u.id
		} else if rerr := d.end(ctx, u); rerr != nil || ctx.Err() != nil {
			return errors.Join(err, rerr)
		}
	}
	if ready == "" {
		u, err := d.create(ctx, r, place)
		if err != nil {
			return err
		}
		if err := d.up(ctx, u); err != nil {
			// Whoever interrupts us does not wait for a drain.
			if ctx.Err() != nil {
				return errors.Join(err, d.remove(context.WithoutCancel(ctx), u))
			}
			return errors.Join(err, d.end(ctx, u))
		}
		ready = u.id
	}
	for _, u := range list {
		if u.id != ready && u.running && !u.is(r, settings) {
			if err := d.stop(ctx, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// at lists the containers of a place, running ones first.
func (d *Driver) at(ctx context.Context, place int) ([]unit, error) {
	list, err := d.units(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(u unit) bool { return u.place != place })
	slices.SortStableFunc(list, func(a, b unit) int {
		switch {
		case a.running && !b.running:
			return -1
		case b.running && !a.running:
			return 1
		}
		return 0
	})
	return list, nil
}

// putBack undoes a deploy that failed: in every place what was stopped for it
// comes up again before what replaced it is removed.
func (d *Driver) putBack(ctx context.Context, bad driver.Release) error {
	list, err := d.units(ctx)
	if err != nil {
		return err
	}
	settings := d.settings(bad.Image)
	var errs []error
	for place := range d.s.Count {
		back := false
		for _, u := range list {
			if u.place == place && !u.is(bad, settings) && !back {
				if err := d.up(ctx, u); err != nil {
					errs = append(errs, fmt.Errorf("putting place %d back: %w", place, err))
					continue
				}
				back = true
			}
		}
		for _, u := range list {
			// Where nothing ran before, nothing is put back, and what failed goes.
			if u.place == place && u.is(bad, settings) {
				errs = append(errs, d.stop(ctx, u), d.remove(ctx, u))
			}
		}
	}
	return errors.Join(errs...)
}

// clear removes what the complete release has replaced, and what is in places
// that are no more.
func (d *Driver) clear(ctx context.Context, r driver.Release) error {
	list, err := d.units(ctx)
	if err != nil {
		return err
	}
	for _, u := range list {
		if u.place < d.s.Count && u.is(r, d.settings(r.Image)) {
			continue
		}
		if u.running {
			if err := d.stop(ctx, u); err != nil {
				return err
			}
		}
		if err := d.remove(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) create(ctx context.Context, r driver.Release, place int) (unit, error) {
	security := []string{"no-new-privileges"}
	if d.seccomp != "" {
		security = append(security, "seccomp="+d.seccomp)
	}
	tmpfs := map[string]string{}
	for _, folder := range d.s.Tmpfs {
		path, options, _ := strings.Cut(folder, ":")
		tmpfs[path] = options
	}
	host := &container.HostConfig{
		Binds: d.s.Binds, NetworkMode: container.NetworkMode(d.s.Network), CapDrop: []string{"ALL"}, SecurityOpt: security,
		ReadonlyRootfs: d.s.ReadOnly, Tmpfs: tmpfs, ShmSize: d.s.ShmSize,
		RestartPolicy: container.RestartPolicy{Name: "unless-stopped"},
		Resources:     container.Resources{Memory: d.s.Memory, NanoCPUs: int64(d.s.CPUs * 1e9)},
	}
	if d.s.Pids > 0 {
		host.PidsLimit = &d.s.Pids
	}
	settings := d.settings(r.Image)
	drain := int(d.s.Drain / time.Second)
	made, err := d.engine.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: fmt.Sprintf("%s-%s-%d-%.10s-%s", d.service, d.stage, place, r.Commit, strings.ToLower(rand.Text()[:6])),
		Config: &container.Config{
			Image: r.Image, Cmd: d.s.Command, Env: d.s.Env, StopTimeout: &drain,
			Labels: map[string]string{
				labelService: d.service, labelStage: d.stage, labelCommit: r.Commit,
				labelPlace: strconv.Itoa(place), labelSettings: settings,
			},
		},
		HostConfig: host,
	})
	if err != nil {
		return unit{}, fmt.Errorf("making a container of %s: %w", r.Image, err)
	}
	return unit{id: made.ID, commit: r.Commit, settings: settings, place: place}, nil
}

// up starts a container and waits until it is ready.
func (d *Driver) up(ctx context.Context, u unit) error {
	if !u.running {
		if _, err := d.engine.ContainerStart(ctx, u.id, client.ContainerStartOptions{}); err != nil {
			return fmt.Errorf("starting a container of %.10s: %w", u.commit, err)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d.s.Ready, fmt.Errorf("it was not ready within %s", d.s.Ready))
	defer cancel()
	began := time.Now()
	for {
		state, why, err := d.health(ctx, u.id)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case state == failed:
			return fmt.Errorf("it did not become ready: %s", why)
		case state == healthy, state == unchecked && (u.running || time.Since(began) >= d.settle):
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d.look):
		}
	}
}

// health is how a container is.
type health string

const (
	starting  health = "starting"
	healthy   health = "healthy"
	unchecked health = "unchecked" // it runs, and has no health check
	failed    health = "failed"
)

func (d *Driver) health(ctx context.Context, id string) (health, string, error) {
	c, err := d.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return "", "", fmt.Errorf("looking at a container: %w", err)
	}
	s := c.Container.State
	switch {
	case s == nil:
		return "", "", errors.New("the engine does not say how a container is")
	case c.Container.RestartCount > 0 && (s.Health == nil || s.Health.Status != container.Healthy):
		if s.ExitCode == 0 { // it runs again, and how it ended is forgotten
			return failed, "it ended and was started again", nil
		}
		return failed, fmt.Sprintf("it ended with exit code %d and was started again", s.ExitCode), nil
	case !s.Running && s.Status != "created":
		return failed, fmt.Sprintf("it ended with exit code %d %s", s.ExitCode, s.Error), nil
	case !s.Running:
		return starting, "", nil
	case s.Health == nil || s.Health.Status == container.NoHealthcheck || s.Health.Status == "":
		return unchecked, "", nil
	case s.Health.Status == container.Healthy:
		return healthy, "", nil
	case s.Health.Status == container.Unhealthy:
		return failed, "its health check fails" + said(s.Health), nil
	}
	return starting, "", nil
}

// said is what the newest health check printed, after a colon; "" where that
// is nothing.
func said(h *container.Health) string {
	if len(h.Log) == 0 {
		return ""
	}
	words := strings.Join(strings.Fields(h.Log[len(h.Log)-1].Output), " ")
	if words == "" {
		return ""
	}
	return fmt.Sprintf(": %.1000s", words)
}

// stop drains a container: SIGTERM, and after the time for it SIGKILL.
func (d *Driver) stop(ctx context.Context, u unit) error {
	seconds := int(d.s.Drain / time.Second)
	if _, err := d.engine.ContainerStop(ctx, u.id, client.ContainerStopOptions{Timeout: &seconds}); err != nil {
		return fmt.Errorf("stopping a container of %.10s: %w", u.commit, err)
	}
	return nil
}

// end drains a container that may run and removes it. One that never became
// ready may have taken jobs all the same.
func (d *Driver) end(ctx context.Context, u unit) error {
	if err := d.stop(ctx, u); err != nil {
		return err
	}
	return d.remove(ctx, u)
}

func (d *Driver) remove(ctx context.Context, u unit) error {
	if _, err := d.engine.ContainerRemove(ctx, u.id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		return fmt.Errorf("removing a container of %.10s: %w", u.commit, err)
	}
	return nil
}
