package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/network"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/template"
)

// minReserve is kept of the run's time so that the page can say what it found
// before the time is over.
const minReserve = 500 * time.Millisecond

// lastWords is kept of the run's deadline for what is done once the page was
// looked at for the last time.
const lastWords = 100 * time.Millisecond

// Run runs the flow of j's check in a browser context of its own, within ctx's
// deadline and the check's timeout, whichever ends first. What the target does
// is in the result, also where this worker has no browser or loses it. The
// error is the cause of ctx's cancellation, where that is not its deadline, or
// that the Runner is closed: then nothing is known.
func (r *Runner) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	spec, ok := j.Check.Spec.(*check.Browser)
	if !ok {
		return jobs.Result{}, fmt.Errorf("running check %q in a browser: it is of kind %q", j.Check.ID, j.Check.Kind())
	}
	if spec.Templates {
		values := template.From(ctx)
		filled, err := spec.Map(func(_, text string) (string, error) { return values.Fill(text) })
		if err != nil {
			res := jobs.ResultFor(j)
			res.Excuse(jobs.FaultInternal, "the check's steps cannot be filled in: "+err.Error())
			return res, nil
		}
		spec = filled
	}
	r.metrics.running.Inc()
	defer r.metrics.running.Dec()
	res, began := jobs.ResultFor(j), time.Now() // before a browser is waited for

	b, err := r.browsers.acquire(ctx)
	if err != nil {
		return r.unready(ctx, res, err)
	}
	res.Worker.Browser = b.product
	t, err := b.take(ctx, int64(spec.Width), int64(spec.Height))
	if err != nil {
		if ctx.Err() == nil && b.conn.alive() {
			r.browsers.retire(b) // it lives but does not do its work
		}
		if over := b.outOfMemory(began, r.browsers.memory); over != "" {
			err = errors.New(over)
		}
		r.dispose(ctx, b, t)
		return r.unready(ctx, res, err)
	}

	if b.film {
		startFilm(ctx, t.session) // the first picture is its answer
	}
	f := newFlow(ctx, r, t, j.Check)
	f.waited = f.began.Sub(began)
	f.scrub.redact = template.From(ctx).Hidden().Hide
	err = f.run(&res, spec)
	r.browsers.prepare(ctx, b, int64(spec.Width), int64(spec.Height))
	f.gather(ctx, &res, err)
	r.dispose(ctx, b, t)
	if err != nil {
		if err := f.blame(ctx, &res, err); err != nil {
			return jobs.Result{}, err
		}
	}
	if res.Outcome == "" {
		f.judge(&res, spec)
	}
	res.Conclude()
	f.keepMore(&res)
	res.Evidence.Artifacts = r.store(ctx, j, f.pictures)
	return res, nil
}

// unready is the end of a run that never had a page.
func (r *Runner) unready(ctx context.Context, res jobs.Result, err error) (jobs.Result, error) {
	if stopped := r.stopped(ctx); stopped != nil {
		return jobs.Result{}, stopped
	}
	unusable := new(unusableError)
	switch {
	case errors.As(err, &unusable):
		res.Excuse(jobs.FaultNoBrowser, unusable.reason)
	case ctx.Err() != nil:
		res.Excuse(jobs.FaultBrowser, "the browser was not ready before the check's time was over: this worker is overloaded, give it fewer slots")
	default:
		res.Excuse(jobs.FaultBrowser, "the browser was not ready: "+err.Error())
	}
	return res, nil
}

// stopped is the error of a run that was cut off from above: nil where it was
// not, or only by its deadline.
func (r *Runner) stopped(ctx context.Context) error {
	if r.browsers.isClosed() {
		return errClosed
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("browser check stopped: %w", context.Cause(ctx))
	}
	return nil
}

// dispose closes the tab and gives the browser back, beside the run's path.
func (r *Runner) dispose(ctx context.Context, b *chromium, t *tab) {
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer r.browsers.release(b)
		if t == nil {
			return
		}
		if err := t.close(ctx); err != nil && b.conn.alive() {
			r.log.Warn("browser context not closed; the browser will be replaced", "err", err)
			r.browsers.retire(b)
		}
	}()
}

// flow is one run under way.
type flow struct {
	runner  *Runner
	tab     *tab
	ctx     context.Context
	cancel  context.CancelFunc
	began   time.Time
	end     time.Time // when steps give up
	timeout time.Duration
	took    time.Duration
	failed  string        // the name of the step that did not succeed
	waited  time.Duration // until the browser was ready
	scrub   scrubber
	// seen and exchanges are known once the flow has ended.
	seen      *jobs.Visit
	exchanges []*exchange
	pictures  []picture
	pictured  bool  // by the last step
	held      int64 // the keys that are held, as of modifiers
	// errorPages are let pass: the check expects something of its own.
	errorPages bool
}

