package assert

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

const library1 = `{"items": [{"id": 1, "ok": true, "price": 3.5}, {"id": 2, "ok": false}], "big": 12345678901234567890, "name": "tea"}`

// What the added functions say of one body, and in which words they refuse.
func TestLibrary(t *testing.T) {
	seen := API{Status: 200, Body: library1, Steps: map[string]*Seen{
		"login": See(API{Status: 201, Headers: map[string]string{"x-id": "7"}, Body: `{"token": "abc", "id": 1}`, Time: Times{Total: time.Second}}),
	}}
	for line, want := range map[string]string{
		`jq('.items[] | select(.ok) | .id') == 1`:                         "",
		`jq('.items[].id') == [1, 2]`:                                     "",
		`len(jq('[.items[] | select(.price)]')) == 1`:                     "",
		`jq('.items | map(.id) | add') == 3`:                              "",
		`jq('.big') == 12345678901234567890`:                              "the number is too large to write here",
		`string(jq('.big')) == '12345678901234567890'`:                    "",
		`jq('.nothing[]?') == nil`:                                        "",
		`jq('.items[2].id') == 3`:                                         `jq('.items[2].id') == 3 (jq(".items[2].id") is nil)`,
		`jq(json.items, '.[0].id') == 2`:                                  `jq(json.items, '.[0].id') == 2 (got 1)`,
		`jq('.name | . * 100000000') == ''`:                               "works on numbers here",
		`jq('.items[') == 1`:                                              "column 4: not a jq program",
		`jq('.name = 1') == 1`:                                            "an assignment is not available here",
		`jq('env.HOME') == 1`:                                             "jq's env is not available",
		`jq('$ENV.HOME') == 1`:                                            "jq's $ENV is not available",
		`jq('input') == 1`:                                                "jq's input is not available",
		`jq('now') == 1`:                                                  "jq's now is not available",
		`jq('def f: f; f') == 1`:                                          "more than a million steps",
		`jq('[range(100000000)] | length') == 1`:                          "more than a million steps",
		`jq('reduce range(60) as $i ("aaaa"; . + .) | length')==1`:        "needs too much memory",
		`jq('try (reduce range(60) as $i ("aaaa"; . + .)) catch 1') == 1`: "needs too much memory",
		"jq(`[limit(40; repeat(\"\\(.)\\(.)\"))] | length`) == 40":        "",
		"jq(`def d: (\"\\(.)\\(.)\" | d); \"aaaaaaaa\" | d`) == 40":       "needs too much memory",

		`schema({type: 'object', required: ['items', 'name']})`:                                         "",
		`schema('{"type": "object", "required": ["nope"]}')`:                                            "at /: missing property 'nope'",
		`schema(json.items, {type: 'array', items: {type: 'object', required: ['id', 'price']}})`:       "at /1: missing property 'price'",
		`not schema({type: 'array'})`:                                                                   "",
		`schema({type: 'nonsense'})`:                                                                    "column 8: not a JSON Schema",
		`schema({'$ref': 'https://a.example/s.json'})`:                                                  "write the schema out",
		`schema({'$ref': 'file:///etc/passwd'})`:                                                        "write the schema out",
		`schema(json)`:                                                                                  "schema needs its JSON Schema written out",
		`schema({properties: {big: {type: 'integer', maximum: 5}}})`:                                    "at /big:",
		`json.items[0].id == steps.login.json.id`:                                                       "",
		`steps.login.time.total < 2s and steps.login.headers['X-ID'] == '7'`:                            "",
		`steps.login.json.nope == 1`:                                                                    "steps.login.json.nope is missing",
		`steps.other.status == 200`:                                                                     "the step other has not run",
		`steps.login == 1`:                                                                              "is not a value by itself",
		`steps.login.nope == 1`:                                                                         "a step has no nope",
		`sha256('abc') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'`:           "",
		`hmacSHA256('key', 'The quick brown fox jumps over the lazy dog', 'base64') startsWith '97yD9'`: "",
		`sha1('abc', 'nonsense') == ''`:                                                                 "is not a form",
		`sha256(json.items) == ''`:                                                                      "needs text, not",
		`urlEncode('a b&') == 'a+b%26'`:                                                                 "",
		`urlDecode('%zz') == ''`:                                                                        "invalid URL escape",
		`hex(json.name) == '746561'`:                                                                    "",
		`now() > date('2020-01-01')`:                                                                    "now is not available: what an assertion says must depend on the answer alone",
		`uuid() == ''`:                                                                                  "uuid is not available",
		`secrets.token == ''`:                                                                           "there is no secrets",
		`status in [200, 204] and all(json.items, .id > 0) and any(json.items, {.ok})`:                  "",
	} {
		v := Judge(check.KindAPI, []string{line}, nil, seen)[0]
		if v.OK != (want == "") || !strings.Contains(v.Message, want) {
			t.Errorf("%s: %v %q, want %q", line, v.OK, v.Message, want)
		}
	}
}

