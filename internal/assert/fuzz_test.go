package assert

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/probefleet/probefleet/internal/check"
)

var seeds = []string{
	`status == 200 && time.total < 800ms`, `json.nested.deep.x == 'y' or not (json.n in [1, 2.5])`,
	`any(json.items, {.id == 3 and #index > 1})`, `let x = json.n; x ** 2 % 2 == -1 ? true : json.f / 2 > .5`,
	`reduce(sortBy(json.items, .id), #acc + .id, 0) == sum(map(json.items, .id))`, `json.tags[0:1] == ["a"]`,
	`headers['x'] ?? 'y' | trim() | split(",") | len() > 0`, `groupBy(1..5, # > 2)[true][0] == 3`, "body matches `^{`",
	`date("2024-01-01").Year() == 2024`, `1 < status <= 503`, `if json.ok { true } else { 1h2m3.5s > 2m }`, `json?.a?.["b"]?.c == nil`,
	`first(keys(json)) startsWith "a" and toJSON(json.tags) == '["a","b"]'`, `flatten([[1], [2]]) == uniq([1, 2, 2])`,
}

// Whatever the line and the body, there is a verdict and no panic; the message
// is text of a bounded size, there where and only where the line does not hold.
func FuzzJudge(f *testing.F) {
	for _, s := range seeds {
		f.Add(s, shop.Body)
	}
	f.Fuzz(func(t *testing.T, line, body string) {
		seen := shop
		seen.Body = body
		for _, kind := range check.Kinds {
			if _, err := Compile(kind, line); err != nil {
				ce := err.(*CompileError)
				if n := utf8.RuneCountInString(line); ce.Column < 1 || ce.Column > n+1 {
					t.Errorf("column %d of a line of %d characters: %s", ce.Column, n, ce.Message)
				}
			}
		}
		v := Judge(check.KindAPI, []string{line}, nil, seen)[0]
		if v.OK != (v.Message == "") || len(v.Message) > 16<<10 || utf8.ValidString(line) && !utf8.ValidString(v.Message) {
			t.Errorf("%v %q", v.OK, v.Message)
		}
	})
}

// Where expr's own machine gives true or false and nothing is missing, so do
// we, and the same.
func FuzzSameAsExpr(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	o := &observation{api: shop}
	env := apiWords{
		Status: shop.Status, Headers: shop.Headers, Body: shop.Body, JSON: o.document(), IP: shop.IP,
		Time: timeWords{Total: shop.Time.Total, DNS: shop.Time.DNS, FirstByte: shop.Time.FirstByte},
		Size: int(shop.Size), URL: shop.URL, Redirects: shop.Redirects,
	}
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 200 || strings.Contains(line, "..") || strings.Contains(line, "huge") || strings.Contains(line, "big") {
			return // long ranges take expr long; large numbers are rounded there
		}
		a, err := Compile(check.KindAPI, line)
		if err != nil {
			return
		}
		v, ok := guard(newFrame(o), a.run).(bool)
		if !ok {
			return
		}
		rewritten, _ := rewriteDurations(line)
		program, err := expr.Compile(rewritten, expr.Env(env))
		if err != nil && strings.Contains(err.Error(), "divide by zero") {
			return // it computes what is constant, where we say so only if it decides
		}
		if err != nil {
			t.Fatalf("%s: expr refuses it: %v", line, err)
		}
		theirs, err := expr.Run(program, env)
		if err != nil {
			return // they need operands that we do not, such as the last one of ||
		}
		if theirs != v && !differs(line) {
			t.Errorf("%s: got %v, expr says %v", line, v, theirs)
		}
	})
}

// differs says which lines may mean something else here: see the package
// comment.
func differs(line string) bool {
	for _, s := range []string{"nil", "?", "headers", "string", "keys", "values", "toPairs", "type", "date"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}
