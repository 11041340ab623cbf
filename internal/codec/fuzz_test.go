package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// seed gives f the corpus of a type, and a few bytes that are no message.
func seed(f *testing.F, kind string) {
	f.Helper()
	files, err := filepath.Glob("testdata/v*/" + kind + "/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, b); err != nil {
			f.Fatal(err)
		}
		f.Add(line.Bytes())
	}
	for _, s := range []string{
		"", "{}", "[[[[", `{"type":"probefleet.job","v":1,"min":1,"id":"a","data":{"run_id":"\u0000\ud800"}}`,
		`{"v":9223372036854775807,"min":1e99,"v":0}`, "{\"\xff\":{}}",
	} {
		f.Add([]byte(s))
	}
}

// decoded checks what holds for any bytes: the error is of a known type, or
// the value can be written, holds nothing that JSONB refuses, and is read back
// the same.
func decoded[T any](t *testing.T, in []byte, decode func([]byte) (T, error), encode func(T) ([]byte, error)) {
	before := bytes.Clone(in)
	var v T
	var err error
	withinMemory(t, func() { v, err = decode(in) })
	if !bytes.Equal(before, in) {
		t.Fatal("the input was changed")
	}
	if err != nil {
		_, undecodable := errors.AsType[*DecodeError](err)
		_, newer := errors.AsType[*UnsupportedVersionError](err)
		if !undecodable && !newer {
			t.Fatalf("an error of another type: %v", err)
		}
		if len(err.Error()) > 2000 {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
		return
	}
	out, err := encode(v)
	if err != nil {
		if len(in) < MaxCheckBytes/8 { // escapes may make a large one too large
			t.Fatalf("decoded, but not to be encoded: %v", err)
		}
		return
	}
	if r := jsonbRefuses(out); r != "" {
		t.Fatalf("holds %s: %s", r, out)
	}
	again, err := decode(out)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, out)
	}
	if d := cmp.Diff(v, again); d != "" {
		t.Fatalf("(-first +second):\n%s", d)
	}
}

func FuzzDecodeJob(f *testing.F) {
	seed(f, "job")
	f.Fuzz(func(t *testing.T, in []byte) {
		decoded(t, in, DecodeJob, EncodeJob)
		if h, err := Peek(in); err == nil && h.Version < 1 {
			t.Fatalf("peeked %+v", h)
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	seed(f, "result")
	f.Fuzz(func(t *testing.T, in []byte) { decoded(t, in, DecodeResult, EncodeResult) })
}

func FuzzDecodeAnnouncement(f *testing.F) {
	seed(f, "worker")
	f.Fuzz(func(t *testing.T, in []byte) { decoded(t, in, DecodeAnnouncement, EncodeAnnouncement) })
}

func FuzzDecodeCheck(f *testing.F) {
	seed(f, "check")
	f.Fuzz(func(t *testing.T, in []byte) {
		for version := 1; version <= CheckVersion; version++ {
			written := version // of the bytes that are read next
			decoded(t, in,
				func(b []byte) (check.Check, error) { return DecodeCheck(written, b) },
				func(c check.Check) (b []byte, err error) { written, b, err = EncodeCheck(c); return b, err })
		}
	})
}

// A job that version 1 has room for comes back from there the same, and reads
// the same by the release that knew no other; one that it has no room for is
// refused.
func FuzzDowncastJob(f *testing.F) {
	seed(f, "job")
	f.Fuzz(func(t *testing.T, in []byte) {
		j, err := DecodeJob(in)
		if err != nil {
			return
		}
		body, err := EncodeJobAt(1, j)
		if _, held := errors.AsType[*CannotDowncastError](err); held != (JobVersionOf(j.Check) > 1 || j.Unknown != "") {
			t.Fatalf("%v of %+v", err, j.Check.Spec)
		}
		if err != nil {
			return
		}
		got, err := DecodeJob(body)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		j.Reply = 1
		if d := cmp.Diff(j, got); d != "" {
			t.Fatalf("(-before +after):\n%s", d)
		}
		if err := frozenJob(body); err != nil {
			t.Fatalf("the release of version 1: %v\n%s", err, body)
		}
	})
}

// The same of results.
func FuzzDowncastResult(f *testing.F) {
	seed(f, "result")
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := DecodeResult(in)
		if err != nil {
			return
		}
		body, err := EncodeResultAt(1, r)
		if err != nil {
			return // too large, or held: TestDowncastsNeverDrop says when
		}
		got, err := DecodeResult(body)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if d := cmp.Diff(r, got); d != "" {
			t.Fatalf("(-before +after):\n%s", d)
		}
		if err := frozenResult(body); err != nil {
			t.Fatalf("the release of version 1: %v\n%s", err, body)
		}
	})
}

// Whatever text, numbers and times a result holds: it comes back the same
// once it has been through the sanitiser.
func FuzzRoundTrip(f *testing.F) {
	f.Add("status == 200", "x-id", "é\x00\xff", int64(1)<<53+1, int64(time.Second), int64(1_700_000_000_123_456_789), true)
	f.Add("", "\x00", "\xfe", int64(-1), int64(-1), int64(-1), false)
	f.Fuzz(func(t *testing.T, expr, name, text string, size, dur, nanos int64, ok bool) {
		r := samplePassed()
		r.Slot, r.StartedAt = time.Unix(0, nanos), time.Unix(0, nanos).Add(time.Duration(dur)/2)
		r.Timings.Total = time.Duration(dur)
		r.Verdicts = []jobs.Verdict{{Expr: expr, OK: ok, Message: text}}
		r.Evidence.Response.Size = size
		r.Evidence.Response.Excerpt = text
		r.Evidence.Response.Headers = map[string]string{name: text, text: name, name + "\ufffd": ""}
		r.Worker.ID = text
		body, err := EncodeResult(r)
		if err != nil {
			t.Skip() // too large
		}
		sane, err := DecodeResult(body)
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if !sane.Slot.Equal(r.Slot) || sane.Evidence.Response.Size != size ||
			len(sane.Evidence.Response.Headers) != len(r.Evidence.Response.Headers) {
			t.Fatalf("got %+v\nfrom %+v", sane, r)
		}
		if d := (sane.Timings.Total - r.Timings.Total).Abs(); d > time.Microsecond {
			t.Fatalf("total is off by %d ns", d)
		}
		decoded(t, body, DecodeResult, EncodeResult)
	})
}
