package codec

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

func TestRoundTrip(t *testing.T) {
	for name, want := range jobSamples() {
		body, err := EncodeJob(want)
		if err != nil {
			t.Fatalf("job %s: %v", name, err)
		}
		got, err := DecodeJob(body)
		if err != nil {
			t.Fatalf("job %s: %v\n%s", name, err, body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("job %s (-want +got):\n%s", name, d)
		}
	}
	for name, want := range resultSamples() {
		body, err := EncodeResult(want)
		if err != nil {
			t.Fatalf("result %s: %v", name, err)
		}
		got, err := DecodeResult(body)
		if err != nil {
			t.Fatalf("result %s: %v\n%s", name, err, body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("result %s (-want +got):\n%s", name, d)
		}
	}
	for name, want := range checkSamples() {
		version, data, err := EncodeCheck(want)
		if err != nil || version != 1 {
			t.Fatalf("check %s: version %d, %v", name, version, err)
		}
		got, err := DecodeCheck(version, data)
		if err != nil {
			t.Fatalf("check %s: %v\n%s", name, err, data)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("check %s (-want +got):\n%s", name, d)
		}
	}
}

// The column holds what the message holds.
func TestResultDataIsTheMessagesData(t *testing.T) {
	for name, want := range resultSamples() {
		body, err := EncodeResult(want)
		if err != nil {
			t.Fatal(err)
		}
		version, data, err := EncodeResultData(want)
		if err != nil || version != ResultVersion {
			t.Fatalf("%s: version %d, %v", name, version, err)
		}
		if !bytes.HasSuffix(body, append([]byte(`"data":`), append(data, '}')...)) {
			t.Errorf("%s: the message\n%s\ndoes not end in the data\n%s", name, body, data)
		}
		got, err := DecodeResultData(version, data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestSameValueSameBytes(t *testing.T) {
	headers := map[string]string{}
	for c := 'a'; c <= 'z'; c++ {
		headers[string(c)] = "x"
	}
	job := func() jobs.Job {
		j := sampleJob(sampleAPI())
		j.Check.Spec.(*check.API).Steps[0].Request.Headers = headers
		return j
	}
	first, err := EncodeJob(job())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if again, _ := EncodeJob(job()); !bytes.Equal(first, again) {
			t.Fatalf("two encodings differ:\n%s\n%s", first, again)
		}
	}
}
