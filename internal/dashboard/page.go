package dashboard

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/probefleet/probefleet/internal/statuspage"
)

//go:embed templates/*.html
var templateFiles embed.FS

var (
	indexPage    = parsePage("index.html")
	checkPage    = parsePage("check.html")
	incidentPage = parsePage("incident.html")
	monthPage    = parsePage("month.html")
	embedPage    = template.Must(template.New("embed.html").Funcs(template.FuncMap{"asset": asset}).ParseFS(templateFiles, "templates/embed.html", "templates/parts.html"))
	messagePage  = parsePage("message.html")
	unlockPage   = parsePage("unlock.html")
	listPage     = parsePage("list.html")

	subscribePage   = parsePage("subscribe.html")
	confirmPage     = parsePage("confirm.html")
	unsubscribePage = parsePage("unsubscribe.html")
)

// parsePage makes a page of the layout, the shared parts and its own main.
func parsePage(name string) *template.Template {
	t := template.New("layout.html").Funcs(template.FuncMap{"asset": asset})
	return template.Must(t.ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/incidents.html", "templates/"+name))
}

// page is an answer, ready to be sent to any number of readers.
type page struct {
	status  int
	kind    string // Content-Type
	cache   string // Cache-Control
	body    []byte
	etag    string
	squeeze sync.Once
	zipped  []byte
}

const (
	kindHTML = "text/html; charset=utf-8"
	kindJSON = "application/json; charset=utf-8"
	// cacheBriefly lets a cache in front answer a crowd during an outage.
	// A cache that cannot reach us goes on with what it has.
	cacheBriefly = "public, max-age=2, stale-while-revalidate=10, stale-if-error=86400"
)

func newPage(code int, kind string, body []byte) *page {
	h := fnv.New64a()
	_, _ = h.Write(body) // a hash takes everything
	p := &page{status: code, kind: kind, body: body, cache: cacheBriefly, etag: `W/"` + strconv.FormatUint(h.Sum64(), 36) + `"`}
	if code >= http.StatusInternalServerError {
		p.cache = "no-store"
	}
	return p
}

// gzipped is the body in gzip, made on first use.
func (p *page) gzipped() []byte {
	p.squeeze.Do(func() {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(p.body)
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			panic(fmt.Sprintf("compressing into memory: %v", err)) // a buffer takes everything
		}
		p.zipped = b.Bytes()
	})
	return p.zipped
}

// rendering is a page that is being made, or was.
type rendering struct {
	once sync.Once
	page *page
	err  error
}

// maxPages bounds the pages that a frame keeps: readers may ask for anything.
const maxPages = 2000

// page gives the page that a key names, made on first use; others wait for it.
// One more than maxPages is made for its reader alone.
func (f *frame) page(key string, render func() (*page, error)) (*page, error) {
	f.mu.Lock()
	r := f.pages[key]
	if r == nil && len(f.pages) >= maxPages {
		f.mu.Unlock()
		return render()
	}
	if r == nil {
		r = &rendering{}
		f.pages[key] = r
	}
	f.mu.Unlock()
	r.once.Do(func() { r.page, r.err = render() })
	return r.page, r.err
}

// layout is what every page has around its main part.
type layout struct {
	Site    string // the title of the page
	Base    string // before the path of every address of it
	Theme   string // addresses of its style and logo, or ""
	Logo    string
	Said    string // its description
	Hide    hidden
	Q       string // the zone that the reader asked for, as the first or a later parameter of a link
	And     template.URL
	Zone    string   // of all times
	Zones   []string // to choose from
	Path    string   // of this page
	Title   string   // of the document
	Code    string   // of the state, for the icon of the tab
	Check   string   // id of the only check on the page, or ""
	Version string
	Live    bool // the page follows events
	Dated   bool // the page lies under days of its zone, so that scripts leave all times in it
	Retry   bool // the page is loaded again in a few seconds
	Banner  *banner
	Updated *stamp
	Now     *stamp
	JSON    string // address of the same as JSON
	// Subscribe offers to be told; Forms is a page with forms of its own style.
	Subscribe, Forms bool
}

// hidden is what the page does not tell.
type hidden struct{ Uptime, Latency, Reasons bool }

// bare is the layout of a page that shows nothing of any frame.
func (d *Dashboard) bare(s *site, title string) layout {
	if s == nil {
		s = d.own
	}
	return layout{
		Site: s.title, Base: s.base, Theme: s.theme, Logo: s.logo, Zone: s.zone.String(), Title: title, Code: "n",
		Hide: hidden{s.Hides(statuspage.Uptime), s.Hides(statuspage.Latency), s.Hides(statuspage.Reasons)},

		Subscribe: d.subscribable(s),
	}
}

// banner says that the data is old.
type banner struct {
	Since *stamp
}

func (d *Dashboard) layout(f *frame, title string, code string) layout {
	l := d.bare(f.site, title)
	l.Code, l.Version, l.Live, l.Said = code, f.version, true, f.site.Description
	l.Updated, l.Now, l.JSON = newStamp(f.snap.asOf, f.now), newStamp(f.now, f.now), l.Base+"/api/v1/status"
	l.Zone, l.Zones, l.Path = f.now.Location().String(), zones, l.Base+"/"
	if !slices.Contains(l.Zones, l.Zone) {
		l.Zones = append([]string{l.Zone}, l.Zones...)
	}
	if l.Q = f.with(); l.Q != "" {
		l.And = template.URL("&" + l.Q[1:]) //nolint:gosec // escaped
	}
	if f.stale() {
		l.Banner = &banner{Since: newStamp(f.snap.asOf, f.now)}
	}
	return l
}

func execute(t *template.Template, code int, view any) (*page, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("rendering page: %w", err)
	}
	return newPage(code, kindHTML, b.Bytes()), nil
}

// messageView is a page that only says something.
type messageView struct {
	layout
	Heading, Text string
	Home          bool // offer the way to the start page
}

// message renders a page that only says something. It needs no frame. One that
// cannot be made yet is tried again by itself.
func (d *Dashboard) message(s *site, code int, heading, text string) (*page, error) {
	return d.saying(s, code, heading, text, code == http.StatusServiceUnavailable)
}

// saying is message, and says whether the page is tried again: an answer to a
// form never is, that would send the form once more.
func (d *Dashboard) saying(s *site, code int, heading, text string, again bool) (*page, error) {
	if s == nil {
		s = d.own
	}
	v := messageView{layout: d.bare(s, heading+" · "+s.title), Heading: heading, Text: text, Home: !again}
	v.Retry = again
	return execute(messagePage, code, v)
}
