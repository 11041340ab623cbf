package pages

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/probefleet/probefleet/internal/console/web"
)

const (
	// listFor is how long a list is shown as it is before it is made again.
	listFor = time.Second
	// shelfSize is the number of lists that are kept, those of past versions
	// included; of more the one goes that nobody has asked for for longest.
	shelfSize = 256
)

// shelf keeps lists as they were last shown, each for those who may do the same:
// however many look at one, it is read and written once in a while. What is done
// here clears it.
type shelf struct {
	mu    sync.Mutex
	lists *lru.Cache[string, *reading[listed]]
}

func newShelf() shelf {
	lists, err := lru.New[string, *reading[listed]](shelfSize)
	if err != nil {
		panic(err) // the number is no number of things
	}
	return shelf{lists: lists}
}

// listed is a page without what is of its viewer.
type listed struct {
	page web.Page
	main template.HTML
}

// at is what is kept under a key; read makes it where nothing is.
func (s *shelf) at(key string, read func(context.Context) (listed, error)) *reading[listed] {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.lists.Get(key)
	if !ok {
		one = &reading[listed]{every: listFor, read: read}
		s.lists.Add(key, one)
	}
	return one
}

// clear has every list made anew: something was changed here.
func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists.Purge()
}

// list is a page that the shelf keeps. What it shows follows from its address,
// and from what its viewer may do. version changes when what it is about does:
// whoever is told of a change, see [pages.events], is shown it.
func (p *pages) list(t *template.Template, version func(context.Context) (string, error), read func(ctx context.Context, q url.Values) (web.Page, error)) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, may := r.URL.Query(), slices.Clone(web.ViewerOf(r.Context()).Scopes)
		slices.Sort(may)
		as, err := version(r.Context())
		if err != nil {
			return err
		}
		l, err := p.shelf.at(fmt.Sprintf("%s %s?%s %q", as, r.URL.Path, q.Encode(), may), func(ctx context.Context) (l listed, err error) {
			if l.page, err = read(ctx, q); err != nil {
				return l, err
			}
			l.main, err = web.Main(t, l.page, may)
			l.page.Body = nil // it is in main
			return l, err
		}).get(r.Context())
		if err != nil {
			return err
		}
		return p.Frame.ShowMain(w, r, l.page, l.main)
	}
}

// moving is the version of what changes all the time: it is shown as it was a
// moment ago.
func moving(context.Context) (string, error) { return "", nil }

// changing is the handler of a form: what it has done is seen by whoever looks
// next.
func (p *pages) changing(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		defer p.shelf.clear()
		return h(w, r)
	}
}
