package workercmd

import (
	"errors"
	"testing"
)

func TestAutoSlots(t *testing.T) {
	for _, c := range []struct {
		cores, mib, want int
	}{
		{2, 24_000, 2}, {8, 24_000, 8}, {8, 1280, 3}, {8, 600, 1}, {1, 100, 1}, {0, 24_000, 1},
	} {
		free := func() (uint64, error) { return uint64(c.mib) << 20, nil }
		if got := autoSlots(c.cores, free); got != c.want {
			t.Errorf("%d cores and %d MiB: %d slots, want %d", c.cores, c.mib, got, c.want)
		}
	}
	if got := autoSlots(4, func() (uint64, error) { return 0, errors.New("not read here") }); got != 4 {
		t.Errorf("without a known memory: %d slots, want 4", got)
	}
}
