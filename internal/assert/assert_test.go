package assert

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

var shop = API{
	Status:  503,
	Headers: map[string]string{"content-type": "text/html", "x-empty": ""},
	Body: `{
		"ok": false, "n": 3, "f": 1.5, "whole": 3.0, "token": null, "name": "ann", "orders": [], "tags": ["a", "b"],
		"big": 9007199254740993, "huge": 123456789012345678901234567890,
		"items": [{"id": 1, "price": 2}, {"id": 2, "price": -1}, {"id": 3}],
		"a-b": 1, "nested": {"deep": {"x": "y"}}
	}`,
	Time:      Times{Total: 1234567890, DNS: 800300 * time.Microsecond, FirstByte: 812 * time.Millisecond},
	IP:        "10.0.0.1",
	Size:      1 << 20,
	URL:       "http://shop.example/",
	Redirects: 1,
}

func TestHolds(t *testing.T) {
	for _, line := range []string{
		`status == 503`,
		`status in [500, 503]`,
		`status >= 500 && status < 600`,
		`status == 503 || status == 200`,
		`not (status == 200 && redirects == 1)`,
		`not (redirects == 1 && status == 200)`,
		`not (status == 200)`,
		`headers['content-type'] contains 'html'`,
		`headers['Content-Type'] == "text/html"`,
		`'Content-Type' in headers`,
		`headers['x-empty'] == ''`,
		`headers['x-none'] == nil`,
		`body contains '"ok"'`,
		`body matches '(?s)^{.*}$'`,
		`json.n == 3`,
		`json.n == 3.0`,
		`json.whole == 3`,
		`json.f > 1`,
		`json.big == 9007199254740993`,
		`json.big > 9007199254740992`,
		`json.big != 9007199254740992.0`,
		`string(json.huge) == '123456789012345678901234567890'`,
		`json.huge > json.big`,
		`json['a-b'] == 1`,
		`json.nested.deep.x == 'y'`,
		`json.nested == {deep: {x: 'y'}}`,
		`json.items[-1].id == 3`,
		`json.tags == ['a', 'b']`,
		`'a' in json.tags`,
		`'name' in json and not ('nope' in json)`,
		`len(json.items) == 3`,
		`any(json.items, .id == 3)`,
		`any(json.items, .price > 0)`, // decided before the price is missing
		`not all(json.items, .price > 0)`,
		`none(json.items, .id > 3)`,
		`one(json.items, .id == 2)`,
		`count(json.items, .id > 1) == 2`,
		`map(json.items, .id) == [1, 2, 3]`,
		`sum(json.items, .id) == 6`,
		`reduce(json.items, #acc + .id, 10) == 16`,
		`sortBy(json.items, .id, 'desc')[0].id == 3`,
		`groupBy(json.items, .id > 1)[true][0].id == 2`,
		`find(json.items, .id > 1).id == 2`,
		`findLastIndex(json.items, .id > 1) == 2`,
		`find(json.items, .id > 9) == nil`,
		`json.name | upper() == 'ANN'`,
		`keys(json)[0] == 'a-b'`,
		`json.token == nil`,
		`json.nope == nil and json.nope.deeper == nil`,
		`json.nope == 1 || status == 503`,
		`(json.nope ?? 5) == 5`,
		`time.total < 2s and time.total > 1234ms`,
		`time.dns > 800ms`,
		`time.total - time.dns < 1m`,
		`time.total < time.dns * 2`,
		`time.total.Seconds() < 2`,
		`duration('1m30s') == 1m30s`,
		`size == 1048576`,
		`redirects == 1 and ip startsWith '10.'`,
		`url endsWith '/'`,
		`tls.version == nil`,
		`let n = json.n; n > 2 && n < 4`,
		`if status > 500 { json.n == 3 } else { false }`,
		`date('2024-01-31') - date('2024-01-30') == 24h`,
		"json.name == `ann` // a comment with 5s in it",
		"status == 503\n  and json.n == 3",
		`'800ms' != "1s"`,
	} {
		v := Judge(check.KindAPI, []string{line}, nil, shop)[0]
		if !v.OK || v.Message != "" {
			t.Errorf("%s: want it to hold; %s", line, v.Message)
		}
	}
}