func newFlow(ctx context.Context, r *Runner, t *tab, c check.Check) *flow {
	f := &flow{runner: r, tab: t, began: time.Now(), timeout: c.Timeout, errorPages: expects(c)}
	over := f.began.Add(c.Timeout)
	if c.Timeout <= 0 {
		over = f.began.Add(check.MaxTimeout)
	}
	if d, ok := ctx.Deadline(); ok && d.Before(over) {
		over = d
	}
	f.end = over.Add(-min(minReserve, over.Sub(f.began)/10))
	if c.Timeout <= 0 {
		f.timeout = over.Sub(f.began)
	}
	f.ctx, f.cancel = context.WithDeadlineCause(t.ctx, over, errCheckTime)
	return f
}

// expects reports whether a check says itself what it expects to see. One that
// does not must not pass on an error page.
func expects(c check.Check) bool {
	b, ok := c.Spec.(*check.Browser)
	return ok && (len(b.Expect) > 0 || slices.ContainsFunc(b.Steps, func(s check.Step) bool {
		return strings.HasPrefix(string(s.Action), "expect_")
	}))
}

// run runs the steps up to the first that does not succeed, and those that run
// always; errors as of stepRun.run.
func (f *flow) run(res *jobs.Result, spec *check.Browser) error {
	defer f.cancel()
	failure := f.prepare(spec)
	for _, s := range spec.Steps {
		if failure != nil && !s.Always {
			continue
		}
		st := f.newStep(s)
		err := st.run(f.ctx)
		f.took = time.Since(f.began)
		// The end needs no second picture of the same.
		f.pictured = err == nil && s.Action == check.ActionScreenshot
		sr := st.result(err)
		res.Steps = append(res.Steps, sr)
		if err != nil && failure == nil && !sr.Optional {
			failure, f.failed = err, sr.Name
		}
	}
	return failure
}

