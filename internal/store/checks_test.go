package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/store"
)

func apply(t *testing.T, s *store.Store, want store.Applied, checks ...check.Check) (revision int64) {
	t.Helper()
	got, err := s.ApplyChecks(t.Context(), checks)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	revision, err = s.ChecksRevision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func TestApplyingTheSameChangesNothing(t *testing.T) {
	s, _ := open(t)
	a, b := shopLogin(), shopLogin()
	b.ID, b.Active = "paused", false
	first := apply(t, s, store.Applied{Created: []string{"paused", "shop-login"}}, a, b)
	if again := apply(t, s, store.Applied{Unchanged: []string{"paused", "shop-login"}}, b, a); again != first {
		t.Errorf("the revision went from %d to %d for nothing", first, again)
	}
	a.Timeout = 11 * time.Second
	if changed := apply(t, s, store.Applied{Changed: []string{"shop-login"}, Unchanged: []string{"paused"}}, a, b); changed <= first {
		t.Errorf("the revision went from %d to %d for a change", first, changed)
	}
	active, _, err := s.ActiveChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]check.Check{a}, active, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("active checks (-want +got):\n%s", diff)
	}
}

func TestRemovedChecksComeBack(t *testing.T) {
	s, _ := open(t)
	c := shopLogin()
	first := apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	removed, err := s.RemoveChecks(t.Context(), []string{c.ID, "never-there"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{c.ID}, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	active, second, err := s.ActiveChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(active) != 0 || second <= first {
		t.Errorf("after the removal: %d active checks, revision %d after %d", len(active), second, first)
	}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
}

func TestApplyIsAllOrNone(t *testing.T) {
	s, _ := open(t)
	c := shopLogin()
	if _, err := s.ApplyChecks(t.Context(), []check.Check{c, c}); err == nil {
		t.Error("the same id was applied twice")
	}
	nothing := check.Check{ID: "no-spec", Name: "none", Every: time.Minute}
	if _, err := s.ApplyChecks(t.Context(), []check.Check{c, nothing}); err == nil {
		t.Error("a check without a spec was applied")
	}
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
}

// A check that a newer release wrote does not hide the others.
func TestUnreadableChecks(t *testing.T) {
	s, url := open(t)
	a, b := shopLogin(), shopLogin()
	b.ID = "from-the-future"
	apply(t, s, store.Applied{Created: []string{b.ID, a.ID}}, a, b)
	do(t, url, `UPDATE checks SET spec_version = 99 WHERE id = $1`, b.ID)
	active, _, err := s.ActiveChecks(t.Context())
	var unreadable *store.UnreadableError
	if !errors.As(err, &unreadable) || unreadable.Checks[b.ID] == nil {
		t.Errorf("the error is %v", err)
	}
	if len(active) != 1 || active[0].ID != a.ID {
		t.Errorf("active checks %v", active)
	}
}