// What was found is shown beside what was asked for.
func TestFailures(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`status == 200`, `status == 200 (got 503)`},
		{`200 == status`, `200 == status (got 503)`},
		{`status == 200 && time.total < 800ms`, `status == 200 (got 503)`},
		{`status == 503 and time.total < 1.2s`, `time.total < 1.2s (got 1.23s)`},
		{`(status == 503) && (status == 200 || status == 204)`, `status == 200 || status == 204 (got 503)`},
		{`status == 200 || json.ok`, `status == 200 || json.ok (left: got 503; right: got false)`},
		{`time.first_byte < 800ms`, `time.first_byte < 800ms (got 812ms)`},
		{`time.dns <= 800ms`, `time.dns <= 800ms (got 800.3ms)`},
		{`not (status == 503)`, `not (status == 503) (got 503)`},
		{`not (body contains 'ok')`, `not (body contains 'ok') (got "{\n\t\t\"ok\": false, \"n\": 3, \"f\": 1.5, \"whole\": 3.0, \"token\": null, \"name\": \"ann\", \"orders\": [], \"tags\": [\"a\", \"b\"],\n\t\t\"big\""…)`},
		{`headers['content-type'] contains 'json'`, `headers['content-type'] contains 'json' (got "text/html")`},
		{`len(json.orders) >= 1`, `len(json.orders) >= 1 (got 0)`},
		{`json.ok`, `json.ok (got false)`},
		{`json.n`, `json.n (got 3, which is a number, not true or false)`},
		{`json.n == '3'`, `json.n == '3' (got 3, which is a number)`},
		{`json.n > '3'`, `json.n > '3' (json.n > "3": 3 (a number) and "3" (text) have no order)`},
		{`json.big == 9007199254740992`, `json.big == 9007199254740992 (got 9007199254740993)`},
		{`json.n == json.f`, `json.n == json.f (got 3 and 1.5)`},
		{`all(json.items, .price > 0)`, `all(json.items, .price > 0) (got {"id":2,"price":-1}, item 1 of 3)`},
		{`any(json.items, .id == 9)`, `any(json.items, .id == 9) (none of 3 items: [{"id":1,"price":2},{"id":2,"price":-1},{"id":3}])`},
		{`any(json.orders, .id == 9)`, `any(json.orders, .id == 9) (got an empty list)`},
		{`none(json.items, .id == 3)`, `none(json.items, .id == 3) (got {"id":3}, item 2 of 3)`},
		{`hasPrefix(json.name, 'bob')`, `hasPrefix(json.name, 'bob') (got "ann")`},
		{`json.n > 2 ? status == 200 : true`, `json.n > 2 ? status == 200 : true (got 503)`},
		{`let x = json.n; x == 4`, `let x = json.n; x == 4 (got 3)`},
		{`json.tags contains 'a'`, "json.tags contains 'a' (json.tags contains \"a\": the left side is a list, not text; write `\"a\" in …`)"},
		{`json.n + 9223372036854775807 > 0`, `json.n + 9223372036854775807 > 0 (json.n + 9223372036854775807: the result is too large)`},
		{`1 == 2`, `1 == 2 (never true: both sides are fixed)`},
		{`date(json.name) > date('2024-01-01')`, `date(json.name) > date('2024-01-01') (date(json.name): invalid date ann)`},
	} {
		v := Judge(check.KindAPI, []string{tt.line}, nil, shop)[0]
		if v.OK || v.Message != tt.want {
			t.Errorf("%s:\n got %v %s\nwant       %s", tt.line, v.OK, v.Message, tt.want)
		}
	}
}

// A value that is not there makes no comparison hold, whichever way round.
func TestMissing(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`json.absent != ''`, `json.absent is missing`},
		{`json.absent == ''`, `json.absent is missing`},
		{`json.absent != json.other`, `json.absent is missing`},
		{`json.absent == json.absent`, `json.absent is missing`},
		{`not (json.absent == 1)`, `json.absent is missing`},
		{`!json.absent`, `json.absent is missing`},
		{`json.absent < 5`, `json.absent is missing`},
		{`json.absent in [1, nil]`, `json.absent is missing`},
		{`not (json.absent in [1])`, `json.absent is missing`},
		{`not (json.absent contains 'x')`, `json.absent is missing`},
		{`not (json.absent matches 'x')`, `json.absent is missing`},
		{`json.absent.more.deeply != 1`, `json.absent is missing`},
		{`json.absent?.more != 1`, `json.absent is missing`},
		{`json.absent != nil`, `json.absent is missing`},
		{`json.token != ''`, `json.token is null`},
		{`json.token != nil`, `json.token is null`},
		{`json.name.first != 'x'`, `json.name.first is missing: what it should be part of is "ann"`},
		{`json.items.id != 1`, `json.items.id is missing: it should be part of a list of 3 items; name an item by its number, such as [0], or use any(…)`},
		{`json.items[3].id != 1`, `json.items[3] is missing: the list has 3 items`},
		{`len(json.absent) == 0`, `json.absent is missing`},
		{`all(json.absent, .x == 1)`, `json.absent is missing`},
		{`all(json.items, .price > -5)`, `.price is missing in item 2`},
		{`none(json.items, .price > 5)`, `.price is missing in item 2`},
		{`count(json.items, .price > 5) == 0`, `.price is missing in item 2`},
		{`json.absent == 1 || status == 200`, `left: json.absent is missing; right: got 503`},
		{`headers['x-none'] == ''`, `headers["x-none"] is missing`},
		{`headers['x-none'] != 'x'`, `headers["x-none"] is missing`},
		{`tls.days_left < 100`, `tls.days_left is missing: the connection was not TLS`},
		{`tls.issuer != ''`, `tls.issuer is missing: the connection was not TLS`},
		{`find(json.items, .id > 9).id != 1`, `find(json.items, .id > 9) finds nothing`},
		{`first(json.orders) != 1`, `first(json.orders) is nil`},
	} {
		v := Judge(check.KindAPI, []string{tt.line}, nil, shop)[0]
		if want := tt.line + " (" + tt.want + ")"; v.OK || v.Message != want {
			t.Errorf("got %v %s\nwant      %s", v.OK, v.Message, want)
		}
	}
}

