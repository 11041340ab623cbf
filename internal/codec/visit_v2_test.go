package codec

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

// sampleVisit is a result with every field of a visit.
func sampleVisit() jobs.Result {
	r := sampleBrowserFailed()
	r.Evidence.Visit = &jobs.Visit{
		Waited: 120 * time.Millisecond, Requests: 3, Failed: 1, Bytes: 1<<53 + 1, Text: "Sold out <&> ✓",
		Vitals: []jobs.Vitals{{
			URL: "https://shop.example/", TTFB: 40 * time.Millisecond, FCP: 200 * time.Millisecond, LCP: 900 * time.Millisecond,
			TBT: 30 * time.Millisecond, INP: 64 * time.Millisecond, CLS: 0.123457,
		}},
		Log: []jobs.Request{
			{Method: "GET", URL: "https://shop.example/", Type: "Document", Status: 200, Duration: 80 * time.Millisecond, Bytes: 4096},
			{Method: "POST", URL: "https://shop.example/api", Type: "Fetch", Error: "ERR_CONNECTION_REFUSED", Start: time.Second, Duration: time.Millisecond},
		},
	}
	return r
}

func TestVisitIsRefusedByVersionOne(t *testing.T) {
	_, err := EncodeResultAt(1, sampleVisit())
	if err == nil || !strings.Contains(err.Error(), "the visit") {
		t.Errorf("version 1 takes a visit: %v", err)
	}
	if _, err := EncodeResultAt(1, sampleVisit().Plain()); err != nil {
		t.Error(err)
	}
}

func TestScoresAreKept(t *testing.T) {
	for in, want := range map[float64]float64{
		0: 0, 0.1: 0.1, 0.0000004: 0, 12.5: 12.5, -1: 0, math.Inf(1): 0, math.NaN(): 0,
	} {
		r := sampleVisit()
		r.Evidence.Visit.Vitals[0].CLS = in
		body, err := EncodeResult(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeResult(body)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Evidence.Visit.Vitals[0].CLS); d != "" {
			t.Errorf("%v: %s", in, d)
		}
	}
}
