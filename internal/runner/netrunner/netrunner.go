// Package netrunner runs the checks of the network: tcp, dns, tls, icmp, grpc
// and websocket, each attempt on a fresh connection, judged by the assertions of
// the check. It owns what is measured, what is kept as evidence and how a fault
// of the target is put into words. It refuses to reuse connections, to go
// through a proxy, and to dial what the egress policy forbids.
package netrunner

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/cause"
	"github.com/probefleet/probefleet/internal/template"
)

// Kinds are the checks that a [Runner] runs.
var Kinds = []check.Kind{check.KindTCP, check.KindDNS, check.KindTLS, check.KindICMP, check.KindGRPC, check.KindWebSocket}

// Options of a Runner. The zero value dials anything, trusts the system's
// certificate authorities and asks the system's resolver.
type Options struct {
	// Control judges every address before it is dialled or pinged; its error
	// fails the run with class egress. See [net.Dialer.Control]. The location's
	// own name servers are asked without it where a DNS check names none.
	Control func(network, address string, c syscall.RawConn) error
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// Resolver replaces the system's resolver.
	Resolver *net.Resolver
	// NameServers are host:port of the name servers that a DNS check asks
	// which names none; those of /etc/resolv.conf where it is nil.
	NameServers []string
	// UserAgent names us to servers of gRPC and WebSockets.
	UserAgent string
}

// Runner runs checks of the network. It is safe for concurrent use and needs
// no closing.
type Runner struct {
	o       Options
	control func(network, address string, c syscall.RawConn) error
}

// New makes a Runner.
func New(o Options) *Runner { return &Runner{o: o, control: cause.Guard(o.Control)} }

// Add enters r into all for every kind that it runs.
func (r *Runner) Add(all map[check.Kind]runner.Runner) {
	for _, k := range Kinds {
		all[k] = r
	}
}

// errDeadline is the cause with which an attempt ends that outlasts its check.
var errDeadline = errors.New("the check's timeout has passed")

// attempt is one run of one check.
type attempt struct {
	runner *Runner
	clock  *clock
	// target is what people call the far end: host:port, or a host.
	target string
	remote net.Addr
	gate   gate
	// dialled is why there is no connection, for libraries that lose it.
	dialled error
	seen    assert.Net
	kept    jobs.Response // the evidence
	hidden  *redact.Redactor
}

// Run makes one attempt within the check's timeout. Where ctx ends before the
// attempt does, the error is its cause and there is no result.
func (r *Runner) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	res := jobs.ResultFor(j)
	timeout := j.Check.Timeout
	if timeout <= 0 {
		timeout = check.DefaultAPITimeout
	}
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errDeadline)
	defer cancel()
	a := &attempt{runner: r, clock: newClock(), hidden: template.From(ctx).Hidden()}
	spec, err := filled(j.Check.Spec, template.From(ctx))
	var lines check.Lines
	if err == nil {
		lines, err = a.look(limited, spec)
	}
	res.Timings = a.clock.stop()
	if err != nil && ctx.Err() != nil {
		return jobs.Result{}, fmt.Errorf("running check %q: %w", j.Check.ID, context.Cause(ctx))
	}
	if err != nil && (limited.Err() != nil || errors.Is(err, context.DeadlineExceeded) || isTimeout(err)) {
		err = a.overdue(err, timeout)
	}
	a.finish(&res)
	a.conclude(&res, j.Check.Kind(), lines, err)
	return res, nil
}

// look does what the check asks for, and answers the lines by which it is
// judged.
func (a *attempt) look(ctx context.Context, spec check.Spec) (check.Lines, error) {
	switch s := spec.(type) {
	case *check.TCP:
		a.target = s.Address
		return or(s.Lines, "connected"), a.tcp(ctx, s)
	case *check.DNS:
		return or(s.Lines, "rcode == 'NOERROR' && len(answers) > 0"), a.dns(ctx, s)
	case *check.TLS:
		a.target = s.Address
		return or(s.Lines, "tls.days_left >= 0"), a.tls(ctx, s)
	case *check.ICMP:
		a.target = s.Host
		return or(s.Lines, "connected"), a.icmp(ctx, s)
	case *check.GRPC:
		a.target = s.Address
		return or(s.Lines, "status == 'SERVING'"), a.grpc(ctx, s)
	case *check.WebSocket:
		return or(s.Lines, "status == 101"), a.websocket(ctx, s)
	}
	return check.Lines{}, ours(fmt.Sprintf("a check of kind %q came to the runner of network checks", kindOf(spec)))
}

func kindOf(s check.Spec) check.Kind { return check.Check{Spec: s}.Kind() }

// or is what is expected where the check says nothing.
func or(l check.Lines, expected string) check.Lines {
	if len(l.Expect) == 0 {
		l.Expect = []string{expected}
	}
	return l
}

// finish takes over what was measured.
func (a *attempt) finish(res *jobs.Result) {
	t := res.Timings
	n := &a.seen.Time
	n.DNS, n.Connect, n.TLS, n.FirstByte, n.Total = t.DNS, t.Connect, t.TLS, t.FirstByte, t.Total
	if a.remote != nil {
		a.kept.RemoteAddr = a.remote.String()
		if host, _, err := net.SplitHostPort(a.kept.RemoteAddr); err == nil {
			a.seen.IP = host
		} else {
			a.seen.IP = a.kept.RemoteAddr
		}
	}
	if a.remote != nil || a.kept.TLS != nil || a.kept.Excerpt != "" || a.kept.Status != 0 {
		a.kept.Size = max(a.kept.Size, int64(len(a.seen.Body)))
		res.Evidence.Response = &a.kept
	}
}

// excerptCap is the number of bytes of what was received that are kept.
const excerptCap = 4 << 10

func excerpt(s string) string {
	if len(s) > excerptCap {
		s = s[:excerptCap]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// conclude judges what was seen, or says why there was nothing to see. That
// nothing answers may be what the check expects.
func (a *attempt) conclude(res *jobs.Result, kind check.Kind, lines check.Lines, err error) {
	if err != nil {
		f := a.explain(err)
		if !f.silence || !mentions(lines, "connected", "received", "loss") {
			f.write(res)
			return
		}
		res.Verdicts = assert.Judge(kind, lines.Expect, lines.Degraded, a.seen)
		for _, v := range res.Verdicts {
			if !v.OK && !v.Degraded {
				f.write(res)
				return
			}
		}
		res.Conclude()
		return
	}
	res.Verdicts = assert.Judge(kind, lines.Expect, lines.Degraded, a.seen)
	res.Conclude()
}

// mentions reports whether some assertion may look at one of the words.
func mentions(lines check.Lines, words ...string) bool {
	for _, l := range append(lines.Expect[:len(lines.Expect):len(lines.Expect)], lines.Degraded...) {
		for _, w := range words {
			if strings.Contains(l, w) {
				return true
			}
		}
	}
	return false
}

// days is the number of whole days from now to then, negative where then is
// past.
func days(then, now time.Time) int {
	d := then.Sub(now)
	n := int(d / (24 * time.Hour))
	if d < 0 && d%(24*time.Hour) != 0 {
		n--
	}
	return n
}
