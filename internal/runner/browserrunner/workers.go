package browserrunner

import (
	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/target"
)

// sharedWorkers are those that belong to no page alone, so that the browser
// itself tells of them.
var sharedWorkers = target.Filter{{Type: "shared_worker"}, {Type: "service_worker"}}

// overhear notes the requests of a worker, and of those that it makes, and lets
// it go on.
func (t *tab) overhear(s session) {
	s.listen(t.handleWorker)
	go func() {
		watchTraffic(t.ctx, s)
		attachRelated(t.ctx, s)
		letGo(t.ctx, s)
	}()
}

// handleWorker takes the events of a worker.
func (t *tab) handleWorker(m *cdproto.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.traffic.add(m)
	t.respondedLocked(m)
	if m.Method != cdproto.EventTargetAttachedToTarget {
		return
	}
	if e, ok := decode[target.EventAttachedToTarget](m); ok {
		t.overhear(session{conn: t.browser.conn, id: e.SessionID})
	}
}

// worker gives a shared or service worker to the run in whose context it is.
func (b *chromium) worker(e target.EventAttachedToTarget) {
	s := session{conn: b.conn, id: e.SessionID}
	b.mu.Lock()
	var of *tab
	for _, t := range b.tabs {
		if t.context == e.TargetInfo.BrowserContextID {
			of = t
		}
	}
	b.mu.Unlock()
	if of != nil {
		of.overhear(s)
		return
	}
	// Its run has ended; it must not wait for ever.
	go letGo(b.life, s)
}
