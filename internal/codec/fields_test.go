package codec

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

func TestDurationsAreMicroseconds(t *testing.T) {
	for in, want := range map[time.Duration]micros{
		0: 0, 1: 1, 499: 1, 500: 1, 1499: 1, 1500: 2, time.Second: 1e6,
		-1: -1, -time.Millisecond: -1000,
		math.MaxInt64: math.MaxInt64 / 1000, math.MinInt64: math.MinInt64 / 1000,
	} {
		us := microsOf(in)
		if us != want {
			t.Errorf("%d ns: got %d µs, want %d", in, us, want)
		}
		b, err := json.Marshal(us)
		if err != nil {
			t.Fatal(err)
		}
		var back micros
		if err := json.Unmarshal(b, &back); err != nil || back != us {
			t.Errorf("%s: got %d, %v; want %d", b, back, err, us)
		}
		if d := us.duration() - in; in.Abs() < math.MaxInt64/2 && (d > time.Microsecond || d < -time.Microsecond) {
			t.Errorf("%d ns came back as %d", in, us.duration())
		}
	}
}

func TestTimesAreUTC(t *testing.T) {
	j := sampleJob(sampleAPI())
	zone := time.FixedZone("Kolkata", 5*3600+1800)
	j.Slot, j.SentAt, j.ExpiresAt = j.Slot.In(zone), j.SentAt.In(zone), j.ExpiresAt.In(zone)
	body, err := EncodeJobAt(1, j)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(jobBytes(t, "api")), string(body)); d != "" {
		t.Errorf("(-UTC +other zone):\n%s", d)
	}
	got, err := DecodeJob(edit(t, body, `"slot":"2026-03-14T15:09:26.535Z"`, `"slot":"2026-03-14T20:39:26.535000000+05:30"`))
	if err != nil || !got.Slot.Equal(at(0)) || got.Slot.Location() != time.UTC {
		t.Errorf("got slot %s, %v; want %s in UTC", got.Slot, err, at(0))
	}
}

func TestNumbersPastTheDoublesAreExact(t *testing.T) {
	for _, n := range []int64{1<<53 + 1, math.MaxInt64, math.MinInt64} {
		r := samplePassed()
		r.Evidence.Response.Size = n
		r.Timings.Total = time.Duration(math.MaxInt64 / 1000 * 1000)
		body, err := EncodeResult(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeResult(body)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, got); d != "" {
			t.Errorf("%d (-want +got):\n%s", n, d)
		}
	}
}

// Nothing else changes for them.
func TestUnknownFieldsHaveNoMeaning(t *testing.T) {
	body := jobBytes(t, "browser")
	for _, at := range []string{`"type":`, `"run_id":`, `"every_us":`, `"width":`, `"action":"click"`} {
		body = edit(t, body, at, `"new":{"x":[1e400,null,{"y":"\u0000"}]},`+at)
	}
	got, err := DecodeJob(body)
	if err != nil {
		t.Fatal(err)
	}
	if got.Unknown == "" || got.Check.Unknown == "" {
		t.Errorf("they are not kept: %q, %q", got.Unknown, got.Check.Unknown)
	}
	got.Unknown, got.Check.Unknown = "", ""
	if d := cmp.Diff(jobSamples()["browser"], got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// null stands for a field that is left out.
func TestNullIsMissing(t *testing.T) {
	body := edit(t, resultBytes(t, "passed"), `"received_at":"`, `"received_at":null,"x":"`)
	body = edit(t, body, `"verdicts":`, `"verdicts":null,"y":`)
	body = edit(t, body, `"total_us":`, `"total_us":null,"z":`)
	want := resultSamples()["passed"]
	want.ReceivedAt, want.Verdicts, want.Timings.Total = time.Time{}, nil, 0
	got, err := DecodeResult(body)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestEmptyIsNil(t *testing.T) {
	r := samplePassed()
	r.Verdicts, r.Steps = []jobs.Verdict{}, []jobs.StepResult{}
	r.Evidence = jobs.Evidence{Response: &jobs.Response{Headers: map[string]string{}}, Console: []jobs.ConsoleEntry{}}
	body, err := EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeResult(body)
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdicts != nil || got.Steps != nil || got.Evidence.Console != nil ||
		got.Evidence.Response == nil || got.Evidence.Response.Headers != nil {
		t.Errorf("got %+v", got)
	}
	body = edit(t, body, `"response":{}`, `"response":{"headers":{}},"console":[]`)
	again, err := DecodeResult(body)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, again); d != "" {
		t.Errorf("empty differs from missing (-missing +empty):\n%s", d)
	}
}

func TestPeek(t *testing.T) {
	job := jobSamples()["api"]
	for _, c := range []struct {
		body []byte
		want Header
	}{
		{jobBytes(t, "api"), Header{TypeJob, 1, 1, job.ID, job.SentAt, job.TraceParent}},
		{resultBytes(t, "passed"), Header{TypeResult, 1, 1, job.ID, samplePassed().FinishedAt, ""}},
		{resultBytes(t, "expired"), Header{TypeResult, 1, 1, job.ID, at(42_000), ""}},
		{[]byte(` {"data":"?","x":{},"type":"probefleet.worker","v":12,"min":9,"id":"w"} `), Header{"probefleet.worker", 12, 9, "w", time.Time{}, ""}},
	} {
		got, err := Peek(c.body)
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestAttributes(t *testing.T) {
	for body, want := range map[string]map[string]string{
		string(jobBytes(t, "api")):                      {"type": "probefleet.job", "version": "1"},
		string(resultBytes(t, "passed")):                {"type": "probefleet.result", "version": "1"},
		`{"type":"x","v":30,"min":2,"id":"i","data":1}`: {"type": "x", "version": "30"},
		`{"v":30,"min":2,"id":"i"}`:                     nil,
		// Not quite in the form in which this package writes.
		`{"type":"probefleet.x","v" :3,"min":2,"id":"i"}`:                  {"type": "probefleet.x", "version": "3"},
		`{"type":"probefleet.x\u0079","v":3,"min":2,"id":"i"}`:             {"type": "probefleet.xy", "version": "3"},
		`{"type":"probefleet.x","id":"\",\"v\":9,\"min\":","v":3,"min":2}`: {"type": "probefleet.x", "version": "3"},
		`{"type":"probefleet.x","v":-3,"min":-3,"id":"i"}`:                 nil,
	} {
		if d := cmp.Diff(want, Attributes([]byte(body))); d != "" {
			t.Errorf("%s (-want +got):\n%s", body, d)
		}
	}
}

// The tables know exactly the versions that the constants name.
func TestReadersAreComplete(t *testing.T) {
	if len(jobReaders)-1 != JobVersion || len(resultReaders)-1 != ResultVersion || len(checkReaders)-1 != CheckVersion {
		t.Error("a version has no reader, or a reader no version")
	}
}
