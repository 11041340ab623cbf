// Package dockerdriver drives a stage that is a number of equal containers on
// this host, through the HTTP API of the Docker Engine. It owns how they are
// replaced: one place after the other, the new container up and ready before
// the old one is drained, and everything put back where one does not become
// ready. It refuses to touch a container that does not bear the stage's labels.
package dockerdriver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/probefleet/probefleet/internal/driver"
	"github.com/probefleet/probefleet/internal/numeral"
)

// Settings are what every container of the stage is started with. Capabilities
// are always dropped, and none can be gained.
type Settings struct {
	Socket   string
	Count    int
	Command  []string
	Env      []string // NAME=value
	Network  string
	Memory   int64 // bytes
	CPUs     float64
	ShmSize  int64 // bytes
	Tmpfs    []string
	Binds    []string
	ReadOnly bool
	// Seccomp is a file; "" for the engine's own profile.
	Seccomp string
	Pids    int64
	// Ready is how long a container may take to become ready, Drain how long
	// an old one gets after SIGTERM.
	Ready, Drain time.Duration
	Pull         bool
}

// The labels of our containers.
const (
	labelService  = "probefleet.deployer.service"
	labelStage    = "probefleet.deployer.stage"
	labelCommit   = "probefleet.deployer.commit"
	labelPlace    = "probefleet.deployer.place"
	labelSettings = "probefleet.deployer.settings"
)

// Driver drives one stage. It is safe for concurrent use; deploys wait for each
// other.
type Driver struct {
	engine         *client.Client
	s              Settings
	service, stage string
	seccomp        string
	// look is how often a container that starts is looked at, settle how long
	// one without a health check has to run until it counts as ready.
	look, settle time.Duration
	deploying    sync.Mutex
}

// New makes a Driver of a stage. It does not speak to the engine yet.
func New(s Settings, service, stage string) (*Driver, error) {
	engine, err := client.New(client.WithHost(s.Socket), client.WithUserAgent("probefleet-deployer"))
	if err != nil {
		return nil, fmt.Errorf("the engine at %q: %w", s.Socket, err)
	}
	d := &Driver{engine: engine, s: s, service: service, stage: stage, look: 500 * time.Millisecond, settle: 10 * time.Second}
	if s.Seccomp != "" {
		profile, err := os.ReadFile(s.Seccomp)
		if err != nil {
			return nil, fmt.Errorf("reading the seccomp profile: %w", err)
		}
		d.seccomp = string(profile)
	}
	return d, nil
}

// settings is a digest of what containers are started with, the image
// included: configuration is a part of the version.
func (d *Driver) settings(image string) string {
	s := d.s
	s.Socket, s.Count, s.Ready, s.Drain, s.Pull = "", 0, 0, 0, false
	data, err := json.Marshal([]any{s, d.seccomp, image})
	if err != nil {
		panic("dockerdriver: settings that cannot be written: " + err.Error()) // plain values all
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// unit is one of our containers.
type unit struct {
	id, commit, settings string
	place                int
	running              bool
	created              time.Time
}

func (u unit) is(r driver.Release, settings string) bool {
	return u.commit == r.Commit && u.settings == settings
}

// units lists our containers, stopped ones too, the newest first.
func (d *Driver) units(ctx context.Context) ([]unit, error) {
	found, err := d.engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: client.Filters{}.Add("label", labelService+"="+d.service, labelStage+"="+d.stage),
	})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	var list []unit
	for _, c := range found.Items {
		place, err := strconv.Atoi(c.Labels[labelPlace])
		if err != nil || c.Labels[labelService] != d.service || c.Labels[labelStage] != d.stage {
			continue // not one of ours
		}
		list = append(list, unit{
			id: c.ID, commit: c.Labels[labelCommit], settings: c.Labels[labelSettings], place: place,
			running: c.State == "running", created: time.Unix(c.Created, 0).UTC(),
		})
	}
	slices.SortFunc(list, func(a, b unit) int {
		if n := b.created.Compare(a.created); n != 0 {
			return n
		}
		return strings.Compare(a.id, b.id)
	})
	return list, nil
}

