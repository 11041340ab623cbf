package checkfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

var (
	ownKeys     = []string{"id", "name", "description", "kind", "depends_on"}
	apiKeys     = []string{"request", "expect", "degraded"}
	browserKeys = []string{"base", "viewport", "page", "recording", "steps", "expect", "degraded"}
	checkKeys   = slices.Concat(ownKeys, commonKeys, []string{"request", "base", "viewport", "page", "recording", "steps"}, netKeys(), []string{"expect", "degraded", "expect_failure"})
)

// check decodes one check and adds it to the others, or its faults.
func (d *decoder) check(n *yaml.Node) {
	d.at = maps.Clone(d.basePlaces)
	o, ok := d.object(n, "", "a check", checkKeys)
	if !ok {
		return
	}
	if len(d.loader.ids) >= MaxChecks {
		d.fault(n, "there are more than %d checks; split them over several installations", MaxChecks)
		d.spent = true
		return
	}
	before := len(d.loader.faults)
	d.runtime, d.earlier = false, nil
	d.vars = d.scopes.of(d.groupOf(o), d.loader.options)
	c := d.base
	c.Locations, c.Tags = slices.Clone(c.Locations), slices.Clone(c.Tags)
	o.text("id", &c.ID)
	o.text("name", &c.Name)
	o.text("description", &c.Description)
	c.Description = strings.TrimSpace(c.Description) // a block of text ends in a line break
	o.common(&c)
	o.texts("depends_on", &c.DependsOn)
	if !o.has("name") {
		c.Name = c.ID
		d.at["name"] = nil // what is wrong with it is wrong with the id
	}
	d.identify(o, &c)
	switch kind := o.kind(); kind {
	case check.KindAPI:
		c.Spec = o.api()
		if c.Timeout == 0 {
			c.Timeout = check.DefaultAPITimeout
		}
	case check.KindBrowser:
		c.Spec = o.browser()
		if c.Timeout == 0 {
			c.Timeout = check.DefaultBrowserTimeout
		}
	case check.KindHeartbeat:
		c.Spec = o.heartbeat(&c)
	case "":
		d.at["kind"], d.at["timeout"] = nil, nil
	default:
		c.Spec = o.net(kind)
		if c.Timeout == 0 {
			c.Timeout = check.DefaultAPITimeout
		}
	}
	if f := o.field("expect_failure"); f != nil && c.Spec != nil && c.Kind() != check.KindAPI {
		d.fault(f.key, "expect_failure: is for API checks")
	}
	for _, f := range c.Validate() {
		d.invalid(o, f)
	}
	if len(d.loader.faults) == before {
		d.loader.checks = append(d.loader.checks, c)
	}
}

// groupOf is the group whose variables hold for a check. The group itself may
// use those of the file.
func (d *decoder) groupOf(o *object) string {
	n := o.value("group")
	if n == nil {
		return d.base.Group
	}
	d.vars = d.scopes.of("", d.loader.options)
	faults := len(d.loader.faults)
	group, _ := d.expanded(n, "group")
	d.loader.faults = d.loader.faults[:faults] // it is read again, and reported then
	delete(d.failed, n)
	return group
}

// identify checks that the id is there and new.
func (d *decoder) identify(o *object, c *check.Check) {
	n := o.value("id")
	if n == nil {
		d.fault(o.node, "the check has no id; give it one that stays, such as `id: shop-login`")
		d.at["id"], d.at["name"] = nil, nil
		return
	}
	if c.ID == "" {
		return
	}
	if first, taken := d.loader.ids[c.ID]; taken {
		d.fault(n, "id %q is taken: the first is at %s:%d:%d; ids are unique over all files", c.ID, first.File, first.Line, first.Column)
		return
	}
	d.loader.ids[c.ID] = Fault{File: d.file, Line: n.Line, Column: n.Column}
}

