package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// site is a status page as its readers meet it, below one address.
type site struct {
	statuspage.Stored
	// base is the path before all of its addresses: "", or /p/SLUG.
	base string
	// named says that it is met at a name of its own.
	named bool
	// listing says that it names the pages of list, where / has none, and shows
	// nothing else.
	listing bool
	list    []*site
	title   string
	zone    *time.Location
	// theme and logo are files, "" where there are none.
	theme, logo string
	look        map[string]*page
}

// key tells sites apart, and the same one in two readings.
func (s *site) key() string { return s.base + " " + s.Slug + " " + strconv.FormatBool(s.named) }

// sites are the status pages of an installation.
type sites struct {
	pages []statuspage.Stored
	// own is the one that shows everything, where nobody has defined any.
	own    *site
	bySlug map[string]*site
	byHost map[string]*site
	// lost is what there is at names that no page has.
	lost *site
}

// sitesOf are those of pages; what was is taken where it says the same.
func (d *Dashboard) sitesOf(pages []statuspage.Stored, was *sites) *sites {
	if was != nil && reflect.DeepEqual(was.pages, pages) {
		return was
	}
	ss := &sites{pages: pages, own: d.own, bySlug: map[string]*site{}, byHost: map[string]*site{}, lost: d.own}
	if len(pages) == 0 {
		return ss
	}
	ss.lost = &site{listing: true, title: d.title, zone: d.zone}
	for _, p := range pages {
		s := &site{Stored: p, base: "/p/" + p.Slug, title: p.Title, zone: p.Location(d.zone)}
		s.draw()
		ss.bySlug[p.Slug] = s
		if !p.Protected() && !p.Newer {
			ss.lost.list = append(ss.lost.list, s)
		}
		for _, h := range p.Hosts {
			at := *s
			at.base, at.named = "", h != statuspage.AnyHost
			at.draw()
			ss.byHost[h] = &at
		}
	}
	if any := ss.byHost[statuspage.AnyHost]; any != nil {
		ss.lost = any
	}
	return ss
}

// draw makes the files of how the site looks.
func (s *site) draw() {
	s.look = map[string]*page{}
	add := func(name, ending, kind string, data []byte) string {
		sum := sha256.Sum256(data)
		file := name + "." + hex.EncodeToString(sum[:6]) + ending
		p := newPage(http.StatusOK, kind, data)
		p.cache = "public, max-age=31536000, immutable"
		s.look[file] = p
		return s.base + "/look/" + file
	}
	css := ""
	if a := s.Accent; a != nil {
		for scheme, colour := range map[string]string{"light": a.Light, "dark": a.Dark} {
			if statuspage.ValidColour(colour) { // whatever is in the database
				css += "@media (prefers-color-scheme: " + scheme + ") { :root { --link: " + colour + "; } }\n"
			}
		}
	}
	if css != "" {
		css += ".logo { color: var(--link); }\n.switch [aria-current] { background: var(--link); color: var(--card); }\n.button { background: var(--link); }\n"
		s.theme = add("theme", ".css", "text/css; charset=utf-8", []byte(css))
	}
	if kind, data, err := statuspage.Picture(s.Logo); err == nil {
		s.logo = add("logo", statuspage.Ending(kind), kind, data)
	}
}

// at is the site of a request and the path of the address within it; nil where
// there is none.
func (ss *sites) at(r *http.Request) (s *site, path string) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/p/"); ok && len(ss.pages) > 0 {
		slug, path, _ := strings.Cut(rest, "/")
		return ss.bySlug[slug], "/" + path
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if s := ss.byHost[strings.ToLower(host)]; s != nil {
		return s, r.URL.Path
	}
	return ss.lost, r.URL.Path
}

// same is the site of ss that is met where s was, nil where there is none any
// more, or other readers may read it.
func (ss *sites) same(s *site) *site {
	next := ss.lost
	switch {
	case s.base != "":
		next = ss.bySlug[s.Slug]
	case s.named:
		next = nil
		for _, h := range s.Hosts {
			if at := ss.byHost[h]; at != nil && at.Slug == s.Slug {
				next = at
			}
		}
	}
	if next == nil || next.key() != s.key() || next.Key != s.Key || next.Newer || next.Password != s.Password || !slices.Equal(next.Allow, s.Allow) {
		return nil
	}
	return next
}

// visit is what a request is about.
type visit struct {
	frame *frame // the whole one; nil where the store was never read
	site  *site
}

type visitKey struct{}

// visited is the visit of a request.
func (d *Dashboard) visited(r *http.Request) visit {
	if v, ok := r.Context().Value(visitKey{}).(visit); ok {
		return v
	}
	return visit{site: d.own}
}

// located finds the site of a request, and has its address begin there. The
// site is nil where there is none.
func (d *Dashboard) located(r *http.Request) (*http.Request, visit) {
	v := visit{frame: d.frame.Load(), site: d.own}
	path := r.URL.Path
	if v.frame != nil && v.frame.sites != nil {
		v.site, path = v.frame.sites.at(r)
	}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if path == r.URL.Path {
		return r, v
	}
	u := *r.URL
	u.Path = path
	if u.RawPath != "" {
		u.RawPath = "/" + strings.TrimPrefix(strings.TrimPrefix(u.RawPath, v.baseOf()), "/")
	}
	r.URL = &u
	return r, v
}