func TestNoJSON(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"", `the body is not JSON: it is empty`},
		{"<html>\n", `the body is not JSON: invalid character '<' looking for beginning of value at byte 1; it begins with "<html>\n"`},
		{`{"x": 1`, `the body is not JSON: it ends too early`},
		{`{"x": 1} trailing`, `the body is not JSON: there is more text after the value, at byte 10`},
	} {
		for _, line := range []string{`json.x == 1`, `json == nil`, `not (json.x == 1)`, `(json.x ?? 1) == 1`} {
			v := Judge(check.KindAPI, []string{line}, nil, API{Body: tt.body})[0]
			if want := line + " (" + tt.want + ")"; v.OK || v.Message != want {
				t.Errorf("%q: got %v %s\nwant %s", tt.body, v.OK, v.Message, want)
			}
		}
		if v := Judge(check.KindAPI, []string{`len(body) < 100`}, nil, API{Body: tt.body})[0]; !v.OK {
			t.Errorf("%q: an assertion that does not use json: %s", tt.body, v.Message)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	for _, tt := range []struct {
		line   string
		column int
		want   string // is contained in the message
	}{
		{``, 1, "is empty; write a condition such as `status == 200`"},
		{`status = 200`, 8, "use == to compare"},
		{`status === 200`, 10, "use == to compare"},
		{`body =~ 'x'`, 6, "write matches 'regular expression'"},
		{`status <> 200`, 9, "use != "},
		{`status == '200'`, 8, "write the number without quotes"},
		{`time.total < 800`, 12, "give the number a unit: 800ms"},
		{`time.total < 800 ms`, 18, "a duration is written in one word: 800ms"},
		{`time.total < '800ms'`, 12, "write the duration without quotes"},
		{`time.total < 5d`, 15, "durations have the units ms, s, m and h"},
		{`time.total < 5s and stauts == 200`, 21, "there is no stauts; did you mean status? (an API check has status, headers, body, json, time.total"},
		{`time.total < 5s and ü == 200`, 21, "there is no ü"},
		{`'ü' == body and stauts == 200`, 17, "did you mean status"},
		{`response_time < 3s`, 1, "use time.total"},
		{`statusCode == 200`, 1, "use status"},
		{`time.dsn < 1s`, 6, "did you mean time.dns?"},
		{`time == 1s`, 6, "name one of the values, such as time.total"},
		{`time`, 1, "time is not a value by itself; use one of time.total"},
		{`headers.content-type contains 'json'`, 16, "headers['content-type']"},
		{`headers contains 'json'`, 9, "name a header"},
		{`"x" in body`, 5, "body contains 'word'"},
		{`status`, 1, "the line gives a number, not true or false"},
		{`len(body)`, 1, "such as `len(body) == …`"},
		{`500ms + 1s`, 1, "the line gives a duration"},
		{`body == "abc`, 13, "a quote is opened and not closed"},
		{`“abc” == body`, 1, "the quote “ is not known; use ' or \""},
		{`body matches '['`, 6, "not a regular expression: missing closing ]"},
		{`now() > date('2024-01-01')`, 1, "now is not available"},
		{`foo(1)`, 1, "there is no foo; an API check has"},
		{`json.foo() == 1`, 6, "json.foo is not a function"},
		{`status ==`, 9, "the line ends too early"},
		{`status == 200 AND json.ok`, 15, `"AND" is not an operator; use and`},
		{`status is 200`, 8, "use =="},
		{`json.nope ?? 5 > 3`, 16, "put brackets around the part with ??"},
		{`json.id == 123456789012345678901234567890`, 41, "compare it as text"},
		{`null == json.x`, 1, "use nil"},
		{`.id == 3`, 1, "does not fit"},
		{`any(status, # > 1)`, 5, "any needs a list; this is a number"},
		{`any(json.items, .id)`, 17, ""},
		{`b'abc' == b'abc'`, 1, "is not part of the assertion language"},
		{`$env.status == 1`, 1, "$env is not a value"},
		{`duration('5 s') < time.total`, 10, "is not a duration; write one such as 800ms"},
		{`title == 'x'`, 1, "there is no title"},
		{"status == 200\nand stauts == 1", 19, "did you mean status"},
		{strings.Repeat("(", 2000) + "status" + strings.Repeat(")", 2000), 1, "the line gives a number"},
		{strings.Repeat("!", 3000) + "json.ok", 0, "more than 1000 parts"},
		{strings.Repeat("x", 5000), 1, "is 5000 bytes long; at most 4096"},
		{"body == '\xff'", 1, "UTF-8"},
	} {
		_, err := Compile(check.KindAPI, tt.line)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.line, err)
			}
			continue
		}
		ce, ok := err.(*CompileError)
		if !ok {
			t.Errorf("%.60s: got %v, want a CompileError", tt.line, err)
			continue
		}
		if tt.column != 0 && ce.Column != tt.column || !strings.Contains(ce.Message, tt.want) {
			t.Errorf("%.60s: got column %d: %s\nwant column %d: …%s…", tt.line, ce.Column, ce.Message, tt.column, tt.want)
		}
	}
}