// kind is what the check says, or what its keys make plain.
func (o *object) kind() check.Kind {
	if kind, ours := o.netKind(); ours {
		return kind
	}
	browser := slices.ContainsFunc([]string{"viewport", "page", "recording"}, o.has)
	request, steps := o.has("request"), o.has("steps") || browser
	said := o.value("kind")
	if said == nil {
		switch {
		case request && steps:
			o.d.fault(o.node, "the check has both request: and steps:; a check is either one request or steps, make two of it")
		case request, o.stepsOfRequests() && !browser:
			return check.KindAPI
		case steps:
			return check.KindBrowser
		default:
			o.d.fault(o.node, "the check does nothing; give it `request:` (an API check), `steps:` or `recording:` (a browser check), or one of %s", strings.Join(netKeys(), ", "))
		}
		return ""
	}
	name, ok := o.d.expanded(said, "kind")
	if !ok {
		return ""
	}
	kind := check.Kind(name)
	if !slices.Contains(check.Kinds, kind) {
		o.d.fault(said, "%q is not a kind; use api, browser, %s", name, strings.Join(netKeys(), ", "))
		return ""
	}
	for _, f := range o.fields {
		if kind == check.KindAPI && slices.Contains(browserKeys, f.name) && !slices.Contains(apiKeys, f.name) && f.name != "steps" {
			o.d.fault(f.key, "%s: is for browser checks, and this is `kind: api`", f.name)
		}
		if kind == check.KindBrowser && slices.Contains(apiKeys, f.name) && !slices.Contains(browserKeys, f.name) {
			o.d.fault(f.key, "%s: is for API checks, and this is `kind: browser`", f.name)
		}
	}
	switch {
	case kind == check.KindAPI && !request && !o.has("steps"):
		o.d.fault(o.node, "an API check needs `request:`, such as `request: https://example.com/`")
		return ""
	case kind == check.KindAPI && request && o.has("steps"):
		o.d.fault(o.field("steps").key, "the check has both request: and steps:; a check is either one request or steps, make two of it")
		return ""
	}
	return kind
}

// stepsOfRequests reports whether the steps are those of an API check: the
// first has a request.
func (o *object) stepsOfRequests() bool {
	n := o.value("steps")
	if n == nil || n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return false
	}
	first := o.d.resolve(n.Content[0])
	for i := 0; i+1 < len(first.Content) && first.Kind == yaml.MappingNode; i += 2 {
		if first.Content[i].Value == "request" {
			return true
		}
	}
	return false
}

// invalid reports what check.Validate found at the place where it is written,
// unless a fault was reported there already.
func (d *decoder) invalid(o *object, f check.Fault) {
	for path := f.Path; ; {
		n, known := d.at[path]
		switch {
		case known && n == nil:
			return
		case known:
			d.fault(n, "%s: %s", f.Path, f.Message)
			return
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	d.fault(o.node, "%s: %s", f.Path, f.Message)
}

// assertion is a line of a kind of check.
type assertion struct {
	kind check.Kind
	line string
}

func (d *decoder) compile(kind check.Kind, line string) error {
	a := assertion{kind, line}
	err, done := d.compiled[a]
	if !done {
		_, err = assert.Compile(kind, line)
		d.compiled[a] = err
	}
	return err
}

// assertions reads a list of assertion lines and compiles each.
func (o *object) assertions(name string, kind check.Kind) []string {
	items, ok := o.list(name)
	if !ok {
		return nil
	}
	d := o.d
	var lines []string
	for i, n := range items {
		path := fmt.Sprintf("%s%s[%d]", o.path, name, i)
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle == 0 {
			d.fault(n, "%s reads as a key and a value because of its \": \"; put quotes around the line", path)
			continue
		}
		line, places, ok := d.fill(n, path, false)
		if !ok {
			continue
		}
		var ce *assert.CompileError
		if errors.As(d.compile(kind, line), &ce) {
			d.failed[n] = true
			row, column := d.locate(n, written(places, ce.Column-1))
			message := ce.Message
			if d.comment(n) {
				message += ". What follows # is a comment here: put quotes around a line that contains #"
			}
			d.loader.fault(d.file, row, column, "%s: %s", path, message)
			continue
		}
		if why := d.unknownStepIn(kind, line); why != "" {
			d.fault(n, "%s: %s", path, why)
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// unknownStepIn says which step of a line is not there, "" where all are.
func (d *decoder) unknownStepIn(kind check.Kind, line string) string {
	if !strings.Contains(line, "steps") {
		return ""
	}
	a, err := assert.Compile(kind, line)
	if err != nil {
		return "" // that was reported
	}
	for _, id := range a.Steps() {
		if why := d.knownStep(id); why != "" {
			return why
		}
	}
	return ""
}
