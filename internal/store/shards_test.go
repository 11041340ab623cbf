package store_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
)

// held leases shards for owner and lists their numbers.
func lease(t *testing.T, s *store.Store, owner string, ttl time.Duration) []schedule.Lease {
	t.Helper()
	leases, err := s.LeaseShards(t.Context(), owner, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return leases
}

func numbers(leases []schedule.Lease) []int {
	var ns []int
	for _, l := range leases {
		ns = append(ns, l.Shard)
	}
	return ns
}

func TestShardsAreSharedEvenly(t *testing.T) {
	s, _ := open(t)
	if n := len(lease(t, s, "a", time.Minute)); n != 16 {
		t.Fatalf("a alone holds %d shards", n)
	}
	if n := len(lease(t, s, "b", time.Minute)); n != 0 {
		t.Fatalf("b holds %d shards that are leased to a", n)
	}
	if n := len(lease(t, s, "a", time.Minute)); n != 8 {
		t.Fatalf("a holds %d shards beside b", n)
	}
	a, b := numbers(lease(t, s, "a", time.Minute)), numbers(lease(t, s, "b", time.Minute))
	both := slices.Sorted(slices.Values(append(a, b...)))
	if len(slices.Compact(both)) != 16 || len(a) != 8 || len(b) != 8 {
		t.Fatalf("a holds %v, b holds %v", a, b)
	}
	if err := s.ReleaseShards(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if n := len(lease(t, s, "b", time.Minute)); n != 16 {
		t.Errorf("b holds %d shards after a has gone", n)
	}
}

func TestNoShardHasTwoOwners(t *testing.T) {
	s, _ := open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	owners := map[int]string{}
	for _, owner := range []string{"a", "b", "c", "d", "e"} {
		wg.Go(func() {
			leases, err := s.LeaseShards(t.Context(), owner, time.Minute)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, l := range leases {
				if other := owners[l.Shard]; other != "" {
					t.Errorf("shard %d belongs to %s and %s", l.Shard, other, owner)
				}
				owners[l.Shard] = owner
			}
		})
	}
	wg.Wait()
}

// A lease that has ended is worth nothing: its watermark stays, and the next
// owner resumes there.
func TestWatermarkIsFenced(t *testing.T) {
	s, url := open(t)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := lease(t, s, "a", time.Minute)[0]
	if d := l.Watermark.Sub(now); d < 0 || d > time.Minute {
		t.Errorf("a new shard begins %s after now", d)
	}
	to := l.Watermark.Add(time.Second)
	if l.Term <= 0 || l.Term > time.Minute {
		t.Errorf("a lease of a minute has a term of %s", l.Term)
	}
	advance := func(owner string, to time.Time) []int {
		t.Helper()
		lost, err := s.AdvanceWatermarks(t.Context(), owner, map[int]time.Time{l.Shard: to})
		if err != nil {
			t.Fatal(err)
		}
		return lost
	}
	if lost := append(advance("a", to), advance("a", to.Add(-time.Hour))...); len(lost) > 0 {
		t.Errorf("shards %v are lost that a holds", lost)
	}
	do(t, url, `UPDATE shards SET lease_until = now() - interval '1 ms'`)
	if lost := advance("a", to.Add(time.Second)); !slices.Equal(lost, []int{l.Shard}) {
		t.Errorf("advancing after the end of the lease: lost %v", lost)
	}
	do(t, url, `UPDATE schedulers SET seen_at = now() - interval '1 h'`)
	next := lease(t, s, "b", time.Minute)
	if len(next) != 16 {
		t.Fatalf("b holds %d shards of the late a", len(next))
	}
	if !next[0].Watermark.Equal(to) {
		t.Errorf("b resumes at %s, want %s", next[0].Watermark, to)
	}
	if lost := advance("a", to.Add(time.Minute)); !slices.Equal(lost, []int{l.Shard}) {
		t.Errorf("advancing somebody else's shard: lost %v", lost)
	}
}
