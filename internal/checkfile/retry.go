package checkfile

import (
	"regexp"
	"strconv"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

var retryKeys = []string{"strategy", "base", "max", "max_duration", "cap", "jitter", "location", "only_on"}

// retry reads `retry: {strategy: …}`, or a strategy alone. It takes the place
// of the default as a whole.
func (o *object) retry(into *check.Retry) {
	n := o.value("retry")
	if n == nil {
		return
	}
	o.place("retry", n, true)
	r := check.Retry{Base: check.DefaultRetryBase, Max: check.DefaultRetryMax, MaxDuration: check.DefaultRetryMaxDuration}
	strategy := string(check.RetryExponential)
	if n.Kind == yaml.ScalarNode {
		v, ok := o.d.expanded(n, o.path+"retry")
		if !ok {
			o.place("retry", nil, false)
			return
		}
		strategy = v
		o.place("retry.strategy", n, true)
	} else {
		p, ok := o.d.object(n, o.path+"retry", o.path+"retry", retryKeys)
		if !ok {
			o.place("retry", nil, false)
			return
		}
		p.text("strategy", &strategy)
		p.duration("base", &r.Base)
		p.number("max", &r.Max)
		p.duration("max_duration", &r.MaxDuration)
		p.duration("cap", &r.Cap)
		p.percent("jitter", &r.Jitter)
		r.Elsewhere = p.choice("location", "other", "same")
		r.OnlyNetwork = p.choice("only_on", "network", "failure")
	}
	r.Strategy = check.RetryStrategy(strategy)
	if strategy == "none" || strategy == "" {
		r = check.Retry{}
	}
	*into = r
}

// choice reads one of two words, and reports whether it is the first.
func (o *object) choice(name, yes, no string) bool {
	first := false
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		if ok && s != yes && s != no {
			o.d.fault(n, "%s: %q is not known; use %s or %s", path, s, yes, no)
			return false
		}
		first = s == yes
		return ok
	})
	return first
}

var percentForm = regexp.MustCompile(`^([0-9]{1,3})\s*%?$`)

// percent reads `20%`.
func (o *object) percent(name string, into *int) {
	o.read(name, func(n *yaml.Node, path string) bool {
		s, ok := o.d.expanded(n, path)
		if !ok {
			return false
		}
		m := percentForm.FindStringSubmatch(s)
		if m == nil {
			o.d.fault(n, "%s: %q is not a share; write it as 20%%", path, s)
			return false
		}
		*into, _ = strconv.Atoi(m[1])
		return true
	})
}
