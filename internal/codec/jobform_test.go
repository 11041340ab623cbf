package codec

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

// A form writes what would have been written without it.
func TestJobFormWritesTheSame(t *testing.T) {
	for _, samples := range []map[string]jobs.Job{jobSamples(), newJobSamples()} {
		for _, name := range sorted(samples) {
			for version := 1; version <= JobVersion; version++ {
				j := samples[name]
				want, wantErr := EncodeJobAt(version, j)
				f, err := NewJobForm(version, j.Check)
				if _, held := errors.AsType[*CannotDowncastError](wantErr); held {
					if _, held := errors.AsType[*CannotDowncastError](err); !held {
						t.Errorf("%s in version %d: %v, want %v", name, version, err, wantErr)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s in version %d: %v", name, version, err)
				}
				for _, way := range []int{version, JobVersion, 1} { // over another version, and back
					if other, err := f.In(way); err == nil {
						if f, err = other.In(version); err != nil {
							t.Fatal(err)
						}
					}
				}
				j.Check.ID, j.Check.Spec = "", nil // it is not looked at
				got, err := f.Encode(j)
				if d := cmp.Diff(string(want), string(got)); err != nil || d != "" {
					t.Errorf("%s in version %d: %v (-want +got):\n%s", name, version, err, d)
				}
				if d := cmp.Diff(Attributes(want), f.AttributesOf()); d != "" || f.Version() != version {
					t.Errorf("%s: version %d, attributes (-want +got):\n%s", name, f.Version(), d)
				}
			}
		}
	}
}

func TestJobFormKeepsUnknownFields(t *testing.T) {
	j := sampleJob(sampleAPI())
	j.Check.Unknown = `{"api":{"steps":[{"request":{"cert":1}}]},"labels":{"a":"b"}}`
	f, err := NewJobForm(2, j.Check)
	if err != nil {
		t.Fatal(err)
	}
	body, err := f.Encode(j)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeJob(body)
	if d := cmp.Diff(j, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if _, err := f.In(1); !errors.As(err, new(*CannotDowncastError)) {
		t.Errorf("in version 1: %v", err)
	}
}

func TestJobFormRefuses(t *testing.T) {
	if _, err := NewJobForm(3, sampleAPI()); err == nil {
		t.Error("a form of version 3")
	}
	f, err := NewJobForm(2, sampleSteps())
	if err != nil {
		t.Fatal(err)
	}
	good := newJobSamples()["steps"]
	for name, change := range map[string]func(*jobs.Job){
		"reply": func(j *jobs.Job) { j.Reply = 1 }, "negative": func(j *jobs.Job) { j.Reply = -1 },
		"id": func(j *jobs.Job) { j.ID = "" }, "run": func(j *jobs.Job) { j.RunID = "" },
		"sent": func(j *jobs.Job) { j.SentAt = time.Time{} },
		"year": func(j *jobs.Job) { j.Slot = j.Slot.AddDate(9000, 0, 0) }, "attempt": func(j *jobs.Job) { j.Attempt = 0 },
		"location": func(j *jobs.Job) { j.Location = "" }, "unknown": func(j *jobs.Job) { j.Unknown = `{"x":1}` },
	} {
		j := good
		change(&j)
		_, want := EncodeJobAt(2, j)
		if _, err := f.Encode(j); err == nil && (want != nil || name == "unknown") {
			t.Errorf("%s: written", name)
		}
	}
	if _, err := (JobForm{}).Encode(good); err == nil {
		t.Error("an empty form wrote a job")
	}
}

// Strings are written as elsewhere.
func TestAppendText(t *testing.T) {
	for _, s := range []string{"", "a", `"\`, "é\x00\xff", "<&>\u2028", "\x7f", "a\nb"} {
		want, err := encode("", "", MaxBytes, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendText(nil, s); string(got) != string(want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func BenchmarkJobForm(b *testing.B) {
	j := jobSamples()["api"]
	f, err := NewJobForm(2, j.Check)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, len(jobBytes(b, "api")), func() error { _, err := f.Encode(j); return err })
}
