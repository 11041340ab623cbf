package codec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// edit replaces the first old in the encoded sample, which must be there.
func edit(t *testing.T, body []byte, old, new string) []byte {
	t.Helper()
	if !strings.Contains(string(body), old) {
		t.Fatalf("the sample does not hold %q:\n%s", old, body)
	}
	return []byte(strings.Replace(string(body), old, new, 1))
}

// jobBytes and resultBytes are samples in version 1.
func jobBytes(t testing.TB, name string) []byte {
	t.Helper()
	body, err := EncodeJobAt(1, jobSamples()[name])
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func resultBytes(t testing.TB, name string) []byte {
	t.Helper()
	body, err := EncodeResultAt(1, resultSamples()[name])
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestFaultsOfJobs(t *testing.T) {
	for _, f := range []struct{ sample, old, new, want string }{
		{"api", `{"type"`, `"type"`, "it is not JSON: at byte 7: invalid character ':' after top-level value"},
		{"api", `"type":"probefleet.job"`, `"type":"probefleet.result"`, `type is "probefleet.result"; see that the queue holds messages of this type only`},
		{"api", `"type":"probefleet.job"`, `"type":7`, "type is a JSON number; it should be a string"},
		{"api", `"type":"probefleet.job",`, ``, "type is missing"},
		{"api", `"v":1,`, ``, "v is 0 or missing; versions count from 1"},
		{"api", `"v":1,`, `"v":-3,`, "v is -3 or missing; versions count from 1"},
		{"api", `"v":1,`, `"v":1.5,`, "v is a JSON number 1.5; it should be a whole number of 64 bits"},
		{"api", `"min":1,`, ``, "min is 0 or missing; it should be 1 to 1, the message's version"},
		{"api", `"min":1,`, `"min":2,`, "min is 2 or missing; it should be 1 to 1, the message's version"},
		{"minimal", `"id":"`, `"id2":"`, "id is missing"},
		{"api", `"time":"2026`, `"time":"26`, `time is a JSON string "26-03-14T15:09:26.655Z"; it should be an RFC 3339 time`},
		{"api", `"time":`, `"tyme":`, "time is missing"},
		{"api", `"data":`, `"date":`, "data is missing"},
		{"api", `"data":`, `"data":null,"date":`, "data.run_id is missing"},
		{"api", `"data":`, `"data":[],"date":`, "data is a JSON array; it should be an object"},
		{"api", `"run_id":`, `"run":`, "data.run_id is missing"},
		{"api", `"check":`, `"tscheck":`, "data.check is missing"},
		{"api", `"location":`, `"locus":`, "data.location is missing"},
		{"api", `"slot":`, `"slott":`, "data.slot is missing"},
		{"api", `"attempt":1`, `"attempt":0`, "data.attempt is 0 or missing; attempts count from 1"},
		{"api", `"expires_at":`, `"expires":`, "data.expires_at is missing"},
		{"api", `"id":"shop-orders"`, `"idx":"shop-orders"`, "data.check.id is missing"},
		{"api", `"every_us":30000000`, `"every":30000000`, "data.check.every_us is 0 or missing; it should be positive"},
		{"api", `"every_us":30000000`, `"every_us":-1`, "data.check.every_us is -1 or missing; it should be positive"},
		{"api", `"every_us":30000000`, `"every_us":9223372036854776`, "data.check.every_us is a JSON number 9223372036854776; it should be a whole number of microseconds of at most 292 years"},
		{"api", `"every_us":30000000`, `"every_us":"30s"`, `data.check.every_us is a JSON string "30s"; it should be a whole number of microseconds of at most 292 years`},
		{"api", `"timeout_us":`, `"timeout":`, "data.check.timeout_us is 0 or missing; it should be positive"},
		{"api", `"kind":"api",`, ``, "data.check.kind is missing"},
		{"api", `"kind":"api"`, `"kind":"dns"`, `data.check.kind is "dns"; this build knows ["api" "browser"]`},
		{"api", `"kind":"api"`, `"kind":"browser"`, "data.check.browser is missing, though kind names it"},
		{"api", `"api":{`, `"ip":{`, "data.check.api is missing, though kind names it"},
		{"api", `"tags":["shop"`, `"tags":["shop",{}`, "data.check.tags is a JSON object; it should be a string"},
		{"api", `"max_body":9007199254740993`, `"max_body":9223372036854775808`, "data.check.api.request.max_body is a JSON number 9223372036854775808; it should be a whole number of 64 bits"},
		{"browser", `"timeout_us":1500000`, `"timeout_us":true`, "data.check.browser.steps.timeout_us is a JSON bool true; it should be a whole number of microseconds of at most 292 years"},
		{"api", `"location":"local"`, `"location":"local","location":"eu-west-1"`, `it has the name "location" twice in one object`},
		{"api", `"location":"local"`, `"location":"local","l\u006fcation":"eu-west-1"`, `it has the name "location" twice in one object`},
		{"api", `"Accept":`, `"X-Trace":"no","Accept":`, `it has the name "X-Trace" twice in one object`},
		{"api", `"id":"shop-orders"`, `"id":"shop-orders","new":[1,{"a":[],"b":{},"a":1}]`, `it has the name "a" twice in one object`},
	} {
		_, err := DecodeJob(edit(t, jobBytes(t, f.sample), f.old, f.new))
		if _, ok := errors.AsType[*DecodeError](err); !ok {
			t.Errorf("%s for %s: got %v, want a DecodeError", f.new, f.old, err)
			continue
		}
		if d := cmp.Diff("decoding probefleet.job: "+f.want, err.Error()); d != "" {
			t.Errorf("%s for %s (-want +got):\n%s", f.new, f.old, d)
		}
	}
}

func TestFaultsOfResults(t *testing.T) {
	for _, f := range []struct{ old, new, want string }{
		{`"id":"`, `"id":"x`, `data.job_id is "0e40e392-5114-55e7-b1c5-96109195436c", though the message's id is "x0e4`},
		{`"job_id":`, `"job":`, "data.job_id is missing"},
		{`"run_id":`, `"run":`, "data.run_id is missing"},
		{`"check_id":`, `"check":`, "data.check_id is missing"},
		{`"kind":"api"`, `"kind":""`, "data.kind is missing"},
		{`"kind":"api"`, `"kind":"tcp"`, `data.kind is "tcp"; this build knows ["api" "browser"]`},
		{`"location":`, `"place":`, "data.location is missing"},
		{`"slot":`, `"slit":`, "data.slot is missing"},
		{`"attempt":1`, `"attempt":-1`, "data.attempt is -1 or missing"},
		{`"outcome":`, `"income":`, "data.outcome is missing"},
		{`"outcome":"passed"`, `"outcome":"great"`, `data.outcome is "great"; this build knows ["passed" `},
		{`"total_us":`, `"total_us":1e3,"x":`, "data.timings.total_us is a JSON number 1e3; it should be a whole number of microseconds"},
		{`"ok":true`, `"ok":"yes"`, "data.verdicts.ok is a JSON string; it should be true or false"},
		{`"headers":{`, `"headers":[],"x":{`, "data.evidence.response.headers is a JSON array; it should be an object"},
	} {
		_, err := DecodeResult(edit(t, resultBytes(t, "passed"), f.old, f.new))
		if _, ok := errors.AsType[*DecodeError](err); !ok || !strings.HasPrefix(err.Error(), "decoding probefleet.result: "+f.want) {
			t.Errorf("%s for %s: got %v\nwant %s", f.new, f.old, err, f.want)
		}
	}
}

func TestUndecodable(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "space": " ", "text": "hello", "cut": `{"type":"probefleet.job","v":1`, "null": "null",
		"array": "[]", "number": "17", "two": `{"v":1}{"v":1}`, "deep": strings.Repeat("[", 20_000),
		"raw control character": "{\"type\":\"a\x00\"}",
	} {
		_, errJob := DecodeJob([]byte(body))
		_, errResult := DecodeResult([]byte(body))
		_, errPeek := Peek([]byte(body))
		_, errData := DecodeResultData(1, []byte(body))
		_, errCheck := DecodeCheck(1, []byte(body))
		for _, err := range []error{errJob, errResult, errPeek, errData, errCheck} {
			if _, ok := errors.AsType[*DecodeError](err); !ok {
				t.Errorf("%s: got %v, want a DecodeError", name, err)
			}
		}
		if a := Attributes([]byte(body)); a != nil {
			t.Errorf("%s: got attributes %v, want none", name, a)
		}
	}
}

func TestVersions(t *testing.T) {
	body := jobBytes(t, "browser") // its shape is the same in all versions
	for _, v := range []struct {
		head string
		want *UnsupportedVersionError
	}{
		{`"v":1,"min":1`, nil},
		// A newer writer that says that this build still understands it.
		{`"v":7,"min":1`, nil},
		{`"v":3,"min":3`, &UnsupportedVersionError{TypeJob, 3, 3, 2}},
		{`"v":9,"min":4,"new":{"x":[1,2]}`, &UnsupportedVersionError{TypeJob, 9, 4, 2}},
	} {
		got, err := DecodeJob(edit(t, body, `"v":1,"min":1`, v.head))
		e, _ := errors.AsType[*UnsupportedVersionError](err)
		if d := cmp.Diff(v.want, e); d != "" {
			t.Errorf("%s (-want +got):\n%s", v.head, d)
		}
		if v.want == nil && got.Check.ID != "shop-checkout" {
			t.Errorf("%s: got %+v, %v", v.head, got, err)
		}
	}
	// Data of another shape altogether must not hide that the version is new.
	if _, err := DecodeResult([]byte(`{"type":"probefleet.result","v":3,"min":3,"id":"x","data":"gzip:…"}`)); err == nil ||
		err.Error() != "decoding probefleet.result: version 3 needs a reader of version 3, this build reads up to 2; update this process, or leave the message to a newer one" {
		t.Errorf("got %v", err)
	}
}

func TestVersionsOfStoredData(t *testing.T) {
	_, result, err := EncodeResultData(samplePassed()) // its shape is the same in all versions
	if err != nil {
		t.Fatal(err)
	}
	_, chk, err := EncodeCheck(sampleAPI())
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[int]error{
		0: &DecodeError{}, -1: &DecodeError{}, 1: nil, 3: &UnsupportedVersionError{}, 1 << 40: &UnsupportedVersionError{},
	} {
		_, errResult := DecodeResultData(version, result)
		_, errCheck := DecodeCheck(version, chk)
		for _, got := range []error{errResult, errCheck} {
			if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
				t.Errorf("version %d: got %v, want a %T", version, got, want)
			}
		}
	}
}

