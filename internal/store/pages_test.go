package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/statuspage"
	"github.com/probefleet/probefleet/internal/store"
)

const (
	oneHash     = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	anotherHash = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"
)

// Pages are applied as a whole, keep their passwords, and sign with another key
// as soon as the password is another one.
func TestPages(t *testing.T) {
	s, url := open(t)
	ctx := t.Context()
	set := func(owner string, pages ...statuspage.Page) (statuspage.Applied, error) {
		return s.ApplyPages(ctx, pages, owner, false)
	}
	shop := statuspage.Page{Slug: "shop", Title: "Shop", Hosts: []string{"status.example"}, Groups: []string{"Shop"}, Password: oneHash}
	all := statuspage.Page{Slug: "all", Title: "All", Hosts: []string{statuspage.AnyHost}}
	done, err := set("team", shop, all)
	if d := cmp.Diff(statuspage.Applied{Created: []string{"shop", "all"}}, done); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
	read := func() (slugs []string, key string) {
		t.Helper()
		for _, list := range []func() ([]statuspage.Stored, error){
			func() ([]statuspage.Stored, error) { return s.Pages(ctx) }, func() ([]statuspage.Stored, error) { return s.PublicPages(ctx) },
		} {
			found, err := list()
			if err != nil || len(found) != 2 || found[1].Slug != "shop" {
				t.Fatalf("%+v, %v", found, err)
			}
			key = found[1].Key
			slugs = append(slugs, found[1].Title+" "+found[1].Password)
		}
		return slugs, key
	}
	_, first := read()
	shop.Password = statuspage.Kept
	if done, err = set("team", shop); err != nil || len(done.Unchanged) != 1 {
		t.Errorf("kept: %+v, %v", done, err)
	}
	shop.Title = "Shop status"
	if done, err = set("team", shop); err != nil || len(done.Changed) != 1 {
		t.Errorf("another title: %+v, %v", done, err)
	}
	if said, key := read(); key != first || said[0] != "Shop status "+oneHash || said[1] != said[0] {
		t.Errorf("after another title: %v, the key is %t the same", said, key == first)
	}
	shop.Password = anotherHash
	if _, err = set("team", shop); err != nil {
		t.Fatal(err)
	}
	if _, key := read(); key == first {
		t.Error("another password has the same key: who knew the first one is still in")
	}
	var refused *store.RefusedError
	var owned *store.OwnedError
	if _, err = set("", statuspage.Page{Slug: "new", Title: "New", Password: statuspage.Kept}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "no password that could be kept") {
		t.Errorf("a password that there is not: %v", err)
	}
	if _, err = set("", statuspage.Page{Slug: "new", Title: "New", Hosts: []string{"status.example"}}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "status.example") {
		t.Errorf("a host that is taken: %v", err)
	}
	if _, err = set("others", shop); !errors.As(err, &owned) || owned.Owners["shop"] != "team" {
		t.Errorf("a page of others: %v", err)
	}
	// What a newer release wrote is known to be there, and nothing else of it.
	do(t, url, `UPDATE pages SET version = 99 WHERE slug = 'shop'`)
	found, err := s.PublicPages(ctx)
	if err != nil || len(found) != 2 || !found[1].Newer || found[1].Slug != "shop" || len(found[1].Groups) != 0 {
		t.Errorf("a newer page: %+v, %v", found, err)
	}
	for want := range 2 {
		if removed, err := s.RemovePage(ctx, "shop"); err != nil || removed != (want == 0) {
			t.Errorf("removed %t, %v", removed, err)
		}
	}
}
