package plan

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

func sample() check.Check {
	return check.Check{
		ID: "shop", Name: "Shop", Every: time.Minute, Timeout: time.Second, Locations: []string{"local"}, Active: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "https://shop.example/", MaxBody: 1, Headers: map[string]string{"accept": "a"}}, []string{"status == 200"}, nil),
	}
}

func lines(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		word := func(s *string) string {
			if s == nil {
				return "-"
			}
			return *s
		}
		fmt.Fprintf(&b, "%s: %s > %s\n", c.Path, word(c.Before), word(c.After))
	}
	return b.String()
}

func TestDiff(t *testing.T) {
	if d := Diff(sample(), sample()); d != nil {
		t.Errorf("nothing differs: %v", d)
	}
	same := sample()
	same.Tags = []string{}
	if d := Diff(sample(), same); d != nil {
		t.Errorf("an empty list differs from none: %v", d)
	}
	after := sample()
	after.Every, after.Muted, after.Description = 90*time.Second, true, "new"
	step := &after.Spec.(*check.API).Steps[0]
	step.Request.URL, step.Request.MaxBody = "https://shop.example/b", 2
	step.Request.Headers = map[string]string{"accept": "a", "x": "1"}
	step.Request.Auth = &check.Auth{User: "me", Password: "geheim"}
	step.Expect = append([]string{"size > 0"}, step.Expect...)
	const want = `description: - > new
every: 1m0s > 1m30s
expect[0]: status == 200 > size > 0
expect[1]: - > status == 200
muted: false > true
request.auth.password: - > (hidden)
request.auth.user: - > me
request.headers.x: - > 1
request.max_body: 1 > 2
request.url: https://shop.example/ > https://shop.example/b
`
	if d := cmp.Diff(want, lines(Diff(sample(), after))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	other := sample()
	other.Spec = &check.Browser{Steps: []check.Step{{Action: check.ActionOpen, Value: "https://shop.example/"}}}
	if got := lines(Diff(sample(), other)); !strings.Contains(got, "kind: api > browser") || !strings.Contains(got, "steps[0].value: - > https") {
		t.Errorf("another kind:\n%s", got)
	}
	// A secret that changes is seen to change, and not seen.
	one, two := sample(), sample()
	one.Spec.(*check.API).Steps[0].Request.Auth = &check.Auth{Bearer: "geheim-1"}
	two.Spec.(*check.API).Steps[0].Request.Auth = &check.Auth{Bearer: "geheim-2"}
	if got := lines(Diff(one, two)); got != "request.auth.bearer: (hidden) > (hidden)\n" {
		t.Errorf("secrets:\n%s", got)
	}
}

func TestPathsAreInOrder(t *testing.T) {
	a, b := check.Check{Spec: &check.Browser{}}, check.Check{Spec: &check.Browser{}}
	for range 12 {
		b.Spec.(*check.Browser).Steps = append(b.Spec.(*check.Browser).Steps, check.Step{Action: check.ActionOpen})
	}
	got := lines(Diff(a, b))
	if strings.Index(got, "steps[2]") > strings.Index(got, "steps[10]") {
		t.Errorf("order:\n%s", got)
	}
}

// Whatever a check has or will have: a difference in any of its fields is
// reported.
func TestEveryFieldIsCompared(t *testing.T) {
	for _, spec := range []check.Spec{&check.API{Steps: []check.APIStep{{}}}, &check.Browser{Steps: []check.Step{{}}}} {
		base := check.Check{ID: "x", Spec: spec}
		v := reflect.ValueOf(base)
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Name == "Spec" {
				continue
			}
			other := base
			set(reflect.ValueOf(&other).Elem().Field(i))
			if Diff(base, other) == nil {
				t.Errorf("a change of %s is not seen", f.Name)
			}
		}
		fields := reflect.TypeOf(spec).Elem()
		for i := range fields.NumField() {
			fresh := reflect.New(fields)
			fresh.Elem().Set(reflect.ValueOf(spec).Elem())
			set(fresh.Elem().Field(i))
			other := base
			other.Spec = fresh.Interface().(check.Spec)
			if Diff(base, other) == nil {
				t.Errorf("a change of %s.%s is not seen", fields.Name(), fields.Field(i).Name)
			}
		}
	}
}

// set gives v another value than it has.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		item := reflect.New(v.Type().Elem()).Elem()
		set(item)
		v.Set(reflect.Append(v, item))
	case reflect.Map:
		key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		set(key)
		set(item)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, item)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				set(v.Field(i))
			}
		}
	}
}
