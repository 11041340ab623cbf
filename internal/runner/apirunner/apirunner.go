// Package apirunner runs API checks: HTTP requests one after the other, each on
// fresh connections, redirects included, judged by the assertions of its step.
// It owns what is measured, what is kept as evidence and how a fault of the
// target is put into words. It refuses to reuse connections, to go through a
// proxy and to carry credentials to another origin.
package apirunner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// MaxHeader caps the bytes of an answer's header lines, and of any
// informational answers before it.
const MaxHeader = 64 << 10

// DefaultUserAgent is sent by a check that names none.
const DefaultUserAgent = "probefleet/1 (+https://github.com/probefleet/probefleet)"

// Options of a Runner. The zero value dials anything and trusts the system's
// certificate authorities.
type Options struct {
	// Control judges every address before it is dialled; its error fails the
	// run with class egress. See [net.Dialer.Control].
	Control func(network, address string, c syscall.RawConn) error
	// UserAgent replaces [DefaultUserAgent].
	UserAgent string
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// Resolver replaces the system's resolver.
	Resolver *net.Resolver
}

// Runner runs API checks. It is safe for concurrent use and needs no closing.
type Runner struct {
	transport *http.Transport
	userAgent string
}

// New makes a Runner.
func New(o Options) *Runner {
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	dialer := &net.Dialer{Resolver: o.Resolver, KeepAlive: -1, Control: cause.Guard(o.Control)}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &Runner{userAgent: o.UserAgent, transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			httptrace.ContextClientTrace(ctx).GotConn(httptrace.GotConnInfo{Conn: c})
			return newPatientConn(c), nil
		},
		Protocols:              protocols,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs},
		MaxIdleConnsPerHost:    -1, // close at the end of the body
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxHeader,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
			MaxReadFrameSize:              16 << 10,
		},
	}}
}

// errDeadline is the cause with which an attempt ends that outlasts its check.
var errDeadline = errors.New("the check's timeout has passed")

// Run makes one attempt within the check's timeout: step after step, up to the
// first that fails. Timings are sums over all steps and hops: each hop has its
// own connection. Where ctx ends before the attempt does, the error is its
// cause and there is no result.
func (r *Runner) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	res := jobs.ResultFor(j)
	spec, ok := j.Check.Spec.(*check.API)
	if !ok || len(spec.Steps) == 0 {
		res.Excuse(jobs.FaultInternal, fmt.Sprintf("a check of kind %q without a request came to the runner of API checks", j.Check.Kind()))
		return res, nil
	}
	timeout := j.Check.Timeout
	if timeout <= 0 {
		timeout = check.DefaultAPITimeout
	}
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errDeadline)
	defer cancel()

	known, cookies := secretsOf(spec), newCookies(spec)
	for i := range spec.Steps {
		a := newAttempt(r, &spec.Steps[i], known, cookies)
		err := a.run(limited)
		timings := a.watch.stop()
		if err != nil && ctx.Err() != nil {
			return jobs.Result{}, fmt.Errorf("running check %q: %w", j.Check.ID, context.Cause(ctx))
		}
		if err != nil && limited.Err() != nil {
			err = a.overdue(err, timeout)
		}
		res.Timings = sum(res.Timings, timings)
		res.Evidence.Response = a.evidence()
		step := a.step(&res, timings, err)
		if !spec.Single() {
			res.Steps = append(res.Steps, step)
		}
		if !step.OK {
			break
		}
	}
	res.Conclude()
	return res, nil
}

// step adds to the result what became of one step: a fault, or verdicts.
func (a *attempt) step(res *jobs.Result, t jobs.Timings, err error) jobs.StepResult {
	s := jobs.StepResult{Name: a.spec.ID, Duration: t.Total, Timings: t, OK: err == nil}
	if err != nil {
		s.Error = a.conclude(res, err)
		return s
	}
	verdicts := a.judge(t, time.Now())
	for i, v := range verdicts {
		verdicts[i].Step = a.spec.ID
		if !v.OK && !v.Degraded && s.OK {
			s.OK, s.Error = false, v.Message
		}
	}
	res.Verdicts = append(res.Verdicts, verdicts...)
	return s
}

// sum adds the timings of steps.
func sum(a, b jobs.Timings) jobs.Timings {
	return jobs.Timings{
		DNS: a.DNS + b.DNS, Connect: a.Connect + b.Connect, TLS: a.TLS + b.TLS,
		FirstByte: a.FirstByte + b.FirstByte, Download: a.Download + b.Download, Total: a.Total + b.Total,
	}
}

// judge hands what was seen to the assertions. A step that expects nothing
// at all expects an answer that is no error.
func (a *attempt) judge(t jobs.Timings, now time.Time) []jobs.Verdict {
	expect := a.spec.Expect
	if len(expect) == 0 {
		expect = []string{"status < 400"}
	}
	verdicts := assert.Judge(check.KindAPI, expect, a.spec.Degraded, a.observation(t, now))
	for i := range verdicts {
		verdicts[i].Message = a.secrets.hide(verdicts[i].Message)
	}
	return verdicts
}
