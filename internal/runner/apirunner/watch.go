package apirunner

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// stage is what an attempt is busy with.
type stage int

const (
	preparing stage = iota
	resolving
	connecting
	shaking   // hands, by TLS
	waiting   // from the request's first byte to the answer's first
	receiving // the rest of the answer
)

// watch sums the time spent in each stage, over all hops. A stage that is cut
// short counts as far as it went. net/http calls its hooks from goroutines of
// its own, some of them after the attempt has ended.
type watch struct {
	mu      sync.Mutex
	start   time.Time
	since   time.Time
	now     stage
	stopped bool
	sum     jobs.Timings
	remote  net.Addr
	// limits bound stages by themselves; timer ends the present one.
	limits map[stage]time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// lateError is the cause with which a request ends whose phase took too long.
type lateError struct {
	phase string
	limit time.Duration
}

func (e *lateError) Error() string {
	return fmt.Sprintf("%s took longer than %s (timeouts.%s)", phases[e.phase], e.limit, e.phase)
}

// phases are the phases with a timeout, in words.
var phases = map[string]string{
	"dns": "resolving the name", "connect": "connecting", "tls": "the TLS handshake",
	"first_byte": "the first byte of the answer", "download": "the rest of the answer",
}

// limit bounds stages from now on; cancel is called with a *[lateError].
func (w *watch) limit(l check.Waits, cancel context.CancelCauseFunc) {
	if l == (check.Waits{}) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel = cancel
	w.limits = map[stage]time.Duration{resolving: l.DNS, connecting: l.Connect, shaking: l.TLS, waiting: l.FirstByte, receiving: l.Download}
}

var phaseOf = map[stage]string{resolving: "dns", connecting: "connect", shaking: "tls", waiting: "first_byte", receiving: "download"}

// arm starts the clock of a stage that has begun.
func (w *watch) arm() {
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	if limit := w.limits[w.now]; limit > 0 {
		cancel, late := w.cancel, &lateError{phaseOf[w.now], limit}
		w.timer = time.AfterFunc(limit, func() { cancel(late) })
	}
}

func newWatch() *watch {
	start := time.Now()
	return &watch{start: start, since: start}
}

// enter ends the present stage and begins another; nothing where it is the
// present one, as with the second of two parallel dials.
func (w *watch) enter(next stage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.now == next {
		return
	}
	now := time.Now()
	w.account(now)
	w.now, w.since = next, now
	w.arm()
}

func (w *watch) account(now time.Time) {
	spent := now.Sub(w.since)
	switch w.now {
	case resolving:
		w.sum.DNS += spent
	case connecting:
		w.sum.Connect += spent
	case shaking:
		w.sum.TLS += spent
	case waiting:
		w.sum.FirstByte += spent
	case receiving:
		w.sum.Download += spent
	}
}

// stop ends the present stage, which stays what [watch.at] reports.
func (w *watch) stop() jobs.Timings {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		now := time.Now()
		w.account(now)
		w.sum.Total = now.Sub(w.start)
		w.stopped, w.limits = true, nil
		w.arm()
	}
	return w.sum
}

func (w *watch) at() stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// connected notes the far end of the newest connection.
func (w *watch) connected(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.remote = c.RemoteAddr()
	}
}

// peer is the far end of the newest connection as text, or "".
func (w *watch) peer() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.remote == nil {
		return ""
	}
	return w.remote.String()
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { w.enter(resolving) },
		ConnectStart:         func(string, string) { w.enter(connecting) },
		GotConn:              func(i httptrace.GotConnInfo) { w.connected(i.Conn) },
		TLSHandshakeStart:    func() { w.enter(shaking) },
		GotFirstResponseByte: func() { w.enter(receiving) },
	}
}
