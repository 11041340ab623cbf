package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/store"
)

// named is shopLogin by another id.
func named(id string) check.Check {
	c := shopLogin()
	c.ID = id
	return c
}

func TestSets(t *testing.T) {
	s, _ := open(t)
	set := func(want store.Applied, o store.ApplyOptions, checks ...check.Check) {
		t.Helper()
		got, err := s.ApplySet(t.Context(), checks, o)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	refused := func(want map[string]string, o store.ApplyOptions, checks ...check.Check) {
		t.Helper()
		_, err := s.ApplySet(t.Context(), checks, o)
		var owned *store.OwnedError
		if !errors.As(err, &owned) {
			t.Fatalf("the error is %v", err)
		}
		if d := cmp.Diff(want, owned.Owners); d != "" {
			t.Errorf("owners (-want +got):\n%s", d)
		}
	}
	shop := store.ApplyOptions{Owner: "shop"}
	set(store.Applied{Created: []string{"a", "b"}}, shop, named("a"), named("b"))
	set(store.Applied{Unchanged: []string{"a", "b"}}, shop, named("a"), named("b"))
	set(store.Applied{Created: []string{"free"}}, store.ApplyOptions{}, named("free"))

	// Nobody else changes or deletes them; what has no owner cannot be deleted
	// by an apply at all.
	refused(map[string]string{"a": "shop"}, store.ApplyOptions{}, named("a"))
	refused(map[string]string{"a": "shop"}, store.ApplyOptions{Owner: "blog"}, named("a"), named("new"))
	refused(map[string]string{"a": "shop"}, store.ApplyOptions{Owner: "blog", Delete: []string{"a"}, TakeOver: true})
	refused(map[string]string{"free": ""}, store.ApplyOptions{Delete: []string{"free"}})
	refused(map[string]string{"free": ""}, store.ApplyOptions{Owner: "shop", Delete: []string{"free"}})
	if _, err := s.ApplySet(t.Context(), []check.Check{named("a")}, store.ApplyOptions{Owner: "shop", Delete: []string{"a"}}); err == nil {
		t.Error("a check was applied and deleted at once")
	}

	// To take it over is another matter; what has no owner is adopted.
	set(store.Applied{Changed: []string{"a"}}, store.ApplyOptions{Owner: "blog", TakeOver: true}, named("a"))
	set(store.Applied{Changed: []string{"free"}}, shop, named("free"))
	set(store.Applied{Unchanged: []string{"b"}, Deleted: []string{"free"}}, store.ApplyOptions{Owner: "shop", Delete: []string{"free", "gone"}}, named("b"))
	// A check that comes back belongs to whoever brings it.
	set(store.Applied{Created: []string{"free"}}, store.ApplyOptions{}, named("free"))

	found, _, err := s.Catalogue(t.Context(), store.CheckFilter{})
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]string{}
	for _, c := range found {
		owners[c.ID] = c.Owner
	}
	if d := cmp.Diff(map[string]string{"a": "blog", "b": "shop", "free": ""}, owners); d != "" {
		t.Errorf("owners (-want +got):\n%s", d)
	}
}

func TestCatalogue(t *testing.T) {
	s, _ := open(t)
	paused, other := named("b-paused"), named("c-other")
	paused.Active = false
	other.Group, other.Tags, other.Locations, other.Name = "Blog", nil, []string{"moon"}, "The BLOG"
	if _, err := s.ApplySet(t.Context(), []check.Check{named("a"), paused, other}, store.ApplyOptions{Owner: "shop"}); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	for _, row := range []struct {
		f    store.CheckFilter
		want []string
	}{
		{store.CheckFilter{}, []string{"a", "b-paused", "c-other"}},
		{store.CheckFilter{Active: &yes}, []string{"a", "c-other"}},
		{store.CheckFilter{Active: &no}, []string{"b-paused"}},
		{store.CheckFilter{Group: "Blog"}, []string{"c-other"}},
		{store.CheckFilter{Tag: "two words"}, []string{"a", "b-paused"}},
		{store.CheckFilter{Location: "moon"}, []string{"c-other"}},
		{store.CheckFilter{Kind: "browser"}, nil},
		{store.CheckFilter{Owner: "shop", Limit: 1}, []string{"a"}},
		{store.CheckFilter{Owner: "blog"}, nil},
		{store.CheckFilter{After: "a"}, []string{"b-paused", "c-other"}},
		{store.CheckFilter{Text: "blog"}, []string{"c-other"}},
		{store.CheckFilter{Text: "PAUSED"}, []string{"b-paused"}},
		{store.CheckFilter{Text: "%"}, nil},
		{store.CheckFilter{IDs: []string{"a", "none"}}, []string{"a"}},
		{store.CheckFilter{IDs: []string{}}, nil},
	} {
		found, revision, err := s.Catalogue(t.Context(), row.f)
		if err != nil || revision == 0 {
			t.Fatalf("%+v: revision %d, %v", row.f, revision, err)
		}
		var ids []string
		for _, c := range found {
			ids = append(ids, c.ID)
		}
		if d := cmp.Diff(row.want, ids); d != "" {
			t.Errorf("%+v (-want +got):\n%s", row.f, d)
		}
	}
}
