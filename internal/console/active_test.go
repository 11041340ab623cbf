package console

import (
	"context"
	"errors"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
)

// counting is a store that counts how often all checks are read.
type counting struct {
	shelf
	revision int64
	read     int
}

func (s *counting) ChecksRevision(context.Context) (int64, error) { return s.revision, s.away }

func (s *counting) ActiveChecks(ctx context.Context) ([]check.Check, int64, error) {
	s.read++
	all, _, err := s.shelf.ActiveChecks(ctx)
	return all, s.revision, err
}

func TestChecksAreReadOnceARevision(t *testing.T) {
	s := &counting{shelf: shelf{checks: map[string]check.Check{"a": home("a")}}, revision: 5}
	c := New(Options{Store: s, Tokens: newRing()})
	look := func(what string, checks, read int) {
		t.Helper()
		all, revision, err := c.activeChecks(t.Context())
		if err != nil || len(all) != checks || revision != s.revision || s.read != read {
			t.Errorf("%s: %d checks of revision %d, %v, read %d times; want %d, read %d times", what, len(all), revision, err, s.read, checks, read)
		}
	}
	look("at first", 1, 1)
	look("the same", 1, 1)
	s.checks["b"] = home("b")
	s.revision++
	look("one more", 2, 2)
	look("still", 2, 2)
	// One that cannot be read is reported each time, and seen once it can be.
	s.revision++
	s.away = errors.New("away")
	for range 2 {
		if _, _, err := c.activeChecks(t.Context()); err == nil {
			t.Error("no error where the database is away")
		}
	}
	s.away = nil
	look("back", 2, 3)
	// A reading from before a change that ends after one from later is not kept.
	c.active.keep(nil, s.revision-1)
	look("after an older one", 2, 3)
}
