package template

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/redact"
)

func sample() *Values {
	v := NewValues(map[string]string{"token": "s3cr3t-token", "odd": "a\"b\nc"})
	v.Saw("login", assert.See(assert.API{Status: 200, Body: `{"id": 7, "name": "tea & \"milk\"", "list": [1, {"a": null}], "pi": 3.5}`}))
	v.Now = func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	v.Random = strings.NewReader(strings.Repeat("x", 64))
	return v
}

func TestFill(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                       "plain",
		"Bearer {{ secrets.token }}":  "Bearer s3cr3t-token",
		"{{secrets.token}}{{ 1 + 1}}": "s3cr3t-token2",
		`{{ "{{" }} {{ '}}' }}`:       "{{ }}",
		"{{ steps.login.json.id }}/{{ steps.login.json.list }}": `7/[1,{"a":null}]`,
		`{{ {"a": {"b": "}}"}}.a.b }}`:                          "}}",
		`{{ steps.login.json.pi }} {{ now() }}`:                 "3.5 2026-03-01T12:00:00Z",
		`{{ randomHex(4) }}`:                                    "7878",
		"it's {{ 1 }}":                                          "it's 1",
	} {
		got, err := sample().Fill(text)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"a": "{{ secrets.odd }}", "id": "{{ steps.login.json.id }}", "t": "no {{ steps.login.json.id }}", "all": "{{ steps.login.json.list }}"}`: `{"a": "a\"b\nc", "id": 7, "t": "no 7", "all": [1,{"a":null}]}`,
		`["{{ jq(steps.login.json, \".name\") }}"]`: `["tea & \"milk\""]`,
		`{"{{ secrets.token }}": 1}`:                `{"s3cr3t-token": 1}`,
		`{"a": "{{ \"{{\" }}"}`:                     `{"a": "{{"}`,
	} {
		got, err := sample().FillJSON(text)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestFillErrors(t *testing.T) {
	for text, want := range map[string]struct {
		message string
		target  bool
	}{
		"{{ secrets.nope }}":            {"{{ secrets.nope }} has no value: the secret nope is missing", false},
		"{{ steps.login.json.nope }}":   {"{{ steps.login.json.nope }} has no value: steps.login.json.nope is missing", true},
		"{{ fromBase64('%%') }}":        {"has no value", false},
		"{{ repeat('x', 2000000) }}":    {"memory budget exceeded", false},
		"{{ secrets.token":              {"{{ is not closed", false},
		"{{ nope }}":                    {"there is no nope; did you mean none? (a template has secrets, steps)", false},
		"{{ }}":                         {"is empty", false},
		"{{ steps.login.json.id and }}": {"", false},
	} {
		_, err := sample().Fill(text)
		if err == nil || !strings.Contains(err.Error(), want.message) {
			t.Errorf("%s: %v, want %s", text, err, want.message)
		}
		var fe *FillError
		if errors.As(err, &fe) && fe.Target != want.target {
			t.Errorf("%s: target %v", text, fe.Target)
		}
	}
	var at *Error
	if _, err := Parse("äb {{ secrets.a + nope }}"); !errors.As(err, &at) || at.At != 18 {
		t.Errorf("%+v", err)
	}
}

// What comes of a secret is hidden, not only the secret.
func TestWhatComesOfASecretIsHidden(t *testing.T) {
	v := sample()
	digest, err := v.Fill("{{ sha256(secrets.token) }}")
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Hidden().Hide("signed " + digest + " by s3cr3t-token"); got != "signed "+redact.Mark+" by "+redact.Mark {
		t.Errorf("%q", got)
	}
}

func TestNames(t *testing.T) {
	tpl, err := Parse("{{ secrets.b }} {{ secrets.a + steps.x.json.y }} {{ secrets.b }}")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b"}, tpl.Secrets()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x"}, tpl.Steps()); d != "" {
		t.Error(d)
	}
	if _, plain := tpl.Plain(); plain {
		t.Error("is plain")
	}
	for _, s := range []string{"", "{{", "a {{ b }} {{{{", "}}"} {
		tpl, err := Parse(Escape(s))
		if err != nil {
			t.Fatal(err)
		}
		if got, plain := tpl.Plain(); !plain || got != s {
			t.Errorf("%q came back as %q, %v", s, got, plain)
		}
	}
}

// Whatever the text, there is a text or an error, and no panic; what is escaped
// comes back.
func FuzzFill(f *testing.F) {
	for _, s := range []string{"{{ secrets.token }}", `{{ {"a": "}}"}.a }}`, "{{ steps.login.json.list[0] }}", `{"a": "{{ secrets.odd }}"}`, "{{ jq(steps.login.json, '.id') }}", "{{ '{{' }}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := sample()
		if got, err := v.Fill(text); err == nil && len(got) > MaxText {
			t.Errorf("%d bytes", len(got))
		}
		_, _ = v.FillJSON(text)
		if got, err := v.Fill(Escape(text)); err != nil || got != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	})
}

func BenchmarkFill(b *testing.B) {
	v := sample()
	for b.Loop() {
		if _, err := v.Fill("Bearer {{ secrets.token }}"); err != nil {
			b.Fatal(err)
		}
	}
}