// Running says what most of the running containers are; Since is when the
// newest of them was made.
func (d *Driver) Running(ctx context.Context) (driver.Running, error) {
	list, err := d.units(ctx)
	if err != nil {
		return driver.Running{}, err
	}
	type version struct{ commit, settings string }
	counts := map[version]int{}
	out, total := driver.Running{}, 0
	for _, u := range list {
		if !u.running {
			continue
		}
		total++
		counts[version{u.commit, u.settings}]++
		if u.created.After(out.Since) {
			out.Since = u.created
		}
	}
	best := 0
	var words []string
	for v, n := range counts {
		if n > best || n == best && v.commit < out.Commit {
			best, out.Commit = n, v.commit
		}
		words = append(words, fmt.Sprintf("%d %s %.10s", n, numeral.Pick(n, "runs", "run"), v.commit))
	}
	slices.Sort(words)
	if out.Mixed = len(counts) > 1; out.Mixed || total > 0 && total != d.s.Count {
		out.Detail = fmt.Sprintf("%s, of %d", strings.Join(words, ", "), d.s.Count)
	}
	return out, nil
}

// Ready looks whether every place has a running, healthy container of the
// release and nothing else runs.
func (d *Driver) Ready(ctx context.Context, r driver.Release) (driver.Progress, error) {
	list, err := d.units(ctx)
	if err != nil {
		return driver.Progress{}, err
	}
	places := map[int]bool{}
	for _, u := range list {
		switch {
		case !u.running:
		case !u.is(r, d.settings(r.Image)):
			return driver.Progress{State: driver.Pending, Detail: fmt.Sprintf("place %d still runs %.10s", u.place, u.commit)}, nil
		default:
			places[u.place] = true
			state, why, err := d.health(ctx, u.id)
			if err != nil {
				return driver.Progress{}, err
			}
			if state == failed {
				return driver.Progress{State: driver.Failed, Detail: fmt.Sprintf("place %d: %s", u.place, why)}, nil
			}
		}
	}
	if len(places) != d.s.Count {
		return driver.Progress{State: driver.Pending, Detail: fmt.Sprintf("%d of %d run", len(places), d.s.Count)}, nil
	}
	return driver.Progress{State: driver.Ready}, nil
}

// Deploy replaces the containers one by one. Where one of the new ones does not
// become ready, those that were replaced are put back, and the error says which
// one it was. Called again after it was interrupted, it goes on.
func (d *Driver) Deploy(ctx context.Context, r driver.Release) error {
	d.deploying.Lock()
	defer d.deploying.Unlock()
	if _, err := d.Image(ctx, r.Image); err != nil {
		return err // nothing was touched
	}
	for place := range d.s.Count {
		if err := d.replace(ctx, r, place); err != nil {
			// A deploy whose time is over, or whose place another one takes, is
			// put back by whoever decides so.
			if ctx.Err() != nil {
				return fmt.Errorf("place %d: %w", place, context.Cause(ctx))
			}
			return errors.Join(fmt.Errorf("place %d: %w", place, err), d.putBack(ctx, r))
		}
	}
	return d.clear(ctx, r)
}

// Rollback is a deploy of what ran before. What it cannot bring up is left as
// it is: the next one to be asked for comes in its place.
func (d *Driver) Rollback(ctx context.Context, r driver.Release) error {
	d.deploying.Lock()
	defer d.deploying.Unlock()
	if _, err := d.Image(ctx, r.Image); err != nil {
		return err
	}
	for place := range d.s.Count {
		if err := d.replace(ctx, r, place); err != nil {
			return fmt.Errorf("place %d: %w", place, err)
		}
	}
	return d.clear(ctx, r)
}

// Down drains every container of the stage, all at the same time, and removes
// them. Called again after it was interrupted, it goes on.
func (d *Driver) Down(ctx context.Context) error {
	d.deploying.Lock()
	defer d.deploying.Unlock()
	list, err := d.units(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, u := range list {
		all.Go(func() {
			if errs[i] = d.stop(ctx, u); errs[i] == nil {
				errs[i] = d.remove(ctx, u)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Image sees to it that the image is on the host, and answers its id, which
// tells it from another image of the same name.
func (d *Driver) Image(ctx context.Context, name string) (id string, err error) {
	if d.s.Pull {
		pull, err := d.engine.ImagePull(ctx, name, client.ImagePullOptions{})
		if err != nil {
			return "", fmt.Errorf("pulling %s: %w", name, err)
		}
		if err := pull.Wait(ctx); err != nil {
			return "", fmt.Errorf("pulling %s: %w", name, err)
		}
	}
	found, err := d.engine.ImageInspect(ctx, name)
	if err != nil {
		return "", fmt.Errorf("the image %s: %w", name, err)
	}
	return found.ID, nil
}
