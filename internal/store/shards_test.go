package store_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/schedule"
	"github.com/probefleet/probefleet/internal/store"
)

func lease(t *testing.T, s *store.Store, owner string) []schedule.Lease {
	t.Helper()
	leases, err := s.LeaseShards(t.Context(), owner, time.Minute)
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
	if n := len(lease(t, s, "a")); n != 16 {
		t.Fatalf("a alone holds %d shards", n)
	}
	if n := len(lease(t, s, "b")); n != 0 {
		t.Fatalf("b holds %d shards that are leased to a", n)
	}
	if n := len(lease(t, s, "a")); n != 8 {
		t.Fatalf("a holds %d shards beside b", n)
	}
	a, b := numbers(lease(t, s, "a")), numbers(lease(t, s, "b"))
	both := slices.Sorted(slices.Values(append(a, b...)))
	if len(slices.Compact(both)) != 16 || len(a) != 8 || len(b) != 8 {
		t.Fatalf("a holds %v, b holds %v", a, b)
	}
	if err := s.ReleaseShards(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if n := len(lease(t, s, "b")); n != 16 {
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
	l := lease(t, s, "a")[0]
	if d := l.Watermark.Sub(now); d < 0 || d > time.Minute {
		t.Errorf("a new shard begins %s after now", d)
	}
	if l.Term <= 50*time.Second || l.Term > time.Minute {
		t.Errorf("the term is %s of a minute", l.Term)
	}
	advance := func(owner string, to time.Time, want []int) {
		t.Helper()
		lost, err := s.AdvanceWatermarks(t.Context(), owner, map[int]time.Time{0: to, 1: to})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, lost, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("lost shards (-want +got):\n%s", diff)
		}
	}
	to := l.Watermark.Add(time.Second)
	advance("a", to, nil)
	advance("a", to.Add(-time.Hour), nil)
	do(t, url, `UPDATE shards SET lease_until = now() - interval '1 ms' WHERE id = 0`)
	advance("a", to.Add(time.Second), []int{0})
	do(t, url, `UPDATE shards SET lease_until = now() - interval '1 ms'`)
	do(t, url, `UPDATE schedulers SET seen_at = now() - interval '1 h'`)
	next := lease(t, s, "b")
	if len(next) != 16 {
		t.Fatalf("b holds %d shards of the late a", len(next))
	}
	if !next[0].Watermark.Equal(to) || !next[1].Watermark.Equal(to.Add(time.Second)) {
		t.Errorf("b resumes at %s and %s, want %s and a second later", next[0].Watermark, next[1].Watermark, to)
	}
	advance("a", to.Add(time.Minute), []int{0, 1})
}

// A scheduler that died holds its shards until another life of its name takes
// them over; others wait for the end of the leases.
func TestTakeOver(t *testing.T) {
	s, _ := open(t)
	takeOver := func(owner string) {
		t.Helper()
		if err := s.TakeOver(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
	}
	lease(t, s, "a/1")
	lease(t, s, "b/1")
	a, b := numbers(lease(t, s, "a/1")), numbers(lease(t, s, "b/1"))
	if len(a) != 8 || len(b) != 8 {
		t.Fatalf("a holds %v, b holds %v", a, b)
	}
	// Neither a scheduler without lives nor one whose name only begins alike.
	for _, other := range []string{"a", "a/1/x", "aa/2"} {
		takeOver(other)
	}
	if got := numbers(lease(t, s, "a/1")); !slices.Equal(got, a) {
		t.Fatalf("a/1 holds %v after others came, want %v", got, a)
	}
	takeOver("a/2")
	if got := numbers(lease(t, s, "a/2")); !slices.Equal(got, a) {
		t.Errorf("a/2 holds %v, want what a/1 held: %v", got, a)
	}
	if got := numbers(lease(t, s, "b/1")); !slices.Equal(got, b) {
		t.Errorf("b/1 holds %v beside a/2, want %v", got, b)
	}
	to := map[int]time.Time{a[0]: time.Now().Add(time.Minute)}
	if lost, err := s.AdvanceWatermarks(t.Context(), "a/1", to); err != nil || !slices.Equal(lost, a[:1]) {
		t.Errorf("a/1 moved the watermark of a shard that was taken over: lost %v, %v", lost, err)
	}
	if lost, err := s.AdvanceWatermarks(t.Context(), "a/2", to); err != nil || len(lost) > 0 {
		t.Errorf("a/2 cannot move the watermark of what it took over: lost %v, %v", lost, err)
	}
}

// What has waited longest is taken first, so that no shard is left behind
// where each scheduler takes a few and dies.
func TestFreeShardsByAge(t *testing.T) {
	s, url := open(t)
	lease(t, s, "a")
	if err := s.ReleaseShards(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	do(t, url, `UPDATE shards SET watermark = now() - make_interval(mins => id)`)
	for _, owner := range []string{"b", "c", "d", "e"} {
		do(t, url, `INSERT INTO schedulers (id, seen_at) VALUES ('`+owner+`', now())`)
	}
	if got := numbers(lease(t, s, "b")); !slices.Equal(got, []int{12, 13, 14, 15}) {
		t.Errorf("b took the shards %v, want those that waited longest, 12 to 15", got)
	}
}
