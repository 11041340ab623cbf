package runner

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/template"
)

// secrets finds secrets by name; secret.Store is one.
type secrets interface {
	Get(name string) (string, bool)
}

// Use makes m look up the secrets that checks name. Call it before the first
// Run; without it every check that names one is inconclusive.
func (m *Mux) Use(s secrets) { m.secrets = s }

// texted is a spec with templates: its texts, as far as they are.
type texted interface{ Texts() []string }

// values are what the templates of a check may use, and the names of the
// secrets that are not here.
func (m *Mux) values(j jobs.Job) (v *template.Values, missing []string) {
	found := map[string]string{}
	if spec, ok := j.Check.Spec.(texted); ok {
		for _, name := range template.SecretsOf(spec.Texts()) {
			value, ok := "", false
			if m.secrets != nil {
				value, ok = m.secrets.Get(name)
			}
			if !ok {
				missing = append(missing, name)
				continue
			}
			found[name] = value
		}
	}
	return template.NewValues(found), missing
}

// lacking is the result of a check whose secrets are not all here. The target
// was not looked at.
func lacking(j jobs.Job, missing []string) jobs.Result {
	res := jobs.ResultFor(j)
	what := fmt.Sprintf("the secret %s is", missing[0])
	if len(missing) > 1 {
		what = fmt.Sprintf("the secrets %s are", strings.Join(missing, ", "))
	}
	res.Excuse(jobs.FaultSecret, what+" not known at this location: add it with `probefleet secret set`, and name the file to the worker by -secrets and -secrets-key")
	return res
}

// hide takes every secret of a run out of all that was seen.
func hide(res *jobs.Result, hidden *redact.Redactor) {
	if hidden.Empty() {
		return
	}
	if res.Fault != nil {
		f := *res.Fault
		res.Fault = &f
	}
	for _, part := range []any{&res.Fault, &res.Verdicts, &res.Steps, &res.Evidence} {
		hideIn(reflect.ValueOf(part).Elem(), hidden)
	}
}

// hideIn goes by type, so that no field that a result gains is forgotten. Left
// alone are the keys of artifacts, which name files, and what a check says
// itself.
func hideIn(v reflect.Value, hidden *redact.Redactor) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() {
			v.SetString(hidden.Hide(s))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			hideIn(v.Elem(), hidden)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(hidden.Hide(string(v.Bytes()))))
			return
		}
		for i := range v.Len() {
			hideIn(v.Index(i), hidden)
		}
	case reflect.Map:
		hideInMap(v, hidden)
	case reflect.Struct:
		for f, field := range v.Fields() {
			if f.IsExported() && f.Name != "Key" && f.Name != "Expr" {
				hideIn(field, hidden)
			}
		}
	}
}

func hideInMap(v reflect.Value, hidden *redact.Redactor) {
	if v.IsNil() || v.Type().Key().Kind() != reflect.String {
		return
	}
	made := reflect.MakeMapWithSize(v.Type(), v.Len())
	for k, e := range v.Seq2() {
		key, value := reflect.New(k.Type()).Elem(), reflect.New(e.Type()).Elem()
		key.Set(k)
		value.Set(e)
		hideIn(key, hidden)
		hideIn(value, hidden)
		made.SetMapIndex(key, value)
	}
	v.Set(made)
}
