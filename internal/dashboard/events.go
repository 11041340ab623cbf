package dashboard

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// beat keeps event streams open through proxies, and tells open pages
	// how current they are.
	beat = 15 * time.Second
	// writeBudget bounds the writing of one event to one reader.
	writeBudget = 10 * time.Second
	// clientQueue is the number of events that a reader may lag behind.
	clientQueue = 8
)

var errFull = errors.New("too many event streams are open: the page still refreshes itself")

// hub hands events to the readers who listen.
type hub struct {
	max     int
	metrics *metrics
	mu      sync.Mutex
	closed  bool
	clients map[chan []byte]*site
}

func newHub(limit int, m *metrics) *hub {
	return &hub{max: limit, metrics: m, clients: make(map[chan []byte]*site)}
}

// join gives a channel of events of a site, which is closed where the reader is
// too slow or the hub closes.
func (h *hub) join(s *site) (chan []byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= h.max {
		h.metrics.clientsRefused.Inc()
		return nil, errFull
	}
	c := make(chan []byte, clientQueue)
	h.clients[c] = s
	h.metrics.clients.Set(float64(len(h.clients)))
	return c, nil
}

func (h *hub) leave(c chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(c)
}

// drop closes c once; h.mu is held.
func (h *hub) drop(c chan []byte) {
	if _, there := h.clients[c]; there {
		delete(h.clients, c)
		close(c)
		h.metrics.clients.Set(float64(len(h.clients)))
	}
}

// broadcast tells the readers of each site what news says of it: nothing where
// that is empty, and the end where it is nil. It never waits: who cannot take
// the event is dropped, and comes back by itself.
func (h *hub) broadcast(news func(*site) []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	said := map[string][]byte{}
	for c, s := range h.clients {
		e, known := said[s.key()]
		if !known {
			e = news(s)
			said[s.key()] = e
		}
		if e == nil {
			h.drop(c)
			continue
		}
		if len(e) == 0 {
			continue
		}
		select {
		case c <- e:
		default:
			h.metrics.clientsDropped.Inc()
			h.drop(c)
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.clients {
		h.drop(c)
	}
}

// events serves the stream: "hello" at once, "update" on each change, "beat"
// in between.
func (d *Dashboard) events(w http.ResponseWriter, r *http.Request) {
	v, f := d.visited(r), d.frameOf(r)
	if f == nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "there is nothing to tell yet: try again in a few seconds", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	c, err := d.hub.join(v.site)
	if err != nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer d.hub.leave(c)
	s := stream{w, http.NewResponseController(w)}
	if !s.send([]byte("retry: 3000\n")) || !s.send(event("hello", f.change())) {
		return
	}
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		var e []byte
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
			now := d.frame.Load()
			s := now.sites.same(v.site)
			if s == nil {
				return
			}
			e = event("beat", now.of(s).change())
		case next, open := <-c:
			if !open {
				return
			}
			e = next
		}
		if !s.send(e) {
			return
		}
	}
}

// stream writes events to one reader.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// send reports whether the reader took the event in time. The deadlines
// replace those of the server, which are meant for pages.
func (s stream) send(e []byte) bool {
	now := time.Now()
	for _, err := range []error{s.c.SetReadDeadline(time.Time{}), s.c.SetWriteDeadline(now.Add(writeBudget))} {
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return false
		}
	}
	if _, err := s.w.Write(e); err != nil {
		return false
	}
	return s.c.Flush() == nil
}
