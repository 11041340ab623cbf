package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
)

// What a newer worker says beyond what this release knows is kept, in the
// version in which it came.
func TestUnknownFieldsAreStored(t *testing.T) {
	s, url := open(t)
	r := result(shopLogin(), "local", time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), jobs.Passed, time.Second)
	for i, c := range []struct{ old, new, want string }{
		{`"location":`, `"later":{"deep":[1]},"location":`, `{"deep": [1]}`},
		{`"location":`, `"later":"\ud800","location":`, ""}, // JSONB refuses it
	} {
		r.Attempt, r.JobID = i+1, jobs.AttemptID(r.CheckID, r.Location, r.Slot, i+1)
		body, err := codec.EncodeResultAt(1, r)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(body), c.old, c.new, 1)
		rec, err := s.RecordReceived(t.Context(), []jobs.Result{r}, []string{text})
		if err != nil || rec.Stored != 1 {
			t.Fatalf("%+v, %v", rec, err)
		}
		if got := ask[string](t, url, `SELECT coalesce((data -> 'later')::text, '') FROM runs WHERE id = $1::uuid`, r.JobID); got != c.want {
			t.Errorf("kept %s, want %s", got, c.want)
		}
		version := ask[int](t, url, `SELECT data_version FROM runs WHERE id = $1::uuid`, r.JobID)
		got, err := codec.DecodeResultData(version, []byte(ask[string](t, url, `SELECT data::text FROM runs WHERE id = $1::uuid`, r.JobID)))
		if d := cmp.Diff(r, got); err != nil || d != "" || version != i+1 {
			t.Errorf("version %d, %v (-want +got):\n%s", version, err, d)
		}
	}
}
