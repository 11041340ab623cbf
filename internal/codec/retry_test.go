package codec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

func sampleRetry() check.Check {
	c := sampleAPI()
	c.Retry = check.Retry{
		Strategy: check.RetryExponential, Base: 5 * time.Second, Max: 3, MaxDuration: 2 * time.Minute, Cap: 30 * time.Second,
		Jitter: 20, Elsewhere: true, OnlyNetwork: true,
	}
	return c
}

// Retries are kept with the check, where version 1 has no room for them, and
// are not in its jobs: so the oldest workers go on with it.
func TestRetriesStayWithTheCheck(t *testing.T) {
	c := sampleRetry()
	version, data, err := EncodeCheck(c)
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	got, err := DecodeCheck(version, data)
	if d := cmp.Diff(c, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	w, err := newCheckV2(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, lost := downcastCheckV2(w); lost != "its retries" {
		t.Errorf("version 1 would lose %q", lost)
	}
	body, err := EncodeJobAt(1, jobs.New(c, "local", at(0), 1, at(0), at(1)))
	if err != nil || JobVersionOf(c) != 1 || ResultVersionOf(c) != 1 {
		t.Fatalf("jobs in version %d, results in %d: %v", JobVersionOf(c), ResultVersionOf(c), err)
	}
	if err := frozenJob(body); err != nil {
		t.Error(err)
	}
	if _, err := NewJobForm(1, c); err != nil {
		t.Error(err)
	}
}
