package scheduler

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// A worker of a release that knows no checks of the network gets none: they
// wait until everyone who may receive them, or their results, does.
func TestNewKindsWaitForWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []check.Check
		for id, spec := range map[string]check.Spec{
			"tcp": &check.TCP{Address: "a:1", MaxBody: 1}, "dns": &check.DNS{Name: "a", Type: "A", Protocol: "udp"},
			"tls": &check.TLS{Address: "a:1"}, "icmp": &check.ICMP{Host: "a", Count: 1},
			"grpc": &check.GRPC{Address: "a:1"}, "websocket": &check.WebSocket{URL: "ws://a", MaxBody: 1},
		} {
			c := apiCheck(id, time.Second)
			c.Spec = spec
			all = append(all, c)
		}
		db, k := newMemory(append(all, apiCheck("api", time.Second))...), newSink(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- New(options(db.of("a"), "a", always(k), nil)).Run(ctx) }()
		for _, phase := range []struct {
			reads [][2]int
			sent  bool
		}{
			{[][2]int{{1, 1}}, false},
			{[][2]int{{2, 1}}, false},
			{[][2]int{{1, 2}}, false},
			{[][2]int{{2, 2}, {1, 2}}, false},
			{[][2]int{{2, 2}}, true},
		} {
			db.said(phase.reads...)
			after(pinsEvery + tick)
			since := time.Now()
			after(5 * time.Second)
			if len(k.written(t, "api", since)) == 0 {
				t.Errorf("%v: not even the API check was sent", phase.reads)
			}
			for _, c := range all {
				if found := k.written(t, c.ID, since); len(found) > 0 != phase.sent {
					t.Errorf("%v: of %s %v were sent", phase.reads, c.ID, found)
				}
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// Heartbeats get no jobs, and are not held either: nobody runs them.
func TestHeartbeatsGetNoJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beat := apiCheck("beat", time.Second)
		beat.Spec = &check.Heartbeat{Period: time.Minute, Grace: time.Second}
		db, k := newMemory(beat, apiCheck("api", time.Second)), newSink(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- New(options(db.of("a"), "a", always(k), nil)).Run(ctx) }()
		time.Sleep(time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if beats, runs := k.slots("beat"), k.slots("api"); len(beats) != 0 || len(runs) == 0 {
			t.Errorf("%d jobs of the heartbeat were sent, %d of the check", len(beats), len(runs))
		}
	})
}
