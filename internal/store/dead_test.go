package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// poison is what JSONB cannot hold, in a message as a foreign worker might
// write it.
const poison = `NUL \u0000, lone surrogates \ud800 and \udfff, backslashes \\u0000`

// message is a result's message in which text stands for the fault.
func message(t *testing.T, r jobs.Result, text string) string {
	t.Helper()
	r.Outcome, r.Fault = jobs.Failed, &jobs.Fault{Class: jobs.FaultAssertion, Message: "TEXT"}
	body, err := codec.EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(body), "TEXT", text, 1)
}

// What JSONB refuses is made fit to be stored on its way through the codec; it
// is no reason to bury a result.
func TestPoisonousTextIsStored(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	room := codec.MaxBytes - len(message(t, result(c, "here", noon, jobs.Failed, 0), ""))
	var results []jobs.Result
	var bodies []string
	for i, text := range []string{
		poison,
		strings.Repeat("x", room),     // 1 MiB in all
		strings.Repeat(`\"`, room/2),  // as long, half of it escapes
		strings.Repeat("\u2028", 100), // longer once it is escaped
	} {
		body := message(t, result(c, "here", noon.Add(time.Duration(i)*time.Minute), jobs.Failed, 0), text)
		r, err := codec.DecodeResult([]byte(body))
		if err != nil {
			t.Fatalf("%.40q: %v", text, err)
		}
		results, bodies = append(results, r), append(bodies, body)
	}
	got, err := s.RecordReceived(t.Context(), results, bodies)
	if want := (store.Recorded{Stored: len(results)}); err != nil || got != want {
		t.Errorf("recorded %+v, %v; want %+v", got, err, want)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM runs WHERE fault_message LIKE 'NUL ' || U&'\FFFD' || ', lone%'`); n != 1 {
		t.Errorf("%d rows hold the poison made harmless, want 1", n)
	}
}

// What the database refuses for ever is kept as it came, byte for byte, and
// its batch goes on.
func TestDeadResultsAreKeptRaw(t *testing.T) {
	s, url := open(t)
	c := shopLogin()
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	var results []jobs.Result
	var bodies []string
	for i := range 30 {
		r := result(c, "here", noon.Add(time.Duration(i)*time.Minute), jobs.Failed, 0)
		body := message(t, r, fmt.Sprintf("%d: %s", i, poison))
		switch i {
		case 4:
			r.Location = "nul\x00nul" // past the codec, which would have mended it
		case 12:
			r.JobID = "no uuid"
		case 29:
			r.Attempt = 1 << 31
		}
		results, bodies = append(results, r), append(bodies, body)
	}
	got, err := s.RecordReceived(t.Context(), results, bodies)
	if want := (store.Recorded{Stored: 27, Dead: 3}); err != nil || got != want {
		t.Fatalf("recorded %+v, %v; want %+v", got, err, want)
	}
	if n := ask[int](t, url, `SELECT count(*) FROM runs`); n != 27 {
		t.Errorf("%d rows, want 27", n)
	}
	dead, total, err := s.DeadResults(t.Context(), 2)
	if err != nil || total != 3 || len(dead) != 2 {
		t.Fatalf("listing two: %d of %d, %v", len(dead), total, err)
	}
	dead, _, err = s.DeadResults(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]store.DeadResult{}
	for _, d := range dead {
		kept[string(d.Body)] = d
	}
	for i, why := range map[int]string{4: "SQLSTATE", 12: "not a UUID", 29: "attempt"} {
		d, ok := kept[bodies[i]]
		if !ok || !strings.Contains(d.Reason, why) || time.Since(d.ReceivedAt) > time.Hour {
			t.Errorf("result %d is kept as %.60q with reason %q, at %s", i, d.Body, d.Reason, d.ReceivedAt)
		}
	}
	if n, err := s.DropDeadResults(t.Context(), []string{dead[0].ID, dead[1].ID, strings.Repeat("0", 64)}); n != 2 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	if _, total, err := s.DeadResults(t.Context(), 0); total != 1 || err != nil {
		t.Errorf("%d are left, %v", total, err)
	}
	if left, err := s.DeadResultsByID(t.Context(), []string{dead[0].ID, dead[2].ID}); err != nil || len(left) != 1 || left[0].ID != dead[2].ID {
		t.Errorf("by id: %d are left, %v", len(left), err)
	}
	for _, bad := range []string{"", "xyz", dead[2].ID + "00"} {
		if _, err := s.DropDeadResults(t.Context(), []string{bad}); err == nil {
			t.Errorf("the id %q was taken", bad)
		}
	}
	if _, err := s.RecordReceived(t.Context(), results, bodies[1:]); err == nil {
		t.Error("results and bodies that do not go together were taken")
	}
}
