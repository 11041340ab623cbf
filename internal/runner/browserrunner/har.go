package browserrunner

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/har"
	"github.com/chromedp/cdproto/network"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// harName is the name of the artifact with all requests of a run.
	harName = "requests.har"
	harType = "application/json"
	// harTime is ISO 8601 as the format wants it.
	harTime = "2006-01-02T15:04:05.000Z07:00"
)

// credentials are the headers whose values are never written down.
var credentials = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "x-api-key": true, "x-auth-token": true,
}

// archive writes the requests as HTTP Archive 1.2, http://www.softwareishard.com/blog/har-12-spec/,
// without bodies, with secrets hidden. title names the page that they belong
// to.
func (f *flow) archive(res *jobs.Result, all []*exchange) []byte {
	product, version, _ := strings.Cut(f.tab.browser.product, "/")
	page := &har.Page{
		StartedDateTime: f.began.Format(harTime), ID: fmt.Sprintf("%s-%d", res.CheckID, res.Attempt), Title: res.CheckID,
		PageTimings: &har.PageTimings{},
	}
	log := &har.Log{
		Version: "1.2",
		Creator: &har.Creator{Name: "probefleet", Version: "1"},
		Browser: &har.Creator{Name: product, Version: version},
		Pages:   []*har.Page{page}, Entries: []*har.Entry{},
	}
	for _, x := range all {
		log.Entries = append(log.Entries, f.entry(x, page.ID))
	}
	if f.tab.traffic.lost {
		log.Comment = "there were more requests than are kept"
	}
	data, err := json.MarshalIndent(har.HAR{Log: log}, "", " ")
	if err != nil { // strings and finite numbers always encode
		panic(err)
	}
	return data
}

func (f *flow) entry(x *exchange, page string) *har.Entry {
	const ms = float64(time.Millisecond)
	e := &har.Entry{
		Pageref: page, StartedDateTime: x.wall.Format(harTime), Time: float64(x.took()) / ms, Cache: &har.Cache{},
		Request: &har.Request{
			Method: x.method, URL: f.scrub.text(x.url), HTTPVersion: "unknown", HeadersSize: -1, BodySize: -1,
			Cookies: []*har.Cookie{}, Headers: []*har.NameValuePair{}, QueryString: []*har.NameValuePair{},
		},
		Response: &har.Response{
			Cookies: []*har.Cookie{}, Headers: []*har.NameValuePair{}, Content: &har.Content{Size: -1}, HeadersSize: -1, BodySize: x.bytes,
		},
		Timings: &har.Timings{Send: 0, Wait: float64(x.took()) / ms, Receive: 0},
	}
	if u, err := url.Parse(x.url); err == nil {
		for _, pair := range strings.Split(u.RawQuery, "&") {
			if name, value, _ := strings.Cut(pair, "="); name != "" {
				e.Request.QueryString = append(e.Request.QueryString, &har.NameValuePair{Name: f.scrub.text(name), Value: f.scrub.text(value)})
			}
		}
	}
	if x.sent != nil {
		e.Request.Headers = f.headers(x.sent.Headers)
	}
	if x.err != "" {
		e.Comment = f.scrub.text(f.tab.browser.plainText(x.url, x.err))
	}
	if r := x.answer; r != nil {
		e.Request.HTTPVersion = protocol(r.Protocol)
		e.Response.HTTPVersion = e.Request.HTTPVersion
		e.Response.Status, e.Response.StatusText = r.Status, r.StatusText
		if r.StatusText == "" {
			e.Response.StatusText = http.StatusText(int(r.Status))
		}
		e.Response.Headers = f.headers(r.Headers)
		e.Response.Content.MimeType = r.MimeType
		e.Connection = fmt.Sprintf("%.0f", r.ConnectionID)
		e.Timings = phases(r.Timing, x)
	}
	return e
}

// phases are the timings of a request, in milliseconds; -1 is what did not
// happen. Names are resolved on the way out of the browser, within connect.
func phases(t *network.ResourceTiming, x *exchange) *har.Timings {
	total := float64(x.took()) / float64(time.Millisecond)
	if t == nil {
		return &har.Timings{Wait: total}
	}
	span := func(from, to float64) float64 {
		if from < 0 || to < from {
			return -1
		}
		return to - from
	}
	p := &har.Timings{
		DNS: ptr(span(t.DNSStart, t.DNSEnd)), Connect: ptr(span(t.ConnectStart, t.ConnectEnd)), Ssl: ptr(span(t.SslStart, t.SslEnd)),
		Send: max(0, span(t.SendStart, t.SendEnd)), Wait: max(0, span(t.SendEnd, t.ReceiveHeadersEnd)),
	}
	ended := (x.to - t.RequestTime) * 1000 // since the request began on the network
	p.Receive = max(0, ended-t.ReceiveHeadersEnd)
	blocked := total
	for _, spent := range []float64{max(0, *p.DNS), max(0, *p.Connect), p.Send, p.Wait, p.Receive} {
		blocked -= spent
	}
	p.Blocked = ptr(max(0, blocked))
	return p
}

func (f *flow) headers(h network.Headers) []*har.NameValuePair {
	pairs := make([]*har.NameValuePair, 0, len(h))
	for name, value := range h {
		text := f.scrub.text(fmt.Sprint(value))
		if credentials[strings.ToLower(name)] {
			text = hidden
		}
		pairs = append(pairs, &har.NameValuePair{Name: name, Value: text})
	}
	slices.SortFunc(pairs, func(a, b *har.NameValuePair) int { return strings.Compare(a.Name, b.Name) })
	return pairs
}

func protocol(p string) string {
	switch p {
	case "h2":
		return "HTTP/2"
	case "h3":
		return "HTTP/3"
	case "":
		return "unknown"
	}
	return strings.ToUpper(p)
}

// JoinHAR makes one archive of several that runs left.
func JoinHAR(archives ...[]byte) ([]byte, error) {
	joined := har.HAR{Log: &har.Log{Version: "1.2", Creator: &har.Creator{Name: "probefleet", Version: "1"}, Entries: []*har.Entry{}}}
	for _, data := range archives {
		var one har.HAR
		if err := json.Unmarshal(data, &one); err != nil || one.Log == nil {
			return nil, fmt.Errorf("reading an archive of requests: %w", err)
		}
		joined.Log.Browser = one.Log.Browser
		joined.Log.Pages = append(joined.Log.Pages, one.Log.Pages...)
		joined.Log.Entries = append(joined.Log.Entries, one.Log.Entries...)
	}
	return json.MarshalIndent(joined, "", " ")
}
