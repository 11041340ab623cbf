package browserrunner

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// maxTraffic is the number of a run's network events that are kept, and
	// maxTrafficBytes what they may take.
	maxTraffic      = 20_000
	maxTrafficBytes = 16 << 20
	// maxLog is the number of requests that a result lists.
	maxLog = 40
)

// traffic keeps the network events of a run as they came: most runs need no
// more of them than a few sums at the end, and reading each while the page
// waits for us would slow it down.
type traffic struct {
	events []*cdproto.Message
	bytes  int
	// lost is set where there were more than are kept.
	lost bool
}

// networkEvents are those that are kept.
var networkEvents = map[cdproto.MethodType]bool{
	cdproto.EventNetworkRequestWillBeSent:      true,
	cdproto.EventNetworkResponseReceived:       true,
	cdproto.EventNetworkLoadingFinished:        true,
	cdproto.EventNetworkLoadingFailed:          true,
	cdproto.EventNetworkRequestServedFromCache: true,
	cdproto.EventNetworkWebSocketCreated:       true,
}

// watchTraffic asks for the network events of a session. No bodies are kept in
// the browser for us.
func watchTraffic(ctx context.Context, s session) *pending[cdp.Empty] {
	return send(ctx, s, network.Enable, network.EnableParams{
		MaxTotalBufferSize: ptr[int64](0), MaxResourceBufferSize: ptr[int64](0), MaxPostDataSize: ptr[int64](0),
	})
}

// add keeps m where it is an event of the network.
func (t *traffic) add(m *cdproto.Message) {
	if !networkEvents[m.Method] {
		return
	}
	if len(t.events) >= maxTraffic || t.bytes+len(m.Params) > maxTrafficBytes {
		t.lost = true
		return
	}
	t.events = append(t.events, m)
	t.bytes += len(m.Params)
}

// exchange is one request with what came of it.
type exchange struct {
	method, url, kind string
	sent              *network.Request
	answer            *network.Response // nil where there was none
	wall              time.Time         // when it was sent
	from, to          float64           // seconds of the browser's clock; to is 0 while it goes on
	bytes             int64
	err               string
	cancelled, cached bool
}

func (x *exchange) status() int {
	if x.answer == nil {
		return 0
	}
	return int(x.answer.Status)
}

func (x *exchange) took() time.Duration {
	if x.to <= x.from {
		return 0
	}
	return time.Duration((x.to - x.from) * float64(time.Second))
}

// failed reports whether the target did not answer as one hopes. What the
// page itself gave up is not the target's doing.
func (x *exchange) failed() bool { return x.err != "" && !x.cancelled || x.status() >= 400 }

// exchanges are the requests that the events tell of, in the order in which
// they were sent. Addresses that are no request (data:, blob:) and the
// favicon, which not every browser asks for, are left out.
func (t *traffic) exchanges() (all []*exchange) {
	open := exchangesByID{}
	for _, m := range t.events {
		switch m.Method {
		case cdproto.EventNetworkRequestWillBeSent:
			e, ok := decode[network.EventRequestWillBeSent](m)
			if !ok || e.Request == nil {
				continue
			}
			at := e.Timestamp.Float64()
			if was := open.of(m, e.RequestID); was != nil && e.RedirectResponse != nil {
				was.answer, was.to, was.bytes = e.RedirectResponse, at, int64(e.RedirectResponse.EncodedDataLength)
			}
			x := &exchange{method: e.Request.Method, url: e.Request.URL + e.Request.URLFragment, kind: string(e.Type), sent: e.Request, from: at}
			x.wall = time.UnixMicro(int64(float64(e.WallTime) * 1e6)).UTC()
			open.add(m, e.RequestID, x)
			if counts(x) {
				all = append(all, x)
			}
		case cdproto.EventNetworkWebSocketCreated:
			if e, ok := decode[network.EventWebSocketCreated](m); ok {
				all = append(all, &exchange{method: "GET", url: e.URL, kind: "WebSocket"})
			}
		default:
			t.answer(open, m)
		}
	}
	return all
}

// exchangesByID finds requests by session and number, and by their number
// alone: the script of a worker is asked for by its page and answered to the
// worker.
type exchangesByID map[string]*exchange

func (all exchangesByID) add(m *cdproto.Message, id network.RequestID, x *exchange) {
	all[string(m.SessionID)+" "+string(id)], all[string(id)] = x, x
}

func (all exchangesByID) of(m *cdproto.Message, id network.RequestID) *exchange {
	if x := all[string(m.SessionID)+" "+string(id)]; x != nil {
		return x
	}
	return all[string(id)]
}

// answer takes an event that tells what came of a request.
func (t *traffic) answer(open exchangesByID, m *cdproto.Message) {
	switch m.Method {
	case cdproto.EventNetworkResponseReceived:
		e, ok := decode[network.EventResponseReceived](m)
		if x := open.of(m, e.RequestID); ok && x != nil && e.Response != nil {
			x.answer, x.cached = e.Response, x.cached || e.Response.FromDiskCache || e.Response.FromPrefetchCache
		}
	case cdproto.EventNetworkRequestServedFromCache:
		e, ok := decode[network.EventRequestServedFromCache](m)
		if x := open.of(m, e.RequestID); ok && x != nil {
			x.cached = true
		}
	case cdproto.EventNetworkLoadingFinished:
		e, ok := decode[network.EventLoadingFinished](m)
		if x := open.of(m, e.RequestID); ok && x != nil {
			x.to, x.bytes = e.Timestamp.Float64(), int64(e.EncodedDataLength)
		}
	case cdproto.EventNetworkLoadingFailed:
		e, ok := decode[network.EventLoadingFailed](m)
		if x := open.of(m, e.RequestID); ok && x != nil {
			x.to, x.err, x.cancelled = e.Timestamp.Float64(), strings.TrimPrefix(e.ErrorText, "net::"), e.Canceled
		}
	}
}

func counts(x *exchange) bool {
	scheme, rest, _ := strings.Cut(x.url, ":")
	if scheme == "data" || scheme == "blob" || scheme == "about" {
		return false
	}
	return !strings.HasSuffix(rest, "/favicon.ico")
}

// sum fills in what a result says of the requests.
func (f *flow) sum(v *jobs.Visit, all []*exchange) {
	var log []*exchange
	for _, x := range all {
		v.Requests++
		v.Bytes += x.bytes
		if x.failed() {
			v.Failed++
		}
		log = append(log, x)
	}
	if len(log) > maxLog {
		slices.SortStableFunc(log, func(a, b *exchange) int {
			if a.failed() != b.failed() {
				if a.failed() {
					return -1
				}
				return 1
			}
			return cmp.Compare(b.took(), a.took())
		})
		log = log[:maxLog]
		slices.SortStableFunc(log, func(a, b *exchange) int { return a.wall.Compare(b.wall) })
	}
	for _, x := range log {
		r := jobs.Request{
			Method: x.method, URL: f.scrub.text(shorten(x.url, 500)), Type: x.kind, Status: x.status(),
			Duration: x.took(), Bytes: x.bytes,
		}
		if !x.wall.IsZero() {
			r.Start = max(0, x.wall.Sub(f.began))
		}
		if x.err != "" {
			r.Error = f.scrub.text(f.tab.browser.plainText(x.url, x.err))
		}
		v.Log = append(v.Log, r)
	}
}
