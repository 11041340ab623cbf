package codec

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// nasty is text as it may come out of a target, and what is left of it.
var nasty = []struct{ in, want string }{
	{"nul \x00 here", "nul \ufffd here"},
	{"\x00", "\ufffd"},
	{"\x00\x00", "\ufffd\ufffd"},
	{`text \u0000 stays`, `text \u0000 stays`},
	{`\` + "\x00", `\` + "\ufffd"},
	{`\\` + "\x00" + `\`, `\\` + "\ufffd" + `\`},
	{"bad \xff\xfe bytes", "bad \ufffd\ufffd bytes"},
	{"cut \xe2\x82", "cut \ufffd\ufffd"},
	{"surrogate \xed\xa0\x80 in UTF-8", "surrogate \ufffd\ufffd\ufffd in UTF-8"},
	{"👩‍🚀 \U0010ffff \ufffd \u2028 é", "👩‍🚀 \U0010ffff \ufffd \u2028 é"},
	{"\x01\x1f\x7f\t\n<>&\"", "\x01\x1f\x7f\t\n<>&\""},
}

// jsonbRefuses finds what Postgres does not store in a JSONB value.
func jsonbRefuses(b []byte) string {
	if !utf8.Valid(b) {
		return "invalid UTF-8"
	}
	for i := 0; i < len(b); i++ {
		if b[i] == 0 {
			return "a raw NUL"
		}
		if b[i] != '\\' {
			continue
		}
		rest := strings.ToLower(string(b[i:min(i+6, len(b))]))
		if rest == `\u0000` {
			return `\u0000`
		}
		if strings.HasPrefix(rest, `\ud8`) || strings.HasPrefix(rest, `\udb`) || strings.HasPrefix(rest, `\udc`) {
			return rest // this encoder has no need of surrogates at all
		}
		i++
	}
	return ""
}

// fill sets every field of v that there is, at any depth: strings and the keys
// of maps to s, all else to something that is not zero. A field that a noun
// gains and the codec forgets is found by that.
func fill(v reflect.Value, s string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(at(1)))
		return
	case time.Duration:
		v.SetInt(int64(3 * time.Millisecond))
		return
	case []byte:
		v.SetBytes([]byte{0, 255}) // not text
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), s)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), s)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{s: s}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Unknown" { // it is no text of its own
				fill(v.Field(i), s)
			}
		}
	case reflect.Interface: // a check's spec, which the caller sets
	default:
		panic("no filling for " + v.Type().String())
	}
}

func fillResult(s string) jobs.Result {
	var r jobs.Result
	fill(reflect.ValueOf(&r).Elem(), s)
	r.Kind, r.Outcome = check.KindAPI, jobs.Failed
	return r
}

func fillJobs(s string) []jobs.Job {
	js := make([]jobs.Job, 0, len(check.Kinds))
	for _, spec := range []check.Spec{&check.API{}, &check.Browser{}} {
		var j jobs.Job
		fill(reflect.ValueOf(&j).Elem(), s)
		fill(reflect.ValueOf(spec).Elem(), s)
		j.Check.Spec = spec
		js = append(js, j)
	}
	return js
}

func TestEveryStringIsSanitisedOnTheWayOut(t *testing.T) {
	for _, n := range nasty {
		body, err := EncodeResult(fillResult(n.in))
		if err != nil {
			t.Fatalf("%q: %v", n.in, err)
		}
		if r := jsonbRefuses(body); r != "" {
			t.Errorf("%q: result holds %s:\n%s", n.in, r, body)
		}
		got, err := DecodeResult(body)
		if err != nil {
			t.Fatalf("%q: %v", n.in, err)
		}
		if d := cmp.Diff(fillResult(n.want), got); d != "" {
			t.Errorf("result of %q (-want +got):\n%s", n.in, d)
		}
		for i, j := range fillJobs(n.in) {
			body, err := EncodeJob(j)
			if err != nil {
				t.Fatalf("%q: %v", n.in, err)
			}
			if r := jsonbRefuses(body); r != "" {
				t.Errorf("%q: job holds %s:\n%s", n.in, r, body)
			}
			got, err := DecodeJob(body)
			if err != nil {
				t.Fatalf("%q: %v", n.in, err)
			}
			want := fillJobs(n.want)[i]
			want.Check = withoutAlarms(want.Check)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("job of %q (-want +got):\n%s", n.in, d)
			}
		}
	}
}

// What others wrote into the queue is sanitised too.
func TestEveryStringIsSanitisedOnTheWayIn(t *testing.T) {
	for escaped, want := range map[string]string{
		`a\u0000b`:          "a\ufffdb",
		`\u0000\u0000`:      "\ufffd\ufffd",
		`\\u0000`:           `\u0000`,
		`\\\u0000`:          "\\\ufffd",
		`\ud800`:            "\ufffd",
		`\uDFFFx`:           "\ufffdx",
		`\ud800\u0041`:      "\ufffdA",
		`\ud83d\ude00`:      "😀",
		`\ude00\ud83d`:      "\ufffd\ufffd",
		"\xff\xed\xa0\x80x": "\ufffd\ufffd\ufffd\ufffdx",
	} {
		body, err := EncodeResult(fillResult("STRING"))
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.ReplaceAll(body, []byte("STRING"), []byte(escaped))
		got, err := DecodeResult(body)
		if err != nil {
			t.Errorf("%s: %v", escaped, err)
			continue
		}
		if d := cmp.Diff(fillResult(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", escaped, d)
		}
		if h, err := Peek(body); err != nil || h.ID != want {
			t.Errorf("%s: peeked %q, %v; want %q", escaped, h.ID, err, want)
		}
	}
}

// Keys that only sanitising makes equal are kept apart: a message with one
// name twice could not be read.
func TestKeysThatBecomeEqualAreKept(t *testing.T) {
	nasty := func() map[string]string {
		return map[string]string{"x\x00": "1", "x\xff": "2", "x\ufffd": "3", "x\xfe": "4", "sane": "5"}
	}
	want := map[string]string{"x\ufffd": "3", "x\ufffd\ufffd": "1", "x\ufffd\ufffd\ufffd": "4", "x\ufffd\ufffd\ufffd\ufffd": "2", "sane": "5"}

	r, j := samplePassed(), sampleJob(sampleAPI())
	request := &j.Check.Spec.(*check.API).Steps[0].Request
	r.Evidence.Response.Headers, request.Headers, request.Query = nasty(), nasty(), nasty()
	body, err := EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	gotResult, err := DecodeResult(body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err = EncodeJob(j); err != nil {
		t.Fatal(err)
	}
	gotJob, err := DecodeJob(body)
	if err != nil {
		t.Fatal(err)
	}
	got := gotJob.Check.Spec.(*check.API).Steps[0].Request
	for _, m := range []map[string]string{gotResult.Evidence.Response.Headers, got.Headers, got.Query} {
		if d := cmp.Diff(want, m); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	if d := cmp.Diff(nasty(), r.Evidence.Response.Headers); d != "" {
		t.Errorf("the value that was encoded has changed:\n%s", d)
	}
}

// Decoding changes no byte of what it is given: the queue may still need it.
func TestDecodingLeavesItsInputAlone(t *testing.T) {
	body := edit(t, jobBytes(t, "api"), "List orders", `List\u0000orders`)
	before := bytes.Clone(body)
	if _, err := DecodeJob(body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, body) {
		t.Errorf("got %s", body)
	}
}
