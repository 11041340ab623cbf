package schedule

import (
	"fmt"
	"testing"
	"time"
)

// names are ids as people write them: counted, prefixed, short.
func names(n int) []string {
	ids := make([]string, 0, 3*n)
	for i := range n {
		ids = append(ids, fmt.Sprintf("check-%06d", i), fmt.Sprintf("%d", i), fmt.Sprintf("shop-%d-login", i))
	}
	return ids
}

// chiSquare is Pearson's statistic against equal shares. For df degrees of
// freedom it has mean df and standard deviation √(2·df).
func chiSquare(counts []int) float64 {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	want := float64(sum) / float64(len(counts))
	x := 0.0
	for _, n := range counts {
		x += (float64(n) - want) * (float64(n) - want) / want
	}
	return x
}

// Ids are fixed, so the figures are: the limits, five standard deviations
// above the mean, cannot flake.
func TestPhasesAreEvenlySpread(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		counts := make([]int, 60)
		for _, id := range names(10_000) {
			p := Phase(id, "local", every)
			if p < 0 || p >= every {
				t.Fatalf("phase %s of every %s", p, every)
			}
			counts[p*60/every]++
		}
		if x := chiSquare(counts); x > 59+5*10.9 {
			t.Errorf("every %s: chi-square %.0f over 60 parts: %v", every, x, counts)
		}
	}
}

func TestLocationsOfACheckAreEvenlySpread(t *testing.T) {
	counts := make([]int, 60)
	for i := range 10_000 {
		counts[Phase("shop-login", fmt.Sprintf("location-%d", i), time.Minute)/time.Second]++
	}
	if x := chiSquare(counts); x > 59+5*10.9 {
		t.Errorf("chi-square %.0f over 60 parts: %v", x, counts)
	}
}

func TestShardsAreEvenAndIndependentOfPhase(t *testing.T) {
	shards := make([]int, Shards)
	both := make([]int, Shards*Shards)
	for _, id := range names(10_000) {
		s := Shard(id)
		if s < 0 || s >= Shards {
			t.Fatalf("shard %d of %q", s, id)
		}
		shards[s]++
		both[s*Shards+int(Phase(id, "local", time.Minute)*Shards/time.Minute)]++
	}
	if x := chiSquare(shards); x > 15+5*5.5 {
		t.Errorf("chi-square %.0f over the shards: %v", x, shards)
	}
	if x := chiSquare(both); x > 255+5*22.6 {
		t.Errorf("chi-square %.0f over shard and phase together", x)
	}
}

// One second of an installation of a million checks, once a minute each: the
// figure per operation is that of all of them.
func BenchmarkPlanMillion(b *testing.B) {
	ids := make([]string, 1_000_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("check-%07d", i)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, id := range ids {
			for range Slots(id, "eu-west-1", time.Minute, then, then.Add(time.Second)) {
				n++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/check")
	b.ReportMetric(float64(n)/float64(b.N), "slots/op")
}

// A slot when many of one check follow each other.
func BenchmarkSlots(b *testing.B) {
	b.ReportAllocs()
	after := then
	for b.Loop() {
		for s := range Slots("shop-login", "eu-west-1", time.Second, after, after.Add(1000*time.Second)) {
			after = s
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/slot")
}

func BenchmarkCount(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Count("shop-login", "eu-west-1", time.Minute, then, then.Add(90*24*time.Hour))
	}
}

func BenchmarkShard(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Shard("shop-login")
	}
}
