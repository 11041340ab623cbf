package codec

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Whatever an old version has room for comes back from it as it was.
func TestDownThenUpIsTheIdentity(t *testing.T) {
	for name, want := range jobSamples() {
		body, err := EncodeJobAt(1, want)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := DecodeJob(body)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("job %s: %v (-want +got):\n%s", name, err, d)
		}
		if h, err := Peek(body); err != nil || h.Version != 1 || h.MinReader != 1 {
			t.Errorf("job %s: %+v, %v", name, h, err)
		}
	}
	for name, want := range resultSamples() {
		body, err := EncodeResultAt(1, want)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := DecodeResult(body)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("result %s: %v (-want +got):\n%s", name, err, d)
		}
	}
}

// A job that wants to be answered in version 2 may travel in version 1: the
// answer is then in version 1.
func TestDownThenUpLowersTheReply(t *testing.T) {
	j := sampleJob(sampleAPI())
	j.Reply = 2
	body, err := EncodeJobAt(1, j)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeJob(body); err != nil || got.Reply != 1 {
		t.Errorf("reply %d, %v", got.Reply, err)
	}
}

// What an old version has no room for is not written there.
func TestDowncastsNeverDrop(t *testing.T) {
	token := sampleJob(sampleSteps())
	token.Reply = 1
	_, tooEarly := EncodeJobAt(2, token)
	token.Reply = 0
	_, unsaid := EncodeJobAt(2, token)
	_, steps := EncodeJobAt(1, newJobSamples()["steps"])
	_, named := EncodeJobAt(1, newJobSamples()["one-named-step"])
	_, result := EncodeResultAt(1, newResultSamples()["steps"])
	r := newResultSamples()["steps"]
	r.Verdicts = nil
	_, timings := EncodeResultAt(1, r)
	for _, c := range []struct {
		err     error
		typ     string
		version int
		lost    string
	}{
		{steps, TypeJob, 1, "the 2 steps of its API check"},
		{named, TypeJob, 1, `the id "only" of the step of its API check`},
		{tooEarly, TypeResult, 1, "the results of its steps"},
		{unsaid, TypeResult, 1, "the results of its steps"},
		{result, TypeResult, 1, `which step a verdict is about ("token")`},
		{timings, TypeResult, 1, `the step "token" of an API check`},
	} {
		e, ok := errors.AsType[*CannotDowncastError](c.err)
		if !ok || e.Type != c.typ || e.Version != c.version || e.Lost != c.lost || e.ID == "" {
			t.Errorf("got %v, want that version %d of %s would lose %s", c.err, c.version, c.typ, c.lost)
		}
	}
	for _, version := range []int{-1, 0, 3} {
		_, job := EncodeJobAt(version, sampleJob(sampleAPI()))
		_, result := EncodeResultAt(version, samplePassed())
		for _, err := range []error{job, result} {
			if err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("in version %d: this build writes versions 1 to 2", version)) {
				t.Errorf("got %v", err)
			}
		}
	}
}

// Results say that readers of version 1 understand them where that is so.
func TestLowestReaderOfResults(t *testing.T) {
	min := func(r jobs.Result) int {
		body, err := EncodeResult(r)
		if err != nil {
			t.Fatal(err)
		}
		h, err := Peek(body)
		if err != nil {
			t.Fatal(err)
		}
		return h.MinReader
	}
	for name, r := range resultSamples() {
		if got := min(r); got != 1 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, r := range newResultSamples() {
		if got := min(r); got != 2 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// The check says in which version its results must be asked for.
func TestResultVersionOf(t *testing.T) {
	for _, c := range []struct {
		check check.Check
		want  int
	}{{sampleAPI(), 1}, {sampleBrowser(), 1}, {sampleSteps(), 2}, {newJobSamples()["one-named-step"].Check, 2}} {
		if got := ResultVersionOf(c.check); got != c.want {
			t.Errorf("%s: %d, want %d", c.check.ID, got, c.want)
		}
	}
	version, _, err := EncodeCheck(sampleSteps())
	if err != nil || version != 2 {
		t.Errorf("a check of steps is stored in version %d, %v", version, err)
	}
}

func TestFaultsOfVersionTwo(t *testing.T) {
	body, err := EncodeJob(newJobSamples()["steps"])
	if err != nil {
		t.Fatal(err)
	}
	result, err := EncodeResult(newResultSamples()["steps"])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		decode         func([]byte) error
		body           []byte
		old, new, want string
	}{
		{decodeJob, body, `"reply":2`, `"reply":-2`, "job: data.reply is -2; versions count from 1"},
		{decodeJob, body, `"reply":2`, `"reply":1`, "job: data.reply asks for results in version 1; those of its check need version 2"},
		{decodeJob, body, `"reply":2`, `"answer":2`, "job: data.reply asks for results in version 1; those of its check need version 2"},
		{decodeJob, body, `"steps":[{"id"`, `"steps":[],"was":[{"id"`, "job: data.check.api.steps is missing or empty"},
		{decodeJob, body, `"id":"token"`, `"id":7`, "job: data.check.api.steps.id is a JSON number; it should be a string"},
		{decodeJob, body, `"max_body":1048576`, `"max_body":"1M"`, "job: data.check.api.steps.request.max_body is a JSON string; it should be a whole number of 64 bits"},
		{decodeJob, body, `"run_id"`, `"run"`, "job: data.run_id is missing"},
		{decodeJob, body, `"check":`, `"czech":`, "job: data.check is missing"},
		{decodeJob, body, `"location":"`, `"place":"`, "job: data.location is missing"},
		{decodeJob, body, `"slot":`, `"slit":`, "job: data.slot is missing"},
		{decodeJob, body, `"attempt":1`, `"attempt":0`, "job: data.attempt is 0 or missing; attempts count from 1"},
		{decodeJob, body, `"expires_at":`, `"expires":`, "job: data.expires_at is missing"},
		{decodeResult, result, `"ok":true`, `"ok":"yes"`, "result: data.verdicts.ok is a JSON string; it should be true or false"},
		{decodeResult, result, `"dns_us":1000,"connect_us":2000,`, `"dns_us":"1ms",`, `result: data.steps.timings.dns_us is a JSON string "1ms"; it should be a whole number of microseconds of at most 292 years`},
	} {
		err := f.decode(edit(t, f.body, f.old, f.new))
		if err == nil || err.Error() != "decoding probefleet."+f.want {
			t.Errorf("%s for %s: got %v\nwant %s", f.new, f.old, err, f.want)
		}
	}
}

func decodeJob(b []byte) error    { _, err := DecodeJob(b); return err }
func decodeResult(b []byte) error { _, err := DecodeResult(b); return err }
