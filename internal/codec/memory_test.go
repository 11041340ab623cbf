package codec

import (
	"runtime/metrics"
	"testing"
)

// mostMemory bounds what reading one message allocates in all, and with it
// what it holds at any time.
const mostMemory = 64 << 20

// withinMemory carries out f and fails where it allocated more than that.
func withinMemory(t *testing.T, f func()) {
	t.Helper()
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	before := s[0].Value.Uint64()
	f()
	metrics.Read(s)
	if n := s[0].Value.Uint64() - before; n > mostMemory {
		t.Fatalf("reading the message allocated %d MiB, want at most %d", n>>20, mostMemory>>20)
	}
}
