package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

func TestNotesOfDeadLetters(t *testing.T) {
	s, _ := open(t)
	note := func(d jobs.DeadLetter) {
		t.Helper()
		if err := s.NoteDeadLetter(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	first := jobs.DeadLetter{Queue: "q", MessageID: "m1", Reason: jobs.DeadHandler, Error: "no \x00 \xff", Worker: "w", At: noon}
	later := first
	later.Reason, later.Error, later.At = jobs.DeadPanic, "worse", noon.Add(time.Minute)
	other := jobs.DeadLetter{Queue: "other", MessageID: "m1", Reason: jobs.DeadDecode, At: noon}
	note(first)
	note(first)
	first.Error = "no \ufffd \ufffd"
	check := func(queue string, want ...jobs.DeadLetter) {
		t.Helper()
		got, err := s.DeadLetterNotes(t.Context(), queue, []string{"m1", "m2", "m3"})
		slices.SortFunc(got, func(a, b jobs.DeadLetter) int { return strings.Compare(a.MessageID, b.MessageID) })
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("notes of %s: %v\n%s", queue, err, d)
		}
	}
	check("q", first)
	note(later)
	note(first) // comes late
	note(other)
	check("q", later)
	check("other", other)
	if got, err := s.DeadLetterNotes(t.Context(), "q", nil); len(got) != 0 || err != nil {
		t.Errorf("notes of no messages: %v, %v", got, err)
	}
}

// Notes are gone a day after the last message that they could be about.
func TestOldNotesAreDeleted(t *testing.T) {
	s, url := open(t)
	for day := range 20 {
		id := fmt.Sprintf("m%d", day)
		if err := s.NoteDeadLetter(t.Context(), jobs.DeadLetter{Queue: "q", MessageID: id, Reason: jobs.DeadPanic, At: noon}); err != nil {
			t.Fatal(err)
		}
		do(t, url, `UPDATE dead_letters SET noted_at = now() - make_interval(days => $1::int) WHERE message_id = $2`, day, id)
	}
	if err := s.NoteDeadLetter(t.Context(), jobs.DeadLetter{Queue: "q", MessageID: "new", Reason: jobs.DeadPanic}); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM dead_letters`); n != 16 { // 0 to 14 days, and the new one
		t.Errorf("%d notes are left, want 16", n)
	}
}
