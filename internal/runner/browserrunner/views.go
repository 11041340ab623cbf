package browserrunner

import (
	"context"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"github.com/probefleet/probefleet/internal/check"
)

// viewTimeout bounds the attachment to a page or iframe that appears.
const viewTimeout = 10 * time.Second

// view is what one session shows: a page, or an iframe that has a process of
// its own. Guarded by tab.mu.
type view struct {
	session session
	id      target.ID
	page    bool
	root    *frame
	// ready is set once its tree of frames is known.
	ready bool
	// watched is set where watch.js runs in every new document.
	watched bool
}

// attachRelated asks for sessions of what belongs to s, as it comes: iframes
// that have a process of their own, and workers. Each waits until it is let go
// on, so that nothing of it is missed.
func attachRelated(ctx context.Context, s session) *pending[cdp.Empty] {
	return send(ctx, s, target.SetAutoAttach, target.SetAutoAttachParams{
		AutoAttach: true, WaitForDebuggerOnStart: true, Flatten: ptr(true), Filter: target.Filter{{Type: "iframe"}, {Type: "worker"}},
	})
}

// letGo lets what a session is attached to go on.
func letGo(ctx context.Context, s session) {
	send(ctx, s, runtime.RunIfWaitingForDebugger, cdp.Empty{})
}

// viewsLocked takes the events that tell of iframes in processes of their own.
func (t *tab) viewsLocked(m *cdproto.Message) bool {
	switch m.Method {
	case cdproto.EventTargetAttachedToTarget:
		e, ok := decode[target.EventAttachedToTarget](m)
		if !ok || e.TargetInfo == nil {
			return false
		}
		if e.TargetInfo.Type == "worker" {
			t.overhear(session{conn: t.browser.conn, id: e.SessionID})
		}
		if e.TargetInfo.Type != "iframe" {
			return true
		}
		v := &view{session: session{conn: t.browser.conn, id: e.SessionID}, id: e.TargetInfo.TargetID}
		parent := e.TargetInfo.ParentFrameID
		v.root = t.frameAt(v, cdp.FrameID(v.id), parent)
		v.root.view, v.root.world, v.root.main = v, 0, 0
		t.admitLocked(v)
	case cdproto.EventTargetDetachedFromTarget:
		e, ok := decode[target.EventDetachedFromTarget](m)
		if !ok {
			return false
		}
		for id, v := range t.views {
			if v.session.id == e.SessionID {
				t.leaveLocked(id)
			}
		}
	default:
		return false
	}
	return true
}

// popup takes a page that a page of the run has opened.
func (t *tab) popup(id target.ID) {
	go func() {
		ctx, cancel := context.WithTimeout(t.ctx, viewTimeout)
		defer cancel()
		attached, err := call(ctx, t.browser.root(), target.AttachToTarget, target.AttachToTargetParams{TargetID: id, Flatten: ptr(true)})
		if err != nil {
			return // it is closed already
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		v := &view{session: session{conn: t.browser.conn, id: attached.SessionID}, id: id, page: true}
		v.root = t.frameAt(v, cdp.FrameID(id), "")
		t.admitLocked(v)
	}()
}

// admitLocked listens to a new view.
func (t *tab) admitLocked(v *view) {
	t.views[v.id] = v
	v.session.listen(func(m *cdproto.Message) { t.handle(v, m) })
	settings := t.settings
	go func() {
		ctx, cancel := context.WithTimeout(t.ctx, viewTimeout)
		defer cancel()
		if !t.attend(ctx, v, settings) {
			return // it is gone already
		}
		before := t.journeys()
		got, err := call(ctx, v.session, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return
		}
		ready, err := call(ctx, v.session, runtime.Evaluate, runtime.EvaluateParams{Expression: "document.readyState"})
		t.mu.Lock()
		t.growLocked(v, got.FrameTree, "", before)
		t.mu.Unlock()
		t.watchNow(ctx, v)
		t.mu.Lock()
		defer t.mu.Unlock()
		if err == nil && ready.Result != nil && string(ready.Result.Value) == `"complete"` {
			v.root.loaded = true
		}
		v.ready = true
		t.changedLocked()
	}()
}

// attend makes a view tell what happens in it, with the settings of the flow,
// and lets it go on. It reports whether the view is still there.
func (t *tab) attend(ctx context.Context, v *view, settings []*check.Page) bool {
	defer letGo(ctx, v.session)
	for _, p := range append(watchDocuments(ctx, v.session),
		send(ctx, v.session, page.Enable, page.EnableParams{}),
		send(ctx, v.session, runtime.Enable, cdp.Empty{}),
		send(ctx, v.session, log.Enable, cdp.Empty{}),
		attachRelated(ctx, v.session),
		watchTraffic(ctx, v.session),
	) {
		if p.done(ctx) != nil {
			return false
		}
	}
	t.mu.Lock()
	v.watched = true
	t.mu.Unlock()
	for _, s := range settings {
		if t.apply(ctx, v, s) != nil {
			return false
		}
	}
	return true
}

// leaveLocked forgets a view. Its root stays where it is, for the process that
// takes it over; the frame itself goes by an event of its own.
func (t *tab) leaveLocked(id target.ID) {
	v := t.views[id]
	if v == nil {
		return
	}
	v.session.listen(nil)
	delete(t.views, id)
	for _, fr := range t.frames {
		if fr.view == v && fr.parent != nil && fr == v.root {
			fr.view, fr.world, fr.main = fr.parent.view, 0, 0
		}
	}
	if v.page {
		t.dropLocked(v.root)
	}
	t.changedLocked()
}

// gone is told of a target that has ended.
func (t *tab) gone(id target.ID) {
	if id == t.id {
		t.end(errPageClosed)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaveLocked(id)
}

// changedLocked wakes whoever waits for something of the tab.
func (t *tab) changedLocked() {
	close(t.changed)
	t.changed = make(chan struct{})
}
