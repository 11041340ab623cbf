package console

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/statuspage"
)

// rack keeps pages in memory.
type rack struct{ pages []statuspage.Stored }

func (s *rack) Pages(context.Context) ([]statuspage.Stored, error) { return s.pages, nil }

func (s *rack) ApplyPages(_ context.Context, pages []statuspage.Page, _ string, _ bool) (a statuspage.Applied, err error) {
	for _, p := range pages {
		if p, err = p.Over(statuspage.Page{}); err != nil {
			return a, &RefusedError{err.Error()}
		}
		s.pages = append(s.pages, statuspage.Stored{Page: p})
		a.Created = append(a.Created, p.Slug)
	}
	return a, nil
}

func (s *rack) RemovePage(_ context.Context, slug string) (bool, error) {
	return len(s.pages) > 0 && s.pages[0].Slug == slug, nil
}

// The API tells what is wrong with a page, and never its password's hash.
func TestPagesAPI(t *testing.T) {
	const hash = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	_, _, c := alerted(t)
	s := &rack{}
	c.o.Pages = s
	for page, want := range map[string]string{
		`{"slug":"a","title":"A","password":"secret"}`:                                  "is not the argon2id hash",
		`{"slug":"a","title":"A","logo":"https://evil.example/p"}`:                      "nothing is fetched from elsewhere",
		`{"slug":"a","title":"A","accent":{"light":"red;}"}}`:                           "is not a colour",
		`{"slug":"a","title":"A","color":"red"}`:                                        "unknown field",
		`{"slug":"a","title":"A"},{"slug":"a","title":"A"}`:                             "is there twice",
		`{"slug":"a","title":"","hosts":["x"]}`:                                         "is missing",
		`{"slug":"a","title":"A","hosts":["x"]},{"slug":"b","title":"B","hosts":["x"]}`: `the host "x" is that of page "a"`,
	} {
		for _, call := range [][2]string{{"PUT", "/api/v1/pages"}, {"POST", "/api/v1/pages/plan"}} {
			if p := api[Problem](t, c, 422, call[0], call[1], `{"pages":[`+page+`]}`); !strings.Contains(strings.Join(p.Faults, "\n"), want) {
				t.Errorf("%s %s: %q, want %q", call[0], page, p.Faults, want)
			}
		}
	}
	api[Problem](t, c, 422, "PUT", "/api/v1/pages", `{"pages":[{"slug":"a","title":"A","password":"kept"}]}`)
	api[PagesApplied](t, c, 200, "PUT", "/api/v1/pages", `{"pages":[{"slug":"a","title":"A","password":"`+hash+`"}]}`)
	l := api[Pages](t, c, 200, "GET", "/api/v1/pages", "")
	if data, _ := json.Marshal(l); len(l.Pages) != 1 || !l.Pages[0].Protected || strings.Contains(string(data), "argon2id") || !strings.Contains(string(l.Pages[0].Page), `"password":"kept"`) {
		t.Errorf("%s", data)
	}
	if p := api[PagesPlan](t, c, 200, "POST", "/api/v1/pages/plan", `{"pages":[{"slug":"a","title":"A","password":"`+hash+`"},{"slug":"b","title":"B"}]}`); p.Same != 1 || len(p.Create) != 1 {
		t.Errorf("%+v", p)
	}
	p := api[PagesPlan](t, c, 200, "POST", "/api/v1/pages/plan", `{"pages":[{"slug":"a","title":"A"}]}`)
	if len(p.Change) != 1 || len(p.Change[0].Changes) != 1 || p.Change[0].Changes[0].Path != "password" {
		t.Errorf("%+v", p)
	}
	api[Problem](t, c, 404, "DELETE", "/api/v1/pages/zzz", "")
}