// A field of stored data is named without the envelope that is not there.
func TestFaultsOfStoredData(t *testing.T) {
	if _, err := DecodeResultData(1, []byte(`{"job_id":"x"}`)); err == nil || err.Error() != "decoding probefleet.result: run_id is missing" {
		t.Errorf("got %v", err)
	}
	if _, err := DecodeCheck(1, []byte(`{"id":"x","every_us":1,"timeout_us":1,"kind":"tcp"}`)); err == nil ||
		err.Error() != `decoding probefleet.check: kind is "tcp"; this build knows ["api" "browser"]` {
		t.Errorf("got %v", err)
	}
	if _, err := DecodeCheck(1, []byte(`{"id":"x","every_us":1,"timeout_us":1,"kind":"api","api":{"expect":["a","b"]},"id":"y"}`)); err == nil ||
		err.Error() != `decoding probefleet.check: it has the name "id" twice in one object` {
		t.Errorf("got %v", err)
	}
}

func TestSizes(t *testing.T) {
	if MaxBytes != queue.MaxBytes {
		t.Errorf("MaxBytes is %d, a queue takes %d", MaxBytes, queue.MaxBytes)
	}
	r := samplePassed()
	fits := MaxBytes - len(resultBytes(t, "passed")) + len(r.Evidence.Response.Excerpt) + 4 // its four quotes are escaped
	r.Evidence.Response.Excerpt = strings.Repeat("x", fits+4)
	body, err := EncodeResult(r)
	if err != nil || len(body) != MaxBytes {
		t.Fatalf("got %d bytes and %v, want just %d", len(body), err, MaxBytes)
	}
	if _, err := DecodeResult(body); err != nil {
		t.Errorf("decoding %d bytes: %v", len(body), err)
	}
	if _, err := DecodeResult(append(body, ' ')); err == nil || err.Error() != "decoding probefleet.result: it is 1048577 bytes long; at most 1048576 are read" {
		t.Errorf("got %v", err)
	}
	if _, err := Peek(append(body, ' ')); err == nil {
		t.Error("peeked into more than a queue takes")
	}
	r.Evidence.Response.Excerpt += "x"
	if _, err := EncodeResult(r); err == nil || !strings.HasSuffix(err.Error(), "it comes to 1048577 bytes, more than the 1048576 allowed; keep less text in it") {
		t.Errorf("got %v", err)
	}
}

