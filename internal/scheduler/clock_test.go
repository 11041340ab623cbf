package scheduler

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ahead is a database whose clock is ahead of ours.
type ahead struct {
	database
	by time.Duration
}

func (a ahead) Now(context.Context) (time.Time, error) { return time.Now().Add(a.by), nil }

// A clock that is off is reported once, however often it is read.
func TestAClockThatIsOffIsReportedOnce(t *testing.T) {
	for by, want := range map[time.Duration]int{29 * time.Second: 0, 31 * time.Second: 1, -time.Hour: 1} {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			o := options(ahead{newMemory(apiCheck("c", time.Hour)).of("s"), by}, "s", always(newSink(t)), nil)
			o.Logger = slog.New(slog.NewTextHandler(&said, nil))
			runFor(t, o, time.Minute)
			if n := strings.Count(said.String(), "clock is off"); n != want {
				t.Errorf("off by %s: said %d times", by, n)
			}
		})
	}
}