func TestBrowserWords(t *testing.T) {
	seen := Browser{URL: "https://shop.example/done", Title: "Done", Time: Times{Total: 3 * time.Second}, ConsoleErrors: 2}
	got := Judge(check.KindBrowser,
		[]string{`url endsWith '/done'`, `title == 'Shop'`, `console_errors == 0`, `status == 200`},
		[]string{`time.total < 2s`}, &seen)
	want := []jobs.Verdict{
		{Expr: `url endsWith '/done'`, OK: true},
		{Expr: `title == 'Shop'`, Message: `title == 'Shop' (got "Done")`},
		{Expr: `console_errors == 0`, Message: `console_errors == 0 (got 2)`},
		{Expr: `status == 200`, Message: `status == 200 (column 1: there is no status; a browser check has url, title, time.total, console_errors, vitals.ttfb, vitals.fcp, vitals.lcp, vitals.tbt, vitals.inp, vitals.cls, requests.count, requests.failed, bytes, steps)`},
		{Expr: `time.total < 2s`, Degraded: true, Message: `time.total < 2s (got 3s)`},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// No line takes more than its budget, whatever it asks for. A 64th of the
// budget shows that, and the first line shows that Judge gives one.
func TestBudgets(t *testing.T) {
	o := &observation{api: API{Body: "[" + strings.Repeat("1,", 1<<14) + "1]"}}
	endless := `let a = 1..3000; all(a, all(a, all(a, all(a, true))))`
	if v := Judge(check.KindAPI, []string{endless}, nil, o.api)[0]; v.OK || !strings.Contains(v.Message, "takes too long") {
		t.Errorf("%+v", v)
	}
	for _, line := range []string{
		`all(1..3000, all(1..3000, all(1..3000, true)))`,
		endless,
		`all(json, all(json, all(json, # == 1)))`,
		`reduce(1..1000, #acc + #acc, 'xxxxxxxxxxx') == ''`,
		`repeat('x', 100000000000) == ''`,
		`repeat(repeat('x', 100000), 100000) == ''`,
		`len(1..9000000000000000000) > 0`,
		`len(replace(repeat('x', 10000), 'x', repeat('y', 100000))) > 0`,
		`len(toJSON(map(1..100000, json))) > 0`,
		`len(join(map(1..100000, body))) > 0`,
		`len(flatten(map(1..100000, json))) > 0`,
		`len(uniq(flatten([json, json, json, json, json, json]))) == 1`,
		`len(reduce(1..100000, concat(#acc, json), json)) > 0`,
	} {
		a, err := Compile(check.KindAPI, line)
		if err != nil {
			t.Fatal(line, err)
		}
		f := newFrame(o)
		f.work, f.memory = workBudget/64, memoryBudget/64
		v, _ := guard(f, a.run).(*trouble)
		if v == nil || !strings.Contains(v.text, "too much memory") && !strings.Contains(v.text, "takes too long") {
			t.Errorf("%s: %v", line, v)
		}
	}
}
