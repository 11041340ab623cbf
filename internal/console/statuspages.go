package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/plan"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// pageBook is where the public status pages are kept.
type pageBook interface {
	// Pages lists them in the order of their slugs.
	Pages(ctx context.Context) ([]statuspage.Stored, error)
	// ApplyPages answers an *[OwnedError] where pages belong to others, and a
	// *[RefusedError] where a person can mend it.
	ApplyPages(ctx context.Context, pages []statuspage.Page, owner string, takeOver bool) (statuspage.Applied, error)
	RemovePage(ctx context.Context, slug string) (bool, error)
}

// PageShown is a status page as the API carries it.
type PageShown struct {
	Slug      string          `json:"slug"`
	Owner     string          `json:"owner,omitempty"`
	Protected bool            `json:"protected" doc:"Whether not everybody may read it."`
	Page      json.RawMessage `json:"page" doc:"The page, as an apply takes it. Of a password it says kept."`
	UpdatedAt time.Time       `json:"updated_at"`
	Newer     bool            `json:"newer,omitempty" doc:"A newer release wrote it; this one cannot show it."`
}

// Pages is the answer of GET /api/v1/pages.
type Pages struct {
	Pages []PageShown `json:"pages" nullable:"false"`
}

// WantedPages is the body of an apply of pages, and of its plan.
type WantedPages struct {
	Pages    []json.RawMessage `json:"pages" nullable:"false" maxItems:"200" doc:"Pages with the keys of a check file's; a logo is a data: address, a password the argon2id hash of one, or kept."`
	Owner    string            `json:"owner,omitempty" maxLength:"63"`
	TakeOver bool              `json:"take_over,omitempty"`
}

// PagesApplied names pages by what became of them.
type PagesApplied struct {
	Created   []string `json:"created" nullable:"false"`
	Changed   []string `json:"changed" nullable:"false"`
	Unchanged []string `json:"unchanged" nullable:"false"`
}

// PagesPlan is what an apply of pages would do.
type PagesPlan struct {
	Create []string     `json:"create" nullable:"false"`
	Change []PlanChange `json:"change" nullable:"false"`
	Same   int          `json:"unchanged"`
}

func (e *endpoints) pages() {
	c := e.console
	register(e, operation{
		id: "list-pages", method: http.MethodGet, path: "/pages", scope: access.PagesRead, tag: "pages",
		summary: "List status pages", description: "In the order of their slugs. The status page itself has what is public, as JSON too.",
	}, c.listPages)
	register(e, operation{
		id: "apply-pages", method: http.MethodPut, path: "/pages", scope: access.PagesWrite, tag: "pages",
		summary: "Apply status pages", description: "Creates and changes pages so that they are as given, all or none. Those that are not named stay.",
		errors: []int{http.StatusConflict, http.StatusUnprocessableEntity}, maxBody: maxPagesBody,
	}, c.applyPages)
	register(e, operation{
		id: "plan-pages", method: http.MethodPost, path: "/pages/plan", scope: access.PagesRead, tag: "pages",
		summary: "Plan an apply of status pages", errors: []int{http.StatusUnprocessableEntity}, maxBody: maxPagesBody,
	}, c.planPages)
	register(e, operation{
		id: "delete-page", method: http.MethodDelete, path: "/pages/{slug}", scope: access.PagesWrite, tag: "pages",
		summary: "Delete a status page", description: "Where it was the last one, every public check is shown at / again.", errors: []int{http.StatusNotFound},
	}, c.deletePage)
}

// maxPagesBody is enough for as many pages as there may be, with their logos.
const maxPagesBody = statuspage.MaxPages * (statuspage.MaxLogo*4/3 + 16<<10)

func (c *Console) listPages(ctx context.Context, _ *struct{}) (*out[Pages], error) {
	found, err := c.o.Pages.Pages(ctx)
	if err != nil {
		return nil, c.failed("reading the status pages", err)
	}
	list := Pages{Pages: []PageShown{}}
	for _, p := range found {
		data, err := p.Masked().Encode()
		if err != nil {
			return nil, c.failed("reading the status pages", err)
		}
		list.Pages = append(list.Pages, PageShown{p.Slug, p.Owner, p.Protected(), data, p.UpdatedAt, p.Newer})
	}
	return answer(list), nil
}