func (v visit) baseOf() string {
	if v.site == nil {
		return ""
	}
	return v.site.base
}

// frameOf is what a request is to be answered from, nil where the store was
// never read.
func (d *Dashboard) frameOf(r *http.Request) *frame {
	v := d.visited(r)
	if v.frame == nil || v.site == nil {
		return nil
	}
	return v.frame.of(v.site)
}

// of is what a site shows of the frame.
func (f *frame) of(s *site) *frame {
	if f.site == nil || s == f.site {
		return f
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.parts[s.key()]
	if g == nil || g.site != s {
		g = f.part(s)
		f.parts[s.key()] = g
	}
	return g
}

// part makes what of does.
func (f *frame) part(s *site) *frame {
	snap := *f.snap
	g := &frame{
		snap: &snap, drawings: f.drawings, site: s, sites: f.sites, now: f.now, byID: map[string]int{}, digests: map[string]string{},
		pages: map[string]*rendering{}, zones: map[string]*frame{}, parts: map[string]*frame{},
	}
	all := fnv.New64a()
	for _, j := range f.checks {
		if s.listing || !s.Shows(j.ID, j.Group, j.Tags) {
			continue
		}
		g.byID[j.ID] = len(g.checks)
		g.checks = append(g.checks, s.strip(j))
		g.digests[j.ID] = f.digests[j.ID]
		fmt.Fprintln(all, j.ID, f.digests[j.ID])
		g.long = g.long || f.long && longer(f.snap.days.byCheck[j.ID], f.now)
	}
	snap.incidents = g.recorded(f.snap.incidents)
	for _, w := range f.windows {
		if w.plan.Checks = g.known(w.plan.Checks); len(w.plan.Checks) > 0 {
			g.windows = append(g.windows, w)
		}
	}
	g.told = digestTold(g)
	g.overall = overallOf(g.checks)
	if g.stale() {
		g.overall = staleOverall(g.checks, g.snap.asOf)
	}
	fmt.Fprintln(all, g.stale(), g.long, g.told, s.title, s.UpdatedAt.UnixNano(), s.base)
	g.version = strconv.FormatUint(all.Sum64(), 36)
	return g
}

// known are those of the ids that the frame shows.
func (f *frame) known(ids []string) []string {
	var out []string
	for _, id := range ids {
		if _, ok := f.byID[id]; ok {
			out = append(out, id)
		}
	}
	return out
}

// recorded are the incidents that the frame's site shows, without what it does
// not tell. What is about everything is shown everywhere.
func (f *frame) recorded(list []status.Recorded) []status.Recorded {
	if f.site == nil || f.site.Slug == "" && !f.site.listing {
		return list
	}
	var out []status.Recorded
	for _, r := range list {
		if f.site.listing {
			continue
		}
		about := f.known(r.Checks)
		if len(r.Checks) > 0 && len(about) == 0 {
			continue
		}
		r.Checks = about
		if f.site.Hides(statuspage.Reasons) {
			r.Message = ""
		}
		out = append(out, r)
	}
	return out
}

// notTold is the class of a fault that the site does not tell.
const notTold jobs.FaultClass = "-"

// runs are some without what the site does not tell.
func (s *site) runs(list []status.Run) []status.Run {
	if s == nil || len(s.Hide) == 0 {
		return list
	}
	out := slices.Clone(list)
	for i := range out {
		if s.Hides(statuspage.Latency) {
			out[i].Latency = 0
		}
		if s.Hides(statuspage.Reasons) && out[i].Outcome != jobs.Passed {
			out[i].FaultClass, out[i].FaultMessage = notTold, ""
		}
	}
	return out
}

// strip takes out of a check what the site does not tell.
func (s *site) strip(j judged) judged {
	if len(s.Hide) == 0 {
		return j
	}
	j.Last, j.Conclusive = s.runs(j.Last), s.runs(j.Conclusive)
	j.newest = s.runs([]status.Run{j.newest})[0]
	j.locations = slices.Clone(j.locations)
	for i := range j.locations {
		j.locations[i].last = s.runs([]status.Run{j.locations[i].last})[0]
	}
	if s.Hides(statuspage.Latency) {
		j.latency = 0
	}
	if s.Hides(statuspage.Reasons) {
		j.reasons = nil
	}
	return j
}

// shown is a detail of a check without what the site does not tell.
func (s *site) shown(d detail) detail {
	d.runs, d.points = s.runs(d.runs), s.runs(d.points)
	return d
}

// past is what the frame tells of the history of a check.
func (f *frame) past(p period, id string) past {
	known := f.snap.past(p, id)
	if f.hides(statuspage.Latency) {
		known.buckets = slices.Clone(known.buckets)
		for i := range known.buckets {
			known.buckets[i].LatencySum = 0
		}
	}
	return known
}

// uptime is the figure of a record, and what it speaks for; "" where the site
// does not tell it.
func (f *frame) uptime(r record) (figure, scope string) {
	if f.hides(statuspage.Uptime) {
		return "", ""
	}
	return r.uptime()
}

func (f *frame) hides(d statuspage.Detail) bool { return f.site != nil && f.site.Hides(d) }

// longer reports whether anything was measured more than a day before now.
func longer(buckets []status.Bucket, now time.Time) bool {
	return slices.ContainsFunc(buckets, func(b status.Bucket) bool {
		return b.Conclusive() > 0 && b.Start.Before(now.Add(-24*time.Hour))
	})
}