// A schema that looks at a value again and again is stopped.
func TestSchemaIsBounded(t *testing.T) {
	body := strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)
	line := `schema({'$ref': '#/$defs/n', '$defs': {n: {anyOf: [` +
		`{properties: {a: {'$ref': '#/$defs/n'}}, required: ['b']}, {properties: {a: {'$ref': '#/$defs/n'}}, required: ['c']}]}}})`
	start := time.Now()
	v := Judge(check.KindAPI, []string{line}, nil, API{Body: body})[0]
	if v.OK || !strings.Contains(v.Message, "takes too long") {
		t.Errorf("%v %q", v.OK, v.Message)
	}
	t.Log(time.Since(start))
}

// Templates give values, of the sort that they are.
func TestValue(t *testing.T) {
	given := Given{
		Secrets: map[string]string{"token": "s3cr3t"},
		Steps:   map[string]*Seen{"a": See(API{Status: 200, Body: `{"id": 7, "list": [1], "big": 12345678901234567890}`})},
		Now:     func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
		Random:  bytes.NewReader(make([]byte, 1000)),
	}
	big1, _ := new(big.Int).SetString("12345678901234567890", 10)
	for src, want := range map[string]any{
		`secrets.token`:                        "s3cr3t",
		`toBase64("user:" + secrets.token)`:    "dXNlcjpzM2NyM3Q=",
		`steps.a.json.id`:                      7,
		`steps.a.json.id + 1`:                  8,
		`steps.a.json.list`:                    []any{1},
		`steps.a.json.big`:                     big1,
		`jq(steps.a.json, '.list[0]')`:         1,
		`now().Format("2006-01-02")`:           "2026-03-01",
		`(now() + 24h).Unix()`:                 1772452800,
		`uuid()`:                               "00000000-0000-4000-8000-000000000000",
		`randomHex(5)`:                         "00000",
		`randomInt(3, 9)`:                      3,
		`upper(secrets.token) + string(1 + 1)`: "S3CR3T2",
	} {
		e, err := Value(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		got, err := e.Eval(given)
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", src, err, d)
		}
	}
	for src, want := range map[string]string{
		`secrets.nope`:            "the secret nope is missing",
		`steps.b.status`:          "the step b has not run",
		`steps.a.json.nope`:       "steps.a.json.nope is missing",
		`steps.a.tls.days_left`:   "step a: tls.days_left is missing: the connection was not TLS",
		`"a" * 3`:                 "",
		`status`:                  "column 1: there is no status; a template has secrets, steps",
		`secrets["a b"]`:          "is not the name of a secret",
		`secrets`:                 "secrets is not a value",
		`repeat("a", 1000000000)`: "too much memory",
	} {
		e, err := Value(src)
		if err == nil {
			_, err = e.Eval(given)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
	e, err := Value(`secrets.a + steps.x.json.y + secrets.b + secrets.a`)
	if err != nil || !cmp.Equal(e.Secrets(), []string{"a", "b"}) || !cmp.Equal(e.Steps(), []string{"x"}) {
		t.Errorf("uses %v and %v, %v", e.Secrets(), e.Steps(), err)
	}
	var missing *NoValueError
	e, _ = Value(`steps.a.json.nope`)
	if _, err := e.Eval(given); !errors.As(err, &missing) || !missing.Missing {
		t.Errorf("%v", err)
	}
}
