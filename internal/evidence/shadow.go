package evidence

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// Shadow says what shadow runs of a build found, in slots from a time on.
func (c Console) Shadow(ctx context.Context, build, location string, since time.Time) (promotion.ShadowRuns, error) {
	q := url.Values{"build": {build}, "since": {since.UTC().Format(time.RFC3339Nano)}}
	if location != "" {
		q.Set("location", location)
	}
	var found struct {
		Reports []struct {
			Build     *string  `json:"build"`
			Pairs     *int     `json:"pairs"`
			Worse     *int     `json:"worse"`
			Better    *int     `json:"better"`
			P         *float64 `json:"p"`
			RateLow   *float64 `json:"rate_low"`
			RateHigh  *float64 `json:"rate_high"`
			Timed     *int     `json:"timed"`
			RatioLow  *float64 `json:"ratio_low"`
			RatioHigh *float64 `json:"ratio_high"`
		} `json:"reports"`
	}
	if err := c.Source.get(ctx, "/api/v1/shadow", q, &found); err != nil {
		return promotion.ShadowRuns{}, err
	}
	if len(found.Reports) != 1 {
		return promotion.ShadowRuns{}, fmt.Errorf("the console has %d reports of shadow runs of %q instead of one", len(found.Reports), build)
	}
	r := found.Reports[0]
	if r.Build == nil || r.Pairs == nil || r.Worse == nil || r.Better == nil || r.P == nil || r.RateLow == nil || r.RateHigh == nil || r.Timed == nil || r.RatioLow == nil || r.RatioHigh == nil || *r.Build != build {
		return promotion.ShadowRuns{}, fmt.Errorf("the console's report of shadow runs of %q is not understood", build)
	}
	return promotion.ShadowRuns{
		Build: build, Pairs: *r.Pairs, Worse: *r.Worse, Better: *r.Better, P: *r.P, RateLow: *r.RateLow, RateHigh: *r.RateHigh,
		Timed: *r.Timed, RatioLow: *r.RatioLow, RatioHigh: *r.RatioHigh,
	}, nil
}
