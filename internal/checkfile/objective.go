package checkfile

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
)

// objective reads what is promised of a check:
//
//	objective: 99.9%
//	objective: {target: 99.9%, window: 30d, policy: strict-v1}
func (o *object) objective(into *check.Objective) {
	o.read("objective", func(n *yaml.Node, path string) bool {
		*into = check.Objective{Window: check.DefaultObjectiveWindow, Policy: check.DefaultObjectivePolicy}
		if n.Kind == yaml.ScalarNode {
			return o.d.target(n, path, into)
		}
		a, ok := o.d.object(n, path, path, []string{"target", "window", "policy"})
		if !ok {
			return false
		}
		if !a.has("target") {
			o.d.fault(n, "%s has no target; write what is promised, such as 99.9%%", path)
			return false
		}
		a.read("target", func(n *yaml.Node, path string) bool { return a.d.target(n, path, into) })
		a.read("window", func(n *yaml.Node, path string) bool { return a.d.manyDays(n, path, &into.Window) })
		a.text("policy", &into.Policy)
		return true
	})
}

var exactShare = regexp.MustCompile(`^([0-9]{1,3}(\.[0-9]{1,4})?)\s*%$`)

// target reads a share with up to four decimals.
func (d *decoder) target(n *yaml.Node, path string, into *check.Objective) bool {
	s, ok := d.expanded(n, path)
	if !ok {
		return false
	}
	m := exactShare.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		d.fault(n, "%s: %q is no share; write percent with up to four decimals, such as 99.9%%", path, s)
		return false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	into.Target = int(math.Round(v * 1e4))
	return err == nil
}

// manyDays reads a time in days, or as any other.
func (d *decoder) manyDays(n *yaml.Node, path string, into *time.Duration) bool {
	s, ok := d.expanded(n, path)
	if !ok {
		return false
	}
	if m := days.FindStringSubmatch(s); m != nil {
		v, err := strconv.Atoi(m[1])
		*into = time.Duration(v) * 24 * time.Hour
		return err == nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		d.fault(n, "%s: %q is no time; write days, such as 30d", path, s)
		return false
	}
	*into = v
	return true
}

// objective writes what is promised, the target alone where the rest is at its
// default.
func (m *mapping) objective(o check.Objective) {
	if o.IsZero() {
		return
	}
	of := newMapping()
	of.text("target", o.Percent())
	if o.Window != check.DefaultObjectiveWindow {
		of.text("window", fmt.Sprintf("%dd", o.Window/(24*time.Hour)))
	}
	if o.Policy != check.DefaultObjectivePolicy {
		of.text("policy", o.Policy)
	}
	m.put("objective", short(of, "target"))
}