// Every check that may be stored fits into a job.
func TestCheckOfTheLargestSizeFitsIntoAJob(t *testing.T) {
	c := sampleAPI()
	_, data, err := EncodeCheck(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Description += strings.Repeat("\n", (MaxCheckBytes-len(data))/2)
	if _, data, err = EncodeCheck(c); err != nil || len(data) < MaxCheckBytes-1 {
		t.Fatalf("%d bytes: %v", len(data), err)
	}
	if _, err := EncodeJob(sampleJob(c)); err != nil {
		t.Error(err)
	}
	c.Description += "\n"
	if _, _, err := EncodeCheck(c); err == nil || !strings.HasPrefix(err.Error(), `encoding probefleet.check "shop-orders": it comes to 26214`) {
		t.Errorf("got %v", err)
	}
}

func TestNotEncodable(t *testing.T) {
	job := func(change func(*jobs.Job)) error {
		j := sampleJob(sampleAPI())
		change(&j)
		_, err := EncodeJob(j)
		return err
	}
	result := func(change func(*jobs.Result)) error {
		r := samplePassed()
		change(&r)
		_, err := EncodeResult(r)
		if _, _, errData := EncodeResultData(r); (errData == nil) != (err == nil) {
			t.Errorf("message: %v, data: %v", err, errData)
		}
		return err
	}
	chk := func(change func(*check.Check)) error {
		c := sampleBrowser()
		change(&c)
		_, _, err := EncodeCheck(c)
		return err
	}
	for want, err := range map[string]error{
		"it has no spec":                   job(func(j *jobs.Job) { j.Check.Spec = nil }),
		"it has no id":                     job(func(j *jobs.Job) { j.ID = "" }),
		"the time at which it is sent":     job(func(j *jobs.Job) { j.SentAt = time.Time{} }),
		"run_id is missing":                job(func(j *jobs.Job) { j.RunID = "" }),
		"location is missing":              job(func(j *jobs.Job) { j.Location = "" }),
		"check.id is missing":              job(func(j *jobs.Job) { j.Check.ID = "" }),
		"attempt is 0 or missing":          job(func(j *jobs.Job) { j.Attempt = 0 }),
		"expires_at is missing":            job(func(j *jobs.Job) { j.ExpiresAt = time.Time{} }),
		"year outside of range [0,9999]":   job(func(j *jobs.Job) { j.ExpiresAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"outcome is missing":               result(func(r *jobs.Result) { r.Outcome = "" }),
		`outcome is "missing"; this build`: result(func(r *jobs.Result) { r.Outcome = "missing" }),
		`kind is "smtp"; this build`:       result(func(r *jobs.Result) { r.Kind = "smtp" }),
		"job_id is missing":                result(func(r *jobs.Result) { r.JobID = "" }),
		`"shop-checkout": it has no spec`:  chk(func(c *check.Check) { c.Spec = (*check.Browser)(nil) }),
		"every_us is 0 or missing":         chk(func(c *check.Check) { c.Every = 0 }),
		"timeout_us is -1 or missing":      chk(func(c *check.Check) { c.Timeout = -1 }),
		`"": id is missing`:                chk(func(c *check.Check) { c.ID = "" }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "encoding probefleet.") {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
