package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/probefleet/probefleet/internal/egress/socks"
)

const (
	// startTimeout bounds the start of a browser on a busy machine.
	startTimeout = 30 * time.Second
	// closeGrace is the time that a browser has to end by itself.
	closeGrace = 2 * time.Second
)

// chromium is one running browser, from its start to the removal of its
// profile.
type chromium struct {
	proc    *process
	conn    *conn
	profile *profile
	gate    *socks.Server // the way out
	product string        // "HeadlessChrome/156.0.8078.79"

	// stop is closed by the supervisor where the browser is to end.
	stop chan struct{}
	// life is for what is said to the browser on nobody's behalf.
	life context.Context
	// film makes every tab keep a film strip.
	film bool
	// Guarded by the supervisor.
	users, runs int
	retired     bool
	stopping    bool

	mu      sync.Mutex
	tabs    map[target.ID]*tab
	spare   *spare // nil where there is none
	overrun overrun
}

// headlessShell reports whether the browser is the one that has no windows on
// any screen.
func (b *chromium) headlessShell() bool { return strings.HasPrefix(b.product, "HeadlessChrome/") }

// root is the session that speaks to the browser itself.
func (b *chromium) root() session { return session{conn: b.conn} }

// launchAt starts the browser at path in a new profile, with a way out of its own.
func (s *supervisor) launchAt(ctx context.Context, path string) (_ *chromium, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := newProfile(s.dir, s.account)
	if err != nil {
		return nil, err
	}
	gate, err := openGate(ctx, s.control)
	if err != nil {
		return nil, errors.Join(err, p.remove())
	}
	more := gateFlags(gate)
	if s.unguarded {
		more = nil
	}
	proc, err := startProcess(ctx, path, p, s.account, more...)
	if err != nil {
		return nil, errors.Join(err, gate.Close(), p.remove())
	}
	var pipe chromedp.Transport = proc.pipe
	if s.wire != nil {
		pipe = s.wire(pipe)
	}
	b := &chromium{
		proc: proc, conn: dial(ctx, pipe), profile: p, gate: gate, film: s.film,
		stop: make(chan struct{}), life: context.WithoutCancel(ctx),
		tabs: make(map[target.ID]*tab),
	}
	if err := b.greet(ctx); err != nil {
		proc.end(0)
		_, _ = gate.Close(), p.remove()
		return nil, fmt.Errorf("starting %s: %w%s", path, err, proc.output.hint())
	}
	return b, nil
}

func (b *chromium) greet(ctx context.Context) error {
	if err := b.profile.note(b.proc.pid); err != nil {
		return err
	}
	v, err := call(ctx, b.root(), browser.GetVersion, cdp.Empty{})
	if err != nil {
		return err
	}
	b.product = v.Product
	b.root().listen(b.handle)
	if _, err := call(ctx, b.root(), target.SetAutoAttach, target.SetAutoAttachParams{
		AutoAttach: true, WaitForDebuggerOnStart: true, Flatten: ptr(true), Filter: sharedWorkers,
	}); err != nil {
		return err
	}
	// Only so do crashes come with their cause.
	_, err = call(ctx, b.root(), target.SetDiscoverTargets, target.SetDiscoverTargetsParams{
		Discover: true,
		Filter:   target.Filter{{Type: "page"}},
	})
	return err
}

// handle takes the browser's own events.
func (b *chromium) handle(m *cdproto.Message) {
	switch m.Method {
	case cdproto.EventTargetTargetCrashed:
		if e, ok := decode[target.EventTargetCrashed](m); ok {
			if t := b.tab(e.TargetID); t != nil {
				t.crashed(e.Status)
			}
		}
	case cdproto.EventTargetTargetDestroyed:
		if e, ok := decode[target.EventTargetDestroyed](m); ok {
			b.mu.Lock()
			t := b.tabs[e.TargetID]
			delete(b.tabs, e.TargetID)
			b.mu.Unlock()
			if t != nil {
				t.gone(e.TargetID)
			}
		}
	case cdproto.EventTargetAttachedToTarget:
		e, ok := decode[target.EventAttachedToTarget](m)
		if ok && e.TargetInfo != nil && (e.TargetInfo.Type == "shared_worker" || e.TargetInfo.Type == "service_worker") {
			b.worker(e)
		}
	case cdproto.EventTargetTargetCreated:
		if e, ok := decode[target.EventTargetCreated](m); ok && e.TargetInfo != nil {
			b.opened(e.TargetInfo)
		}
	}
}

// opened gives a page to the run in whose context it was opened.
func (b *chromium) opened(info *target.Info) {
	b.mu.Lock()
	var of *tab
	for _, t := range b.tabs {
		if t.context == info.BrowserContextID && t.id != info.TargetID {
			of = t
		}
	}
	if of != nil {
		b.tabs[info.TargetID] = of
	}
	b.mu.Unlock()
	if of != nil {
		of.popup(info.TargetID)
	}
}

func (b *chromium) tab(id target.ID) *tab {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tabs[id]
}

// shut ends the browser and removes its profile; gracefully where it was told
// to stop and still listens.
func (b *chromium) shut(ctx context.Context, grace time.Duration) error {
	if grace > 0 {
		ctx, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		// The answer may be lost in the end itself.
		_, _ = call(ctx, b.root(), browser.Close, cdp.Empty{})
	}
	b.proc.end(grace)
	return errors.Join(b.gate.Close(), b.profile.remove())
}