// prepare makes the page ready for the flow.
func (f *flow) prepare(spec *check.Browser) error {
	if wantsResponses(spec.Steps) {
		f.tab.mu.Lock()
		f.tab.wantsResponses = true
		f.tab.mu.Unlock()
		if _, err := call(f.ctx, f.tab.session, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
	}
	if spec.Page == nil {
		return nil
	}
	f.failed = "page settings"
	return f.tab.set(f.ctx, spec.Page)
}

// result is what is said of a step that ended with err.
func (s *stepRun) result(err error) jobs.StepResult {
	sr := jobs.StepResult{
		Name: s.name(s.step), Action: s.step.Action, Duration: time.Since(s.began), OK: err == nil,
		At: s.began.Sub(s.flow.began), Element: s.scrub.text(s.took.Element),
	}
	if any := s.step.Any(); s.took.OK && s.took.Path < len(any) {
		sr.Selector = s.scrub.text(strings.Join(any[s.took.Path], " ⟩ "))
	}
	if err == nil {
		return sr
	}
	sr.Error, sr.Instead = err.Error(), s.instead
	// Only what the target did may be left out of account.
	step := new(stepError)
	sr.Optional = s.step.Optional && errors.As(err, &step) && !step.ours
	return sr
}

// name is the step's, with the status where a document was answered with an
// error.
func (f *flow) name(s check.Step) string {
	name := s.String()
	if s.Action == check.ActionOpen {
		if status := f.status(f.tab.at()); status != 0 {
			name += " (answered " + statusWords(status) + ")"
		}
	}
	return f.scrub.text(shorten(name, 500))
}

// gather fills in what was seen: page, console, and the last picture.
func (f *flow) gather(ctx context.Context, res *jobs.Result, failure error) {
	res.Timings.Total = f.took
	limit := f.runner.lookTime
	if d, ok := ctx.Deadline(); ok { // where the browser's start took much of the run's time
		limit = min(limit, max(time.Until(d)-lastWords, 2*lastWords))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if failure == nil {
		_ = f.tab.await(ctx, func() bool { return f.tab.loaded || len(f.tab.loaders) == 0 })
	}
	asked := f.ask(ctx, failure)
	if !errors.Is(failure, errPageCrashed) {
		name := "end"
		if failure != nil {
			name = "failure"
		}
		if f.runner.artifacts != nil && !f.pictured {
			if err := f.picture(ctx, name); err != nil {
				f.runner.log.Debug("no picture of the page", "err", err)
			}
		}
	}
	f.visit(ctx, asked)
	res.Evidence.Visit = f.seen
	if p, err := pageOf(asked.where.wait(ctx)); err == nil {
		res.Evidence.Page = &p
	}
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	res.Evidence.Console = f.tab.console.all()
	for i := range res.Evidence.Console {
		e := &res.Evidence.Console[i]
		e.Text = f.scrub.text(f.tab.browser.plainText(e.URL, e.Text))
		e.URL = f.scrub.text(e.URL)
	}
}

// judge asks what the check expects of the finished flow.
func (f *flow) judge(res *jobs.Result, spec *check.Browser) {
	seen := assert.Browser{Time: assert.Times{Total: f.took}}
	if p := res.Evidence.Page; p != nil {
		seen.URL, seen.Title = p.URL, p.Title
	}
	f.tab.mu.Lock()
	seen.ConsoleErrors = f.tab.console.errors
	f.tab.mu.Unlock()
	f.measured(&seen, res.Steps)
	res.Verdicts = assert.Judge(check.KindBrowser, spec.Expect, spec.Degraded, seen)
	for i := range res.Verdicts {
		res.Verdicts[i].Message = f.scrub.text(res.Verdicts[i].Message)
	}
	if p := res.Evidence.Page; p != nil {
		p.URL, p.Title = f.scrub.text(p.URL), f.scrub.text(p.Title)
	}
}

// blame sets the outcome of a flow that did not reach its end. It returns an
// error where the run was cut off from above.
func (f *flow) blame(ctx context.Context, res *jobs.Result, failure error) error {
	if p := res.Evidence.Page; p != nil {
		p.URL, p.Title = f.scrub.text(p.URL), f.scrub.text(p.Title)
	}
	if stopped := f.runner.stopped(ctx); stopped != nil {
		return stopped
	}
	say := func(what string) string { return f.failed + ": " + what }
	step := new(stepError)
	switch {
	case errors.Is(failure, errLost) || !f.tab.browser.conn.alive():
		what := "the browser went away"
		if over := f.tab.browser.outOfMemory(f.began, f.runner.browsers.memory); over != "" {
			what = "the browser was ended: " + over
		}
		res.Excuse(jobs.FaultBrowser, say(what))
	case errors.Is(failure, errPageCrashed):
		f.blameCrash(ctx, res, say)
	case errors.Is(failure, errPageClosed):
		res.Fail(jobs.FaultPage, say("the page closed itself"))
	case errors.As(failure, &step) && step.ours:
		res.Excuse(step.class, say(step.message))
	case errors.As(failure, &step) && step.class == jobs.FaultTimeout && f.shortchanged(ctx):
		res.Excuse(jobs.FaultBrowser, say(fmt.Sprintf("only %s of the check's %s were left once the browser was ready", brief(f.took), brief(f.timeout))))
	case errors.As(failure, &step):
		res.Fail(step.class, say(step.message))
	default:
		res.Excuse(jobs.FaultBrowser, say("the browser did not do as told: "+failure.Error()))
	}
	return nil
}

// shortchanged reports whether the run's deadline left the flow less than the
// check's timeout, by more than a tenth: the browser's start took the rest.
func (f *flow) shortchanged(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ok && d.Sub(f.began) < f.timeout-f.timeout/10
}

// blameCrash says how the renderer ended. No page can end it by what it is
// allowed to do: a crash is a defect of the browser, and a limit of memory is
// this worker's, where a visitor's machine may have more. So the run says
// nothing about the target and is made again elsewhere.
func (f *flow) blameCrash(ctx context.Context, res *jobs.Result, say func(string) string) {
	f.runner.metrics.crashes.WithLabelValues("renderer").Inc()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// The cause comes by another way than the crash itself.
	_ = f.tab.await(ctx, func() bool { return f.tab.crash != "" })
	f.tab.mu.Lock()
	crash := f.tab.crash
	f.tab.mu.Unlock()
	over := f.tab.browser.outOfMemory(f.began, f.runner.browsers.memory)
	switch {
	case over != "":
		res.Excuse(jobs.FaultBrowser, say("the page was ended: "+over))
	case crash == "oom":
		res.Excuse(jobs.FaultBrowser, say("the page's renderer ran out of memory"))
	case crash == "killed":
		res.Excuse(jobs.FaultBrowser, say("the page's renderer was killed from outside: this worker may be short of memory"))
	case crash == "":
		res.Excuse(jobs.FaultBrowser, say("the page's renderer ended"))
	default:
		res.Excuse(jobs.FaultBrowser, say("the page's renderer ended ("+crash+")"))
	}
}
