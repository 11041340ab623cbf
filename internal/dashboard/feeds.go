package dashboard

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/prose"
	"github.com/probefleet/probefleet/internal/status"
)

// entry is one incident or one time of maintenance in a feed.
type entry struct {
	ID, Title, Link string
	HTML, Text      string
	Published       time.Time
	Updated         time.Time
}

// feedOf writes entries in one of the forms.
type feedForm struct {
	kind  string
	write func(f *frame, base, self string, entries []entry) ([]byte, error)
}

var (
	atomFeed = feedForm{"application/atom+xml; charset=utf-8", writeAtom}
	rssFeed  = feedForm{"application/rss+xml; charset=utf-8", writeRSS}
	jsonFeed = feedForm{"application/feed+json; charset=utf-8", writeJSONFeed}
)

// serveFeed serves what lasts and what was over in the last days, and announced
// maintenance.
func (d *Dashboard) serveFeed(form feedForm) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := d.frameOf(r)
		if f == nil {
			d.serveAPIError(w, r, http.StatusServiceUnavailable, "status data is not available yet: try again in a few seconds")
			return
		}
		base, ok := d.address(r)
		if !ok {
			d.serveAPIError(w, r, http.StatusBadRequest, "the Host of the request is not the name of a host")
			return
		}
		f = f.in(f.site.zone)
		d.serve(w, r, func() (*page, error) {
			return f.page("feed "+base+r.URL.Path, func() (*page, error) {
				body, err := form.write(f, base, base+r.URL.Path, entries(f, base))
				if err != nil {
					return nil, fmt.Errorf("writing a feed: %w", err)
				}
				return newPage(http.StatusOK, form.kind, body), nil
			})
		})
	}
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$|^\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?$`)

// address is where readers find the page, without a slash at its end.
func (d *Dashboard) address(r *http.Request) (string, bool) {
	s := d.visited(r).site
	if d.options.URL != "" && !s.named {
		return strings.TrimSuffix(d.options.URL, "/") + s.base, true
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + s.base, hostForm.MatchString(r.Host)
}

// entries are the newest first. What does not change keeps its time, so that
// readers see each once.
func entries(f *frame, base string) []entry {
	out := []entry{}
	for _, r := range f.snap.incidents {
		v := newIncidentView(f, r)
		e := entry{ID: "urn:uuid:" + r.ID, Title: v.Word + ": " + v.Title, Link: base + "/incidents/" + r.ID, Published: r.Opened, Updated: r.Opened}
		var html, text []string
		say := func(at time.Time, head, body, plain string) {
			html = append(html, fmt.Sprintf("<p><strong>%s</strong>, %s</p>%s", head, newStamp(at, f.now).Full, body))
			text = append(text, fmt.Sprintf("%s, %s. %s", head, newStamp(at, f.now).Full, plain))
			if at.After(e.Updated) {
				e.Updated = at
			}
		}
		if !r.Closed.IsZero() {
			say(r.Closed, "Over", "", "")
			e.Title += " (resolved)"
		}
		for i := len(r.Updates) - 1; i >= 0; i-- {
			u := r.Updates[i]
			say(u.At, phaseWord(u.Phase), string(prose.HTML(u.Body)), prose.Text(u.Body))
		}
		say(r.Opened, "Began", services(v.Services), plainServices(v.Services))
		e.HTML, e.Text = strings.Join(html, "\n"), strings.Join(text, "\n")
		out = append(out, e)
	}
	return out
}

func services(list []service) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("<p>")
	_ = xml.EscapeText(&b, []byte(plainServices(list))) // a builder takes everything
	b.WriteString("</p>")
	return b.String()
}

func plainServices(list []service) string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return enumerate(names)
}

type (
	atomDocument struct {
		XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		Title   string      `xml:"title"`
		ID      string      `xml:"id"`
		Updated string      `xml:"updated"`
		Author  string      `xml:"author>name"`
		Links   []atomLink  `xml:"link"`
		Entries []atomEntry `xml:"entry"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	}
	atomEntry struct {
		Title     string     `xml:"title"`
		ID        string     `xml:"id"`
		Link      atomLink   `xml:"link"`
		Published string     `xml:"published"`
		Updated   string     `xml:"updated"`
		Content   feedMarkup `xml:"content"`
	}
	feedMarkup struct {
		Type string `xml:"type,attr,omitempty"`
		Text string `xml:",chardata"`
	}
)

// newestOf is when a feed changed last; a feed of nothing has not changed.
func newestOf(es []entry) time.Time {
	var at time.Time
	for _, e := range es {
		if e.Updated.After(at) {
			at = e.Updated
		}
	}
	if at.IsZero() {
		return firstMonth
	}
	return at
}

func writeAtom(f *frame, base, self string, es []entry) ([]byte, error) {
	doc := atomDocument{
		Title: f.site.title, ID: base + "/", Updated: newestOf(es).UTC().Format(time.RFC3339), Author: f.site.title,
		Links: []atomLink{{"self", self}, {"alternate", base + "/"}},
	}
	for _, e := range es {
		doc.Entries = append(doc.Entries, atomEntry{
			Title: e.Title, ID: e.ID, Link: atomLink{"alternate", e.Link}, Published: e.Published.UTC().Format(time.RFC3339),
			Updated: e.Updated.UTC().Format(time.RFC3339), Content: feedMarkup{"html", e.HTML},
		})
	}
	return document(doc)
}

