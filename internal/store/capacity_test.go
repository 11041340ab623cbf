package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// Work of several recorders is added up, that of the past counts for as long as
// it says something, and is forgotten.
func TestServed(t *testing.T) {
	url := storetest.Database(t)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	paris := capacity.Place{Location: "paris", Class: jobs.ClassAPI}
	tokyo := capacity.Place{Location: "tokyo", Class: jobs.ClassBrowser}
	add := func(recorder string, p capacity.Place, w capacity.Work) {
		t.Helper()
		if err := s.AddWork(t.Context(), recorder, map[capacity.Place]capacity.Work{p: w}); err != nil {
			t.Fatal(err)
		}
	}
	age := func(by string) {
		t.Helper()
		ask[int](t, url, `WITH u AS (UPDATE service_times SET minute = minute - interval '`+by+`' RETURNING 1) SELECT count(*)::int FROM u`)
	}
	add("r1", paris, capacity.Work{Runs: 1000})
	age("3 hours")
	add("r1", tokyo, capacity.Work{Runs: 2, Busy: 40 * time.Second, Waited: time.Minute})
	age("20 minutes")
	add("r1", paris, capacity.Work{Runs: 10, Again: 1, Busy: 5 * time.Second, Waited: 2 * time.Second})
	add("r1", paris, capacity.Work{Runs: 5, Busy: time.Second, Waited: time.Second})
	add("r2", paris, capacity.Work{Runs: 10, Again: 2, Busy: 4 * time.Second, Waited: 3 * time.Second})

	got, err := s.Served(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Newest = capacity.Work{} // of which TestServedByTheMinute speaks
		for _, w := range []*capacity.Work{&got[i].Now, &got[i].Recently, &got[i].Lately} {
			w.Received = min(w.Received, 1) // how many minutes and recorders it came from does not matter
		}
	}
	all := capacity.Work{Runs: 25, Again: 3, Busy: 10 * time.Second, Waited: 3 * time.Second, Received: 1}
	want := []capacity.Served{
		{Place: paris, Now: all, Recently: all, Lately: all},
		{Place: tokyo, Lately: capacity.Work{Runs: 2, Busy: 40 * time.Second, Waited: time.Minute, Received: 1}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("served (-want +got):\n%s", d)
	}
	if n := ask[int](t, url, `SELECT count(*)::int FROM service_times WHERE minute < now() - interval '2 hours'`); n != 0 {
		t.Errorf("%d rows of the time before last are kept", n)
	}
}

// What several recorders have stored of a minute is one minute, and what the
// minutes come to is what [capacity.Sum] says, by the database's clock.
func TestServedByTheMinute(t *testing.T) {
	url := storetest.Database(t)
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ask[int](t, url, `
		WITH w AS (
			INSERT INTO service_times (minute, location, class, recorder, runs, again, busy_us, waited_us)
			SELECT date_trunc('minute', statement_timestamp()) - make_interval(mins => m), location, class, recorder, 10 * (m + 1), m, 1000000 * (m + 2), 1000 * m
			FROM generate_series(0, 70) m, (VALUES ('r1'), ('r2')) r (recorder), (VALUES ('tokyo', 'api'), ('paris', 'browser'), ('paris', 'api')) p (location, class)
			RETURNING 1)
		SELECT count(*)::int FROM w`)
	first := ask[time.Time](t, url, `SELECT max(minute) FROM service_times`)
	var minutes []capacity.Minute
	for _, p := range []capacity.Place{{Location: "paris", Class: jobs.ClassAPI}, {Location: "paris", Class: jobs.ClassBrowser}, {Location: "tokyo", Class: jobs.ClassAPI}} {
		for m := range 71 {
			minutes = append(minutes, capacity.Minute{Place: p, Begin: first.Add(-time.Duration(m) * time.Minute), Work: capacity.Work{
				Runs: 20 * (m + 1), Again: 2 * m, Busy: 2 * time.Duration(m+2) * time.Second, Waited: time.Duration(m) * time.Millisecond, Received: 2,
			}})
		}
	}
	clock := func() time.Time { t.Helper(); return ask[time.Time](t, url, `SELECT clock_timestamp()`) }
	for range 100 {
		want := capacity.Sum(minutes, clock())
		got, err := s.Served(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(want, capacity.Sum(minutes, clock())) {
			continue // it was another moment meanwhile
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("served (-want +got):\n%s", d)
		}
		return
	}
	t.Error("no two looks at the clock come to the same")
}

// A successor reads what was said last, and places that are gone are forgotten.
func TestWanted(t *testing.T) {
	s := storetest.Store(t)
	at := time.Date(2026, 3, 14, 9, 26, 0, 0, time.UTC)
	say := func(w ...capacity.Wanted) {
		t.Helper()
		if err := s.KeepWanted(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	paris := capacity.Wanted{Place: capacity.Place{Location: "paris", Class: jobs.ClassAPI}, Workers: 3, At: at}
	tokyo := capacity.Wanted{Place: capacity.Place{Location: "tokyo", Class: jobs.ClassAPI}, Workers: 1, At: at}
	say(paris, tokyo)
	paris.Workers, paris.At = 5, at.Add(time.Minute)
	say(paris)
	got, err := s.Wanted(t.Context())
	if d := cmp.Diff([]capacity.Wanted{paris}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	say()
	if got, err := s.Wanted(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("nothing is said, and %v is kept, %v", got, err)
	}
}
