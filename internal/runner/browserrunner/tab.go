package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Causes of a tab's end.
var (
	errPageCrashed = errors.New("the page's renderer ended")
	errPageClosed  = errors.New("the page closed itself")
)

const (
	// openTimeout bounds what the browser itself does for a run: making and
	// removing a context. One that takes longer is replaced.
	openTimeout = 15 * time.Second
)

// tab is one page in a browser context of its own: own cookies, storage and
// cache, gone with it.
type tab struct {
	browser *chromium
	session session
	context cdp.BrowserContextID
	id      target.ID

	// ctx ends with the run's, or by cancel when the page does. Both are
	// replaced once, by adopt.
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu sync.Mutex
	// changed is closed and replaced whenever something below changes.
	changed chan struct{}
	frame   cdp.FrameID // the main frame
	url     string      // of the main frame's document
	loaders map[cdp.LoaderID]bool
	loaded  bool // the newest document has fired load
	moving  bool // a navigation was asked for and neither came nor failed
	status  documentStatus
	crash   string // why the renderer ended, "" where it did not or nobody knows
	console console

	// top is the page itself; views has it and the pages that it opened, and
	// iframes in processes of their own.
	top    *view
	views  map[target.ID]*view
	frames map[cdp.FrameID]*frame
	// looked is the page that the last step was for.
	looked *view
	// settings are those of the flow so far, for views that come later.
	settings       []*check.Page
	rules          *rules
	dialogs        dialogs
	dragged        *input.DragData // what the browser is dragging
	wantsResponses bool
	responses      []response

	opened  time.Time
	traffic traffic
	vitals  []jobs.Vitals
	// vitalsOf is the document of the last vitals.
	vitalsOf float64
	film     film
}

func ptr[T any](v T) *T { return &v }

// openTab makes a context and a page of width × height in it. Errors are the
// browser's, errLost, or the cause of ctx's end.
func openTab(ctx context.Context, b *chromium, width, height int64) (*tab, error) {
	made, err := call(ctx, b.root(), target.CreateBrowserContext, target.CreateBrowserContextParams{DisposeOnDetach: ptr(true)})
	if err != nil {
		return nil, fmt.Errorf("making a browser context: %w", err)
	}
	t := &tab{
		browser: b,
		context: made.BrowserContextID,
		changed: make(chan struct{}),
		loaders: make(map[cdp.LoaderID]bool),
		views:   make(map[target.ID]*view),
		frames:  make(map[cdp.FrameID]*frame),
		opened:  time.Now(),
	}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	if err := t.attach(width, height); err != nil {
		return t, fmt.Errorf("opening a page: %w", err)
	}
	return t, nil
}

// adopt makes ctx the tab's: it was made for nobody yet. It reports whether
// the page is still there.
func (t *tab) adopt(ctx context.Context) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return false
	}
	t.cancel(nil)
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	return true
}

func (t *tab) attach(width, height int64) error {
	downloads := send(t.ctx, t.browser.root(), browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior:         browser.SetDownloadBehaviorBehaviorDeny,
		BrowserContextID: t.context,
	})
	// A window of its own keeps the page visible, so that it draws frames.
	created, err := call(t.ctx, t.browser.root(), target.CreateTarget, target.CreateTargetParams{
		URL: "about:blank", BrowserContextID: t.context, NewWindow: ptr(true), Width: width, Height: height,
	})
	if err != nil {
		return err
	}
	t.id, t.frame = created.TargetID, cdp.FrameID(created.TargetID)
	t.browser.mu.Lock()
	t.browser.tabs[t.id] = t
	t.browser.mu.Unlock()
	attached, err := call(t.ctx, t.browser.root(), target.AttachToTarget, target.AttachToTargetParams{TargetID: t.id, Flatten: ptr(true)})
	if err != nil {
		return err
	}
	t.session = session{conn: t.browser.conn, id: attached.SessionID}
	t.top = &view{session: t.session, id: t.id, page: true, ready: true, watched: true}
	t.top.root = &frame{id: t.frame, view: t.top}
	t.views[t.id], t.frames[t.frame] = t.top, t.top.root
	t.session.listen(func(m *cdproto.Message) { t.handle(t.top, m) })

	// All at once: the answers are awaited together.
	all := append(watchDocuments(t.ctx, t.session),
		downloads,
		send(t.ctx, t.session, inspector.Enable, cdp.Empty{}),
		send(t.ctx, t.session, page.Enable, page.EnableParams{}),
		send(t.ctx, t.session, runtime.Enable, cdp.Empty{}),
		send(t.ctx, t.session, log.Enable, cdp.Empty{}),
		attachRelated(t.ctx, t.session),
		watchTraffic(t.ctx, t.session),
	)
	if !t.browser.headlessShell() {
		// Its windows have borders, within which the page is smaller.
		all = append(all, send(t.ctx, t.session, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 1,
		}))
	}
	for _, p := range all {
		if err := p.done(t.ctx); err != nil {
			return err
		}
	}
	return nil
}