type (
	rssDocument struct {
		XMLName xml.Name   `xml:"rss"`
		Version string     `xml:"version,attr"`
		Channel rssChannel `xml:"channel"`
	}
	rssChannel struct {
		Title       string    `xml:"title"`
		Link        string    `xml:"link"`
		Description string    `xml:"description"`
		BuildDate   string    `xml:"lastBuildDate"`
		Items       []rssItem `xml:"item"`
	}
	rssItem struct {
		Title       string  `xml:"title"`
		Link        string  `xml:"link"`
		GUID        rssGUID `xml:"guid"`
		PubDate     string  `xml:"pubDate"`
		Description string  `xml:"description"`
	}
	rssGUID struct {
		Permanent bool   `xml:"isPermaLink,attr"`
		Text      string `xml:",chardata"`
	}
)

func writeRSS(f *frame, base, _ string, es []entry) ([]byte, error) {
	doc := rssDocument{Version: "2.0", Channel: rssChannel{
		Title: f.site.title, Link: base + "/", Description: "Incidents of " + f.site.title, BuildDate: newestOf(es).UTC().Format(time.RFC1123Z),
	}}
	for _, e := range es {
		doc.Channel.Items = append(doc.Channel.Items, rssItem{e.Title, e.Link, rssGUID{false, e.ID}, e.Updated.UTC().Format(time.RFC1123Z), e.HTML})
	}
	return document(doc)
}

func document(v any) ([]byte, error) {
	body, err := xml.MarshalIndent(v, "", " ")
	return append([]byte(xml.Header), append(body, '\n')...), err
}

func writeJSONFeed(f *frame, base, self string, es []entry) ([]byte, error) {
	type item struct {
		ID        string `json:"id"`
		URL       string `json:"url"`
		Title     string `json:"title"`
		HTML      string `json:"content_html"`
		Text      string `json:"content_text"`
		Published string `json:"date_published"`
		Modified  string `json:"date_modified"`
	}
	doc := struct {
		Version string `json:"version"`
		Title   string `json:"title"`
		Home    string `json:"home_page_url"`
		Feed    string `json:"feed_url"`
		Items   []item `json:"items"`
	}{"https://jsonfeed.org/version/1.1", f.site.title, base + "/", self, []item{}}
	for _, e := range es {
		doc.Items = append(doc.Items, item{e.ID, e.Link, e.Title, e.HTML, e.Text, e.Published.UTC().Format(time.RFC3339), e.Updated.UTC().Format(time.RFC3339)})
	}
	p, err := encode(http.StatusOK, doc)
	if err != nil {
		return nil, err
	}
	return p.body, nil
}

// apiIncident is an incident of the public API.
type apiIncident struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	Impact    status.Impact `json:"impact"`
	ByRules   bool          `json:"by_rules"`
	Checks    []string      `json:"checks"`
	OpenedAt  time.Time     `json:"opened_at"`
	ClosedAt  *time.Time    `json:"closed_at"`
	Locations []string      `json:"locations"`
	Reason    string        `json:"reason"`
	Updates   []apiSaid     `json:"updates"`
	Learnt    string        `json:"postmortem"` // Markdown
}

type apiSaid struct {
	Phase status.Phase `json:"phase"`
	At    time.Time    `json:"at"`
	Body  string       `json:"body"` // Markdown
}

func (d *Dashboard) serveIncidents(w http.ResponseWriter, r *http.Request) {
	d.serveAPI(w, r, "api incidents", func(f *frame) any {
		list := struct {
			apiHead
			Incidents []apiIncident `json:"incidents"`
		}{newAPIHead(f), []apiIncident{}}
		for _, r := range f.snap.incidents {
			a := apiIncident{
				ID: r.ID, Title: titleOf(f, r), Impact: r.Impact, ByRules: r.ByRules, Checks: append([]string{}, r.Checks...),
				OpenedAt: r.Opened.UTC(), ClosedAt: moment(r.Closed), Locations: append([]string{}, r.Locations...), Reason: r.Message,
				Updates: []apiSaid{}, Learnt: r.Postmortem,
			}
			for _, u := range r.Updates {
				a.Updates = append(a.Updates, apiSaid{u.Phase, u.At.UTC(), u.Body})
			}
			list.Incidents = append(list.Incidents, a)
		}
		return list
	})
}

// apiWindow is a time of maintenance that lasts or is to come.
type apiWindow struct {
	Title  string    `json:"title"`
	Why    string    `json:"why"`
	Checks []string  `json:"checks"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Recurs bool      `json:"recurs"`
}

func (d *Dashboard) serveMaintenance(w http.ResponseWriter, r *http.Request) {
	d.serveAPI(w, r, "api maintenance", func(f *frame) any {
		list := struct {
			apiHead
			Maintenance []apiWindow `json:"maintenance"`
		}{newAPIHead(f), []apiWindow{}}
		for _, x := range f.windows {
			list.Maintenance = append(list.Maintenance, apiWindow{x.plan.Title, x.plan.Why, x.plan.Checks, x.from.UTC(), x.to.UTC(), x.plan.Recurs()})
		}
		return list
	})
}

// serveAPI serves what make says of a frame.
func (d *Dashboard) serveAPI(w http.ResponseWriter, r *http.Request, key string, make func(*frame) any) {
	f := d.frameOf(r)
	if f == nil {
		d.serveAPIError(w, r, http.StatusServiceUnavailable, "status data is not available yet: try again in a few seconds")
		return
	}
	d.serve(w, r, func() (*page, error) {
		return f.page(key, func() (*page, error) { return encode(http.StatusOK, make(f)) })
	})
}
