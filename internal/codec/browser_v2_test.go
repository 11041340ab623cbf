package codec

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
)

// Each field that version 2 added to a step, set by itself, keeps the check
// from readers that would run another step than is meant.
func TestEveryNewFieldOfAStepNeedsVersionTwo(t *testing.T) {
	old := map[string]bool{"Action": true, "Selector": true, "Value": true, "Timeout": true}
	steps := map[string]check.Step{
		"action":   {Action: check.ActionHover, Selector: "#menu"},
		"selector": {Action: check.ActionClick, Selector: "aria/Buy"},
	}
	typ := reflect.TypeFor[check.Step]()
	for i := range typ.NumField() {
		s := check.Step{Action: check.ActionClick, Selector: "#buy"}
		fill(reflect.ValueOf(&s).Elem().Field(i), "x")
		if name := typ.Field(i).Name; !old[name] {
			steps[name] = s
		}
	}
	for name, s := range steps {
		t.Run(name, func(t *testing.T) {
			c := sampleBrowser()
			b := c.Spec.(*check.Browser)
			b.Steps = append(b.Steps[:2:2], s)
			_, err := EncodeJobAt(1, sampleJob(c))
			e, ok := errors.AsType[*CannotDowncastError](err)
			if want := fmt.Sprintf("the step 3 (%s) of its browser check", s.Action); !ok || e.Lost != want {
				t.Errorf("got %v, want that it would lose %s", err, want)
			}
			if v := JobVersionOf(c); v != 2 {
				t.Errorf("job version %d", v)
			}
			if v := ResultVersionOf(c); v != 1 {
				t.Errorf("result version %d: what the steps found is evidence", v)
			}
		})
	}
	c := sampleBrowser()
	c.Spec.(*check.Browser).Page = &check.Page{}
	if _, err := EncodeJobAt(1, sampleJob(c)); err == nil {
		t.Error("page settings went into version 1")
	}
}

// sampleTemplates is a browser check whose steps are filled in where it runs.
func sampleTemplates() check.Check {
	c := sampleBrowser()
	b := c.Spec.(*check.Browser)
	b.Templates = true
	b.Steps = append(b.Steps[:1:1], check.Step{Action: check.ActionFill, Selector: "#key", Value: "{{ secrets.shop_key }}"})
	b.Page = &check.Page{User: "demo", Password: "{{ secrets.site }}", Headers: map[string]string{"X-Key": "{{ secrets.header }}"}}
	return c
}

// What the steps found is refused by version 1, and dropped only by name.
func TestPlainResultsFitVersionOne(t *testing.T) {
	r := newResultSamples()["browser-steps"]
	if _, err := EncodeResultAt(1, r); err == nil {
		t.Error("version 1 lost something silently")
	}
	if _, err := EncodeResultAt(1, r.Plain()); err != nil {
		t.Error(err)
	}
	if r.Steps[0].Element == "" {
		t.Error("Plain changed the result itself")
	}
}
