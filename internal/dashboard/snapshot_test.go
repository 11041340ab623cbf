package dashboard

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/status"
)

// slowBars is a store that can be slow to answer what costs it most.
type slowBars struct {
	*fake
	away  bool
	asked map[string][]status.Span // by grain
}

func (s *slowBars) PublicBuckets(ctx context.Context, grain string, from, before time.Time) ([]status.Bucket, error) {
	if s.away {
		return nil, errors.New("it takes too long")
	}
	s.asked[grain] = append(s.asked[grain], status.Span{From: from, To: before})
	return s.fake.PublicBuckets(ctx, grain, from, before)
}

// TestBarsMayBeLate: where only the bars cannot be read, states go on being
// current and the bars are those of a while ago; after many readings that
// failed the page says so. Bars are then read again some at a time.
func TestBarsMayBeLate(t *testing.T) {
	now := noon
	s := &slowBars{fake: calm(now), asked: map[string][]status.Span{}}
	reg := prometheus.NewRegistry()
	var log strings.Builder
	d := New(Options{Store: s, Now: func() time.Time { return now }, Metrics: reg, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	look := func() string {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Body.String()
	}
	d.refresh(t.Context())
	s.away = true
	for range 4 {
		now = now.Add(time.Minute)
		s.fail(0, now, "it broke")
		d.refresh(t.Context())
	}
	wantAll(t, "the page without new bars", look(), "it broke")
	wantNone(t, "the page without new bars", part(t, look(), "banner"), "delayed")
	wantAll(t, "the log", log.String(), "the bars are those of a while ago", "it takes too long")
	if n := value(t, reg, "probefleet_dashboard_refresh_errors_total"); n < 4 {
		t.Errorf("%v errors are counted", n)
	}
	now = now.Add(10 * time.Minute)
	d.refresh(t.Context())
	now = now.Add(staleAfter)
	d.refresh(t.Context())
	wantAll(t, "the page whose bars are old", part(t, look(), "banner"), "delayed")

	now = noon.Add(12 * time.Hour)
	s.away, s.asked = false, map[string][]status.Span{}
	for i := range 20 {
		now = now.Add(2 * time.Second)
		d.refresh(t.Context())
		if snap := d.frame.Load().snap; snap.hours.readAt.Equal(now) {
			t.Logf("current after %d readings", i+1)
			break
		}
	}
	wantAll(t, "the log afterwards", log.String(), "the bars are current again")
	next := noon.Truncate(time.Hour)
	for _, a := range s.asked[grainHour] {
		if a.To.Sub(a.From) > time.Duration(readingHours.atATime+1)*time.Hour {
			t.Errorf("a reading is of %s", a.To.Sub(a.From))
		}
		if !a.From.Equal(next) {
			t.Errorf("after what ends at %s comes what begins at %s", next, a.From)
		}
		if next = a.To; next.Equal(now) {
			return // then come older bars
		}
	}
	t.Errorf("bars were read until %s; it is %s", next, now)
}

// TestReadingAgainChangesNothing: bars that are read again and are the same
// leave a page at its version, whichever stretch they are of.
func TestReadingAgainChangesNothing(t *testing.T) {
	now := noon
	d := New(Options{Store: many(now, 3), Now: func() time.Time { return now }})
	d.refresh(t.Context())
	sums := func() [2]uint64 {
		snap := d.frame.Load().snap
		return [2]uint64{snap.hours.sums["c-1"], snap.days.sums["c-1"]}
	}
	want, next := sums(), d.frame.Load().snap.hours.next
	for range 15 {
		now = now.Add(time.Minute)
		d.refresh(t.Context())
		if got := sums(); got != want {
			t.Fatalf("after %s it is another history", now.Sub(noon))
		}
	}
	if d.frame.Load().snap.hours.next.Equal(next) {
		t.Error("no older bars were read again")
	}
}
