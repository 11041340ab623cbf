package store_test

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// An expired result was never started, and a worker may leave out any stamp:
// what has none is null where there is a null, and otherwise the latest time
// that is known, never the year 1.
func TestResultsWithoutStamps(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	expired := result(c, "here", noon, jobs.Expired, 0)
	expired.StartedAt = time.Time{}
	bare := result(c, "there", noon, jobs.Expired, 0)
	bare.SentAt, bare.ReceivedAt, bare.StartedAt, bare.FinishedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	record(t, s, store.Recorded{Stored: 2}, expired, bare)
	if n := ask[int](t, url, `SELECT count(*) FROM runs WHERE started_at IS NULL AND finished_at = $1`, noon); n != 2 {
		t.Errorf("%d of 2 rows have no start and the end that is known", n)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM latest WHERE finished_at = $1`, noon); n != 2 {
		t.Errorf("%d of 2 newest runs have the end that is known", n)
	}
}
