package pages

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// TestSparksFollowTheNewestRun: of checks that have not run since, nothing is
// read again; of those that have, all of it is.
func TestSparksFollowTheNewestRun(t *testing.T) {
	var asked []string
	outcome := jobs.Passed
	s := newSparks(func(_ context.Context, ids []string, n int) (map[string][]status.Run, error) {
		asked = append(asked, ids...)
		found := map[string][]status.Run{}
		for _, id := range ids {
			found[id] = slices.Repeat([]status.Run{{Outcome: outcome}}, n)
		}
		return found, nil
	})
	all := []kept.Watched{watched("a", jobs.Passed), watched("b", jobs.Passed), watched("c", "")}
	draw := func() (labels []string) {
		t.Helper()
		asked = nil
		rows := listChecks(newAllChecks(all, noon), checksQuery{Page: 1}, noon).Rows
		if err := s.draw(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			labels = append(labels, r.ID+" "+r.Spark.Label)
		}
		slices.Sort(labels)
		return labels
	}
	want := []string{"a 40 runs, 0 failed", "b 40 runs, 0 failed", "c 40 runs, 0 failed"}
	if got := draw(); !slices.Equal(got, want) || len(asked) != 3 {
		t.Fatalf("at first %q, of %q", got, asked)
	}
	if got := draw(); !slices.Equal(got, want) || len(asked) != 0 {
		t.Errorf("where nothing ran: %q, of %q", got, asked)
	}
	outcome = jobs.Failed
	all[1].Last = []status.Run{{RunID: "another", Location: "here", Slot: noon, Outcome: jobs.Failed}}
	want[1] = "b 40 runs, 40 failed"
	if got := draw(); !slices.Equal(got, want) || strings.Join(asked, " ") != "b" {
		t.Errorf("where one ran: %q, of %q", got, asked)
	}
	s.recent = func(context.Context, []string, int) (map[string][]status.Run, error) { return nil, fmt.Errorf("away") }
	all[0].Last[0].Attempt++
	if err := s.draw(t.Context(), listChecks(newAllChecks(all, noon), checksQuery{Page: 1}, noon).Rows); err == nil {
		t.Error("what could not be read is shown as if it had been")
	}
}
