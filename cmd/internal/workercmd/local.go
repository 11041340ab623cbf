package workercmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/locality"
	"github.com/probefleet/probefleet/internal/vitals"
)

// localFlags adds what tells faults of this place from those of the targets.
func (c *Config) localFlags(f *daemon.Flags) {
	f.StringVar(&c.Canaries, "canaries", "", "hosts that are asked when a check fails: where most are silent, the fault is this location's; host:port or URLs, by commas, three that do not depend on each other; empty asks none")
	f.IntVar(&c.MinDisk, "min-disk", vitals.DefaultMinDisk>>20, "MiB that the browser's and the artifacts' folder need; with less no job is taken")
	f.IntVar(&c.MinMemory, "min-memory", vitals.DefaultMinMemory>>20, "MiB of memory that have to be left; with less no job is taken")
}

func (c *Config) localFaults() error {
	var fs []error
	if _, err := locality.ParseCanaries(c.Canaries); err != nil {
		fs = append(fs, fmt.Errorf("-canaries: %w", err))
	}
	if c.MinDisk < 0 || c.MinMemory < 0 {
		fs = append(fs, fmt.Errorf("-min-disk %d and -min-memory %d: use MiB, 0 for the default", c.MinDisk, c.MinMemory))
	}
	for name, list := range map[string]string{"allow": c.Allow, "deny": c.Deny} {
		if _, err := egress.ParsePrefixes(list); err != nil {
			fs = append(fs, fmt.Errorf("-%s: %w", name, err))
		}
	}
	return errors.Join(fs...)
}

// policy is what this location may dial: checks and canaries alike.
func (c Config) policy() *egress.Policy {
	allow, _ := egress.ParsePrefixes(c.Allow) // faults were reported
	deny, _ := egress.ParsePrefixes(c.Deny)
	if c.AllowPrivate {
		allow = append(allow, egress.Private...)
	}
	return egress.NewPolicy(allow, deny)
}

// local wraps next so that this place's own faults are never a target's. well
// says what of this machine is exhausted.
func (c Config) local(ctx context.Context, next runner.Runner, kit daemon.Kit) (r *locality.Runner, well func() error, err error) {
	canaries, err := locality.ParseCanaries(c.Canaries)
	if err != nil {
		return nil, nil, fmt.Errorf("-canaries: %w", err)
	}
	v := vitals.New(vitals.Options{
		Folders: c.folders(), MinDisk: uint64(c.MinDisk) << 20, MinMemory: uint64(c.MinMemory) << 20, Metrics: kit.Metrics,
	})
	kit.Ready.Add("machine", func(context.Context) error { return v.Check() })
	r = &locality.Runner{Next: next, Well: v.Check}
	if len(canaries) > 0 {
		r.Guard = locality.NewGuard(locality.Options{
			Location: c.Location, Canaries: canaries, Control: c.policy().Control,
			Logger: kit.Log, Metrics: locality.NewMetrics(kit.Metrics),
		})
		if !slices.ContainsFunc(canaries, locality.Canary.Named) {
			kit.Log.Warn("no canary has a name: where this location's DNS is away, targets that do not resolve count as down; name one by its host")
		}
		go r.Guard.Learn(ctx)
	}
	return r, v.Check, nil
}

// folders are those that checks write to.
func (c Config) folders() []string {
	var folders []string
	if c.BrowserSlots == 0 {
		return nil // nothing is written by an API check
	}
	if c.BrowserDir != "" {
		folders = append(folders, c.BrowserDir)
	}
	if u, err := url.Parse(c.Artifacts); err == nil && u.Scheme == "file" {
		folders = append(folders, u.Path)
	}
	return folders
}
