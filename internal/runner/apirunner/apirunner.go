// Package apirunner runs API checks: HTTP requests one after the other, each on
// fresh connections, redirects included, judged by the assertions of its step.
// It owns what is measured, what is kept as evidence and how a fault of the
// target is put into words. It refuses to reuse connections, to go through a
// proxy that the check does not name and to carry credentials to another
// origin.
package apirunner

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
	"github.com/probefleet/probefleet/internal/template"
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
	dialer    *net.Dialer
	control   func(network, address string, c syscall.RawConn) error
	rootCAs   *x509.CertPool
	transport *http.Transport
	userAgent string
	tokens    tokens
}

// New makes a Runner.
func New(o Options) *Runner {
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	control := cause.Guard(o.Control)
	r := &Runner{
		dialer:  &net.Dialer{Resolver: o.Resolver, KeepAlive: -1, Control: control},
		control: control, rootCAs: o.RootCAs, userAgent: o.UserAgent,
	}
	r.transport = r.newTransport("tcp")
	return r
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

	run := run{runner: r, spec: spec, values: template.From(ctx), cookies: newCookies(spec), timeout: timeout}
	for i := range spec.Steps {
		if res.Outcome != "" && !spec.Steps[i].Always {
			continue
		}
		if err := run.step(ctx, limited, i, &res); err != nil {
			return jobs.Result{}, fmt.Errorf("running check %q: %w", j.Check.ID, err)
		}
	}
	res.Conclude()
	if spec.ExpectFailure {
		turnRound(&res)
	}
	return res, nil
}

// run is one attempt at a check.
type run struct {
	runner  *Runner
	spec    *check.API
	values  *template.Values
	cookies cookies
	timeout time.Duration
}

// alwaysWait is what a step that is always run may take when the check's time
// is up. It is within what the worker grants beyond that.
const alwaysWait = 2 * time.Second

// step runs one step and adds to the result what became of it. The error is
// the cause with which ctx ended. A step that fails settles the result.
func (r *run) step(ctx, limited context.Context, i int, res *jobs.Result) error {
	spec := &r.spec.Steps[i]
	if spec.Always && limited.Err() != nil {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeoutCause(ctx, alwaysWait, errDeadline)
		defer cancel()
	}
	wanted := r.wanted(i)
	a := newAttempt(r.runner, spec, r.values.Hidden(), r.cookies, wanted)
	a.earlier = r.values.Steps
	var err error
	if a.request, err = filled(r.spec, i, r.values); err == nil {
		err = a.run(limited)
	}
	timings := a.watch.stop()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && limited.Err() != nil {
		err = a.overdue(err, r.timeout)
	}
	res.Timings = sum(res.Timings, timings)
	if res.Outcome == "" {
		res.Evidence.Response = a.evidence()
	}
	done := a.step(res, timings, err)
	if !r.spec.Single() {
		res.Steps = append(res.Steps, done)
	}
	if err == nil && wanted {
		r.values.Saw(spec.ID, a.forLater(timings, time.Now()))
	}
	if !done.OK {
		res.Conclude()
	}
	return nil
}

// wanted reports whether a later step may look at what step i sees.
func (r *run) wanted(i int) bool {
	id := "steps." + r.spec.Steps[i].ID
	for _, s := range r.spec.Steps[i+1:] {
		for _, lines := range [][]string{s.Expect, s.Degraded} {
			if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, id) }) {
				return true
			}
		}
	}
	return r.spec.Templates && i+1 < len(r.spec.Steps)
}

// turnRound is the verdict of a check that is expected to fail. What says
// nothing about the target, and what the location forbids, stays as it is.
func turnRound(res *jobs.Result) {
	switch {
	case res.Outcome == jobs.Failed && res.Fault.Class != jobs.FaultEgress:
		res.Outcome, res.Fault = jobs.Passed, nil
	case res.Outcome == jobs.Passed, res.Outcome == jobs.Degraded:
		res.Fail(jobs.FaultAssertion, "the check is expected to fail, and everything held")
	}
}

// step adds to the result what became of one step: a fault, or verdicts.
func (a *attempt) step(res *jobs.Result, t jobs.Timings, err error) jobs.StepResult {
	s := jobs.StepResult{Name: a.spec.ID, Duration: t.Total, Timings: t, OK: err == nil}
	if err != nil {
		s.Error = a.conclude(res, err)
		return s
	}
	verdicts := append(a.warnings(), a.judge(t, time.Now())...)
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

// warnings are verdicts that hold, with words all the same.
func (a *attempt) warnings() []jobs.Verdict {
	if a.request.TLS == nil || !a.request.TLS.SkipVerify || a.answer.TLS == nil {
		return nil
	}
	return []jobs.Verdict{{
		Expr: "tls.skip_verify", OK: true,
		Message: "warning: the certificate was not verified; whoever answered, this check would not notice",
	}}
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
		verdicts[i].Message = a.hidden.Hide(verdicts[i].Message)
	}
	return verdicts
}
