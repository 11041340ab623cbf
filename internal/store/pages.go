package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// Pages lists the status pages in the order of their slugs. One that a newer
// release wrote is [statuspage.Stored.Newer].
func (s *Store) Pages(ctx context.Context) ([]statuspage.Stored, error) {
	found, err := readPages(ctx, s.pool, `SELECT slug, version, spec, key::text, updated_at, owner FROM pages ORDER BY slug`)
	if err != nil {
		return nil, s.failed("reading the status pages", err)
	}
	return found, nil
}

// PublicPages is [Store.Pages] for those who read public views alone.
func (s *Store) PublicPages(ctx context.Context) ([]statuspage.Stored, error) {
	found, err := readPages(ctx, s.pool, `SELECT slug, version, spec, key::text, updated_at, '' FROM public_pages ORDER BY slug`)
	if err != nil {
		return nil, s.failed("reading the public status pages", err)
	}
	return found, nil
}

func readPages(ctx context.Context, q runner, statement string, args ...any) ([]statuspage.Stored, error) {
	rows, err := q.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (statuspage.Stored, error) {
		var slug, key, owner string
		var version int
		var spec []byte
		var updated time.Time
		if err := row.Scan(&slug, &version, &spec, &key, &updated, &owner); err != nil {
			return statuspage.Stored{}, err
		}
		p, err := statuspage.Restore(slug, version, spec)
		p.Key, p.UpdatedAt, p.Owner = key, updated, owner
		return p, err
	})
}

// ApplyPages creates and changes status pages so that they are as given, all or
// none. Those of another owner are refused by an [*OwnedError], unless takeOver;
// what a person can mend by a [*RefusedError].
func (s *Store) ApplyPages(ctx context.Context, pages []statuspage.Page, owner string, takeOver bool) (statuspage.Applied, error) {
	var a statuspage.Applied
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		a = statuspage.Applied{}
		if _, err := tx.Exec(ctx, `LOCK TABLE pages IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		found, err := readPages(ctx, tx, `SELECT slug, version, spec, key::text, updated_at, owner FROM pages`)
		if err != nil {
			return err
		}
		was := make(map[string]statuspage.Stored, len(found))
		for _, p := range found {
			was[p.Slug] = p
		}
		all := make(map[string]statuspage.Page, len(found))
		for slug, p := range was {
			all[slug] = p.Page
		}
		others := map[string]string{}
		for _, p := range pages {
			old := was[p.Slug]
			if old.Owner != "" && old.Owner != owner && !takeOver {
				others[p.Slug] = old.Owner
				continue
			}
			if p, err = p.Over(old.Page); err != nil {
				return refuse("%v", err)
			}
			all[p.Slug] = p
			if err := applyPage(ctx, tx, p, old, owner, &a); err != nil {
				return err
			}
		}
		if len(others) > 0 {
			return &OwnedError{Owners: others}
		}
		if len(all) > statuspage.MaxPages {
			return refuse("there would be %d status pages; at most %d", len(all), statuspage.MaxPages)
		}
		var list []statuspage.Page
		for _, p := range all {
			list = append(list, p)
		}
		if faults := statuspage.HostFaults(list); len(faults) > 0 {
			return refuse("%s: a host has one page; take it from one of them, in the same apply where both change", faults[0])
		}
		return audit(ctx, tx, pageEntries(a)...)
	})
	if err != nil {
		return statuspage.Applied{}, fmt.Errorf("applying status pages: %w", err)
	}
	return a, nil
}

func pageEntries(a statuspage.Applied) (entries []access.Entry) {
	for _, slug := range a.Created {
		entries = append(entries, access.Entry{Action: actPageMake, Subject: slug})
	}
	for _, slug := range a.Changed {
		entries = append(entries, access.Entry{Action: actPageChange, Subject: slug})
	}
	return entries
}

func applyPage(ctx context.Context, tx pgx.Tx, p statuspage.Page, old statuspage.Stored, owner string, a *statuspage.Applied) error {
	spec, err := p.Encode()
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO pages AS p (slug, version, spec, owner) VALUES ($1, $2, $3, $4)
		ON CONFLICT (slug) DO UPDATE SET (version, spec, owner, key, updated_at) =
			(excluded.version, excluded.spec, CASE excluded.owner WHEN '' THEN p.owner ELSE excluded.owner END,
			CASE WHEN p.spec -> 'password' IS DISTINCT FROM excluded.spec -> 'password' THEN gen_random_uuid() ELSE p.key END, now())
		WHERE (p.spec, p.owner) IS DISTINCT FROM (excluded.spec, CASE excluded.owner WHEN '' THEN p.owner ELSE excluded.owner END)`,
		p.Slug, statuspage.Version, string(spec), owner)
	if err != nil {
		return err
	}
	switch {
	case tag.RowsAffected() == 0:
		a.Unchanged = append(a.Unchanged, p.Slug)
	case old.Slug != "":
		a.Changed = append(a.Changed, p.Slug)
	default:
		a.Created = append(a.Created, p.Slug)
	}
	return nil
}

// RemovePage takes a status page away. It reports whether there was one.
func (s *Store) RemovePage(ctx context.Context, slug string) (bool, error) {
	removed := false
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM pages WHERE slug = $1`, slug)
		if err != nil {
			return err
		}
		if removed = tag.RowsAffected() > 0; !removed {
			return nil
		}
		return audit(ctx, tx, access.Entry{Action: actPageRemove, Subject: slug})
	})
	if err != nil {
		return false, s.failed("removing the status page", err)
	}
	return removed, nil
}