// decodePages reads pages and lists everything that is wrong with them.
func decodePages(raw []json.RawMessage) (pages []statuspage.Page, faults []string) {
	seen := map[string]bool{}
	for i, data := range raw {
		p, err := statuspage.Decode(data)
		if err != nil {
			faults = append(faults, fmt.Sprintf("pages[%d]: %v", i, err))
			continue
		}
		for _, f := range p.Validate() {
			faults = append(faults, fmt.Sprintf("page %q: %v", p.Slug, f))
		}
		if seen[p.Slug] {
			faults = append(faults, fmt.Sprintf("page %q is there twice", p.Slug))
		}
		seen[p.Slug] = true
		pages = append(pages, p)
	}
	return pages, append(faults, statuspage.HostFaults(pages)...)
}

func (c *Console) applyPages(ctx context.Context, in *struct{ Body WantedPages }) (*out[PagesApplied], error) {
	w := in.Body
	pages, faults := decodePages(w.Pages)
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "nothing was applied: mend what is listed under faults", faults...)
	}
	done, err := c.o.Pages.ApplyPages(ctx, pages, w.Owner, w.TakeOver)
	if owned, ok := errors.AsType[*OwnedError](err); ok {
		var lines []string
		for slug, owner := range owned.Owners {
			lines = append(lines, fmt.Sprintf("page %q belongs to %q", slug, owner))
		}
		slices.Sort(lines)
		return nil, newProblem(http.StatusConflict, "nothing was applied: these pages belong to another set; name their owner, or take them over", lines...)
	}
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return nil, newProblem(http.StatusUnprocessableEntity, "nothing was applied: "+r.Reason)
	}
	if err != nil {
		return nil, c.failed("applying the status pages", err)
	}
	c.o.Logger.Info("status pages applied", "created", len(done.Created), "changed", len(done.Changed), "by", holder(ctx).Name)
	return answer(PagesApplied{nonNil(done.Created), nonNil(done.Changed), nonNil(done.Unchanged)}), nil
}

func (c *Console) planPages(ctx context.Context, in *struct{ Body WantedPages }) (*out[PagesPlan], error) {
	pages, faults := decodePages(in.Body.Pages)
	found, err := c.o.Pages.Pages(ctx)
	if err != nil {
		return nil, c.failed("reading the status pages", err)
	}
	was := make(map[string]statuspage.Stored, len(found))
	for _, p := range found {
		was[p.Slug] = p
	}
	p := PagesPlan{Create: []string{}, Change: []PlanChange{}}
	for _, wanted := range pages {
		old, known := was[wanted.Slug]
		if wanted, err = wanted.Over(old.Page); err != nil {
			faults = append(faults, err.Error())
			continue
		}
		if !known {
			p.Create = append(p.Create, wanted.Slug)
			continue
		}
		changes, err := plan.DiffJSON(old.Masked(), shownOver(wanted, old.Page))
		if err != nil {
			return nil, c.failed("comparing the status pages", err)
		}
		if len(changes) == 0 {
			p.Same++
			continue
		}
		p.Change = append(p.Change, PlanChange{wanted.Slug, changes})
	}
	if len(faults) > 0 {
		return nil, newProblem(http.StatusUnprocessableEntity, "this could not be applied: mend what is listed under faults", faults...)
	}
	slices.Sort(p.Create)
	return answer(p), nil
}

// shownOver is a page as a plan shows it beside the one that it takes the place
// of: of passwords it says no more than that they differ.
func shownOver(p, was statuspage.Page) statuspage.Page {
	if p.Password != "" && p.Password != was.Password {
		p.Password = "another one"
		return p
	}
	return p.Masked()
}

func (c *Console) deletePage(ctx context.Context, in *struct {
	Slug string `path:"slug" maxLength:"63"`
},
) (*struct{}, error) {
	removed, err := c.o.Pages.RemovePage(ctx, in.Slug)
	switch {
	case err != nil:
		return nil, c.failed("deleting the status page", err)
	case !removed:
		return nil, newProblem(http.StatusNotFound, fmt.Sprintf("there is no status page %q; /api/v1/pages lists them", in.Slug))
	}
	c.o.Logger.Info("status page deleted", "page", in.Slug, "by", holder(ctx).Name)
	return nil, nil
}
