package dashboard

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// badge is a small picture with two words, for other pages.
type badge struct {
	Label, Value, Colour string
}

// The colours of badges have a contrast of at least 4.5 to white.
var badgeColours = map[string]string{"o": "#116a41", "d": "#8a5a00", "x": "#ab1f2c", "n": "#565f6e", "m": "#2747c7"}

// badgeNames are the badges of a check; of the whole page there is the first.
var badgeNames = []string{"status", "uptime", "latency"}

// serveBadge serves /badges/status.svg, the state of the page, and
// /badges/ID/status.svg, uptime.svg and latency.svg of a check. Uptime is that
// of 90 days, or with days=1 of the last 24 hours.
func (d *Dashboard) serveBadge(w http.ResponseWriter, r *http.Request) {
	// A badge is a picture on other people's pages.
	if !d.visited(r).site.Protected() {
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	f := d.frameOf(r)
	if f == nil {
		d.serve(w, r, func() (*page, error) {
			return drawBadge(http.StatusServiceUnavailable, badge{"status", "unknown", badgeColours["n"]})
		})
		return
	}
	id, name := r.PathValue("id"), r.PathValue("name")
	key := "badge " + id + " " + name
	p := daily
	if r.URL.Query().Get("days") == strconv.Itoa(hourly.days) {
		p = hourly
		key += " 1"
	}
	b, ok := badgeOf(f, id, strings.TrimSuffix(name, ".svg"), p)
	if !ok || !strings.HasSuffix(name, ".svg") {
		d.serve(w, r, func() (*page, error) {
			return drawBadge(http.StatusNotFound, badge{"status", "no such badge", badgeColours["n"]})
		})
		return
	}
	d.serve(w, r, func() (*page, error) {
		return f.page(key, func() (*page, error) { return drawBadge(http.StatusOK, b) })
	})
}

func badgeOf(f *frame, id, name string, p period) (badge, bool) {
	if id == "" {
		m := f.overall.Mark
		return badge{"status", strings.ToLower(m.Word), badgeColours[m.Code]}, name == badgeNames[0]
	}
	j, ok := f.check(id)
	if !ok {
		return badge{}, false
	}
	m := stateMark(j.state)
	if j.maintained {
		m = maintenanceMark
	}
	if name == badgeNames[1] && f.hides(statuspage.Uptime) || name == badgeNames[2] && f.hides(statuspage.Latency) {
		return badge{}, false
	}
	label := shorten(j.Name, 40)
	switch name {
	case "status":
		return badge{label, strings.ToLower(m.Word), badgeColours[m.Code]}, true
	case "uptime":
		figure, scope := f.uptime(newRecord(j.Check, p, f.past(p, id), f.now))
		if figure == "" {
			return badge{label, "uptime not measured", badgeColours["n"]}, true
		}
		return badge{label, figure + " up, " + scope, badgeColours[m.Code]}, true
	case "latency":
		if j.latency <= 0 || j.state == status.NotMeasured {
			return badge{label, "latency not measured", badgeColours["n"]}, true
		}
		return badge{label, latency(j.latency), badgeColours[m.Code]}, true
	}
	return badge{}, false
}

// Text is at most so wide in a sans serif of 11 px that it fits whatever the
// reader's machine has.
func badgeWidth(s string) int { return 14 + 7*len([]rune(s)) }

func drawBadge(code int, b badge) (*page, error) {
	left, right := badgeWidth(b.Label), badgeWidth(b.Value)
	e := template.HTMLEscapeString
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[4]s: %[5]s"><title>%[4]s: %[5]s</title>`+
		`<rect width="%[1]d" height="20" rx="4" fill="%[6]s"/><path d="M4 0h%[7]dv20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#3a4149"/>`+
		`<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`+
		`<text x="%[2]d" y="14" textLength="%[8]d" lengthAdjust="spacingAndGlyphs">%[4]s</text><text x="%[3]d" y="14" textLength="%[9]d" lengthAdjust="spacingAndGlyphs">%[5]s</text></g></svg>`+"\n",
		left+right, left/2, left+right/2, e(b.Label), e(b.Value), b.Colour, left-4, left-14, right-14)
	p := newPage(code, "image/svg+xml", []byte(svg))
	return p, nil
}

// embedView is the widget.
type embedView struct {
	Site, Link string
	Overall    overall
	Code       string
	AsOf       *stamp
	Stale      bool
}

// serveEmbed serves a small page for a frame on other people's pages: it runs
// nothing, and only the sites of Options.EmbedFrom may hold it.
func (d *Dashboard) serveEmbed(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "+d.options.EmbedFrom)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Refresh", "60")
	f := d.frameFor(w, r)
	if f == nil {
		return
	}
	d.serve(w, r, func() (*page, error) {
		return f.page("embed", func() (*page, error) {
			return execute(embedPage, http.StatusOK, embedView{
				Site: f.site.title, Link: f.site.base + "/", Overall: f.overall, Code: f.overall.Mark.Code, AsOf: newStamp(f.snap.asOf, f.now), Stale: f.stale(),
			})
		})
	})
}