// look notes that a step is for a frame, and shown is the page of the last
// one, or the run's own where that is closed.
func (t *tab) look(fr *frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for fr.parent != nil {
		fr = fr.parent
	}
	t.looked = fr.view
}

func (t *tab) shown() *view {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := t.looked; v != nil && t.views[v.id] == v {
		return v
	}
	return t.top
}

// at is the URL of the document.
func (t *tab) at() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.url
}

// end ends everything that waits for the page.
func (t *tab) end(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel(cause)
}

// close gives up the context with all that is in it. It reports whether the
// browser did so in time.
func (t *tab) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	_, err := t.discard(ctx).wait(ctx)
	return err
}

// discard is close for one who does not wait for the answer.
func (t *tab) discard(ctx context.Context) *pending[cdp.Empty] {
	t.browser.mu.Lock()
	maps.DeleteFunc(t.browser.tabs, func(_ target.ID, of *tab) bool { return of == t })
	t.browser.mu.Unlock()
	t.mu.Lock()
	for _, v := range t.views {
		v.session.listen(nil)
	}
	t.mu.Unlock()
	t.end(errPageClosed)
	return send(ctx, t.browser.root(), target.DisposeBrowserContext, target.DisposeBrowserContextParams{BrowserContextID: t.context})
}

// handle takes the events of a view.
func (t *tab) handle(v *view, m *cdproto.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.traffic.add(m)
	switch m.Method {
	case cdproto.EventRuntimeBindingCalled:
		if v == t.top {
			t.leftLocked(m)
		}
		return
	case cdproto.EventPageScreencastFrame:
		t.filmLocked(m)
		return
	case cdproto.EventRuntimeConsoleAPICalled, cdproto.EventRuntimeExceptionThrown, cdproto.EventLogEntryAdded:
		t.console.add(m, &t.status)
		return
	case cdproto.EventInspectorTargetCrashed:
		t.cancel(errPageCrashed)
	case cdproto.EventPageJavascriptDialogOpening:
		if e, ok := decode[page.EventJavascriptDialogOpening](m); ok {
			t.dialogLocked(v, e)
		}
	case cdproto.EventInputDragIntercepted:
		if e, ok := decode[input.EventDragIntercepted](m); ok {
			t.dragged = e.Data
		}
	default:
		told := t.framesLocked(v, m) || t.viewsLocked(m) || t.requestsLocked(v, m)
		if v == t.top && t.navigatedLocked(m) {
			told = true
		}
		if !told {
			return
		}
	}
	t.changedLocked()
}

// navigatedLocked takes the events that tell where the main frame goes.
func (t *tab) navigatedLocked(m *cdproto.Message) bool {
	switch m.Method {
	case cdproto.EventPageLoadEventFired:
		t.loaded = true
	case cdproto.EventPageFrameNavigated:
		e, ok := decode[page.EventFrameNavigated](m)
		if !ok || e.Frame.ParentID != "" {
			return false
		}
		t.frame, t.loaded, t.moving = e.Frame.ID, false, false
		t.loaders[e.Frame.LoaderID] = true
		t.url = e.Frame.URL
	case cdproto.EventPageFrameRequestedNavigation:
		e, ok := decode[page.EventFrameRequestedNavigation](m)
		if !ok || e.FrameID != t.frame || e.Disposition != page.ClientNavigationDispositionCurrentTab {
			return false
		}
		t.moving = true
	case cdproto.EventPageFrameStartedNavigating:
		e, ok := decode[page.EventFrameStartedNavigating](m)
		if !ok || e.FrameID != t.frame {
			return false
		}
		t.moving = e.NavigationType != page.FrameStartedNavigatingNavigationTypeSameDocument &&
			e.NavigationType != page.FrameStartedNavigatingNavigationTypeHistorySameDocument
	case cdproto.EventPageNavigatedWithinDocument:
		e, ok := decode[page.EventNavigatedWithinDocument](m)
		if !ok || e.FrameID != t.frame {
			return false
		}
		t.moving = false
	case cdproto.EventPageFrameStoppedLoading:
		e, ok := decode[page.EventFrameStoppedLoading](m)
		if !ok || e.FrameID != t.frame {
			return false
		}
		t.moving = false
	default:
		return false
	}
	return true
}

// crashed notes why the renderer ended: "crashed", "killed", "oom"...
func (t *tab) crashed(status string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.crash = status
	t.changedLocked()
	t.cancel(errPageCrashed)
}

// await waits until ready holds. It is called with t.mu held, first at once.
// The error is errLost or the cause of ctx's end.
func (t *tab) await(ctx context.Context, ready func() bool) error {
	for {
		t.mu.Lock()
		if ready() {
			t.mu.Unlock()
			return nil
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-t.browser.conn.lost:
			return errLost
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
