package checkfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/template"
	yaml "go.yaml.in/yaml/v4"
)

var apiStepKeys = []string{"id", "request", "expect", "degraded", "always"}

// api decodes what is special to an API check: one request, or steps.
func (o *object) api() *check.API {
	a := o.apiSteps()
	o.flag("expect_failure", &a.ExpectFailure)
	o.d.settle(a)
	return a
}

func (o *object) apiSteps() *check.API {
	if !o.has("steps") {
		return check.OneRequest(o.request(), o.assertions("expect", check.KindAPI), o.assertions("degraded", check.KindAPI))
	}
	for _, f := range o.fields {
		if f.name != "steps" && slices.Contains(apiKeys, f.name) {
			o.d.fault(f.key, "%s: belongs to a step, as the check has steps:; move it into one of them", f.name)
		}
	}
	items, ok := o.list("steps")
	if !ok {
		o.d.at["steps"] = nil
	}
	a := &check.API{}
	for i, n := range items {
		s := o.d.apiStep(n, i)
		a.Steps = append(a.Steps, s)
		o.d.earlier = append(o.d.earlier, s.ID)
	}
	return a
}

// apiStep decodes one step. Where it is not understood, its place is marked so
// that check.Validate's opinion of the rest is not asked for.
func (d *decoder) apiStep(n *yaml.Node, i int) check.APIStep {
	path := fmt.Sprintf("steps[%d]", i)
	d.at[path] = nil
	o, ok := d.object(n, path, "a step of an API check", apiStepKeys)
	if !ok {
		return check.APIStep{}
	}
	if !o.has("request") {
		if len(o.node.Content) == 2*len(o.fields) { // else an unknown key was reported
			d.fault(o.node, "%s has no request; write `request: https://example.com/`", path)
		}
		return check.APIStep{}
	}
	d.at[path] = o.node
	var s check.APIStep
	o.text("id", &s.ID)
	if !o.has("id") {
		d.fault(o.node, "%s has no id; name the step, such as `id: login`", path)
		d.at[path+".id"] = nil
	}
	o.flag("always", &s.Always)
	s.Request = o.request()
	s.Expect, s.Degraded = o.assertions("expect", check.KindAPI), o.assertions("degraded", check.KindAPI)
	return s
}

// settle decides whether the texts of the requests are templates. Where no
// expression is left for later they are not, and what was escaped is as it was
// meant.
func (d *decoder) settle(a *check.API) {
	a.Templates = d.runtime
	literals := template.NewValues(nil)
	for i := range a.Steps {
		r := &a.Steps[i].Request
		if !a.Templates {
			plain, err := r.Map(func(path, value string) (string, error) {
				if path == "json" || path == "graphql.variables" {
					return literals.FillJSON(value)
				}
				return literals.Fill(value)
			})
			if err == nil { // a text that has a fault was reported, and is no template
				*r = plain
			}
		}
		if r.BodyType == check.BodyJSON && (!a.Templates || !strings.Contains(r.Body, "{{")) {
			r.BodyType = check.BodyRaw // nothing is left to be done with it
		}
	}
}
