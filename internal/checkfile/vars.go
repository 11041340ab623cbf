package checkfile

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/nearest"
	yaml "go.yaml.in/yaml/v4"
)

var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// scope is a set of variables, and what each environment puts in their place.
type scope struct {
	vars         map[string]string
	environments map[string]map[string]string
}

// scopes are the variables of a file and of its groups.
type scopes struct {
	file   scope
	groups map[string]scope
}

// of are the variables for the checks of a group: what is nearer to the check
// and what is meant for the environment goes before the rest, and the options'
// own before all.
func (s scopes) of(group string, o Options) map[string]string {
	vars := map[string]string{}
	for _, scope := range []scope{s.file, s.groups[group]} {
		maps.Copy(vars, scope.vars)
		maps.Copy(vars, scope.environments[o.Environment])
	}
	maps.Copy(vars, o.Vars)
	return vars
}

// allVariables reads `vars:`, `environments:` and `groups:` of a file.
func (d *decoder) allVariables(top *object) scopes {
	s := scopes{file: d.scope(top), groups: map[string]scope{}}
	n := top.value("groups")
	if n == nil {
		return s
	}
	groups, ok := d.object(n, "groups", "groups", nil)
	if !ok {
		return s
	}
	for _, f := range groups.fields {
		path := "groups." + f.name
		if g, ok := d.object(f.value, path, path, []string{"vars", "environments"}); ok {
			s.groups[f.name] = d.scope(g)
		}
	}
	return s
}

// scope reads `vars:` and `environments:` of an object.
func (d *decoder) scope(o *object) scope {
	s := scope{vars: d.variables(o.value("vars"), o.path+"vars"), environments: map[string]map[string]string{}}
	n := o.value("environments")
	if n == nil {
		return s
	}
	all, ok := d.object(n, o.path+"environments", o.path+"environments", nil)
	if !ok {
		return s
	}
	for _, f := range all.fields {
		if !varName.MatchString(f.name) {
			d.fault(f.key, "%q is not the name of an environment; use letters, digits, '_' and '-'", f.name)
			continue
		}
		s.environments[f.name] = d.variables(f.value, all.path+f.name)
		d.loader.environments = append(d.loader.environments, f.name)
	}
	return s
}

// variables are names and values.
func (d *decoder) variables(n *yaml.Node, path string) map[string]string {
	if n == nil {
		return nil
	}
	o, ok := d.object(n, path, path, nil)
	if !ok {
		return nil
	}
	vars := map[string]string{}
	for _, f := range o.fields {
		v, ok := d.scalar(f.value, o.path+f.name)
		switch {
		case !varName.MatchString(f.name):
			d.fault(f.key, "%q is not a name; use letters, digits, '_' and '-'", f.name)
			continue
		case !ok:
		case strings.Contains(v, "{{"):
			d.fault(f.value, "%s: a variable cannot refer to others; write the text out", o.path+f.name)
		}
		vars[f.name] = v
	}
	return vars
}

// unknownEnvironment reports an environment that no file knows: it would
// change nothing, which is not what was meant.
func (l *loader) unknownEnvironment() {
	name := l.options.Environment
	if name == "" || slices.Contains(l.environments, name) || len(l.faults) > 0 {
		return
	}
	known := slices.Compact(slices.Sorted(slices.Values(l.environments)))
	switch w := nearest.Word(name, known); {
	case len(known) == 0:
		l.fault("checks", 0, 0, "no file has an environment %q; write `environments: {%s: {name: value}}` at the top of one", name, name)
	case w != "":
		l.fault("checks", 0, 0, "no file has an environment %q; did you mean %s?", name, w)
	default:
		l.fault("checks", 0, 0, "no file has an environment %q; there are %s", name, strings.Join(known, ", "))
	}
}
