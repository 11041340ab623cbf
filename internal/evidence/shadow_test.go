package evidence

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// A report counts where it is whole and of the build that was asked for.
func TestShadow(t *testing.T) {
	const whole = `{"build":"v2","pairs":300,"worse":1,"better":2,"p":1,"rate":0.01,"rate_low":0.001,"rate_high":0.02,"timed":9,"ratio":1,"ratio_low":0.9,"ratio_high":1.1,"disagreements":[]}`
	body, asked := "", ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path + "?" + r.URL.RawQuery
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	c := Console{Source: Source{URL: server.URL}}
	since := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	body = `{"reports":[` + whole + `]}`
	want := promotion.ShadowRuns{Build: "v2", Pairs: 300, Worse: 1, Better: 2, P: 1, RateLow: 0.001, RateHigh: 0.02, Timed: 9, RatioLow: 0.9, RatioHigh: 1.1}
	if got, err := c.Shadow(t.Context(), "v2", "here", since); err != nil || got != want || asked != "/api/v1/shadow?build=v2&location=here&since=2026-03-14T09%3A00%3A00Z" {
		t.Errorf("%+v, %v; asked %s", got, err, asked)
	}
	for name, bad := range map[string]string{
		"none": `{"reports":[]}`, "nothing": `{}`, "two": `{"reports":[` + whole + `,` + whole + `]}`,
		"another build": `{"reports":[` + strings.Replace(whole, "v2", "v3", 1) + `]}`,
		"a part":        `{"reports":[` + strings.Replace(whole, `"rate_high":0.02,`, "", 1) + `]}`,
		"no JSON":       `<html>`,
	} {
		body = bad
		if got, err := c.Shadow(t.Context(), "v2", "", since); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
