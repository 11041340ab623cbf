package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Causes of the end of a step's context.
var (
	errStepTime  = errors.New("the step's time is over")
	errCheckTime = errors.New("the check's time is over")
)

// answerGrace is how much longer than its own patience we wait for the page
// to say what it found. It is long, as this machine may be the slow one.
const answerGrace = 2 * time.Second

// newStep is a step that is about to be run.
func (f *flow) newStep(s check.Step) *stepRun {
	limit := s.Timeout
	if limit == 0 && s.Action != check.ActionOpen {
		limit = check.DefaultStepTimeout
	}
	st := &stepRun{flow: f, step: s, began: time.Now(), end: f.end, cut: true}
	if limit > 0 && st.began.Add(limit).Before(st.end) {
		st.end, st.cut = st.began.Add(limit), false
	}
	return st
}

// stepRun is one step under way.
type stepRun struct {
	*flow
	step  check.Step
	began time.Time
	// end is when the step gives up; cut says that the check's timeout does
	// so, not the step's own.
	end time.Time
	cut bool
	// loading is set once the server has answered an open.
	loading bool
	// took is what the step found, and instead what it did not look for.
	took    found
	instead []string
}

// run runs the step. The error is a *stepError, or one that is not the step's:
// errLost, errPageCrashed, errPageClosed, errCheckTime, or the cause of the
// end of the run's context.
func (s *stepRun) run(ctx context.Context) error {
	ctx, cancel := context.WithDeadlineCause(ctx, s.end.Add(answerGrace), errStepTime)
	defer cancel()
	err := s.expectNavigation(ctx, s.do)
	if errors.Is(err, errStepTime) || errors.Is(err, errCheckTime) || errors.Is(err, context.DeadlineExceeded) {
		return s.late()
	}
	return err
}

func (s *stepRun) do(ctx context.Context) error {
	switch s.step.Action {
	case check.ActionOpen:
		return s.open(ctx)
	case check.ActionClick, check.ActionDoubleClick, check.ActionHover, check.ActionDrag:
		return s.mouse(ctx)
	case check.ActionFill, check.ActionSelect, check.ActionCheck, check.ActionUpload:
		return s.field(ctx)
	case check.ActionPress, check.ActionKeyDown, check.ActionKeyUp:
		return s.key(ctx)
	case check.ActionScroll:
		_, err := s.find(ctx, s.want(opScroll))
		return err
	case check.ActionDialog, check.ActionCookies, check.ActionStorage, check.ActionPage:
		return s.set(ctx)
	case check.ActionClose:
		return s.closePage(ctx)
	case check.ActionWait:
		return s.waitExpression(ctx)
	case check.ActionCustom:
		return nil
	case check.ActionScreenshot:
		s.waitLoaded(ctx)
		if _, err := s.spot(ctx); err != nil {
			return err
		}
		return s.picture(ctx, s.step.Value)
	}
	return s.expect(ctx)
}

// open navigates and waits for the document's load event.
func (s *stepRun) open(ctx context.Context) error {
	if !webAddress(s.step.Value) {
		return &stepError{class: jobs.FaultEgress, message: fmt.Sprintf("%q is not opened: only http and https addresses are", s.step.Value)}
	}
	if !s.onMain() {
		return s.openElsewhere(ctx)
	}
	nav, err := call(ctx, s.tab.session, page.Navigate, page.NavigateParams{URL: s.step.Value})
	if err != nil {
		return err
	}
	if nav.ErrorText != "" {
		e := s.tab.browser.netError(s.step.Value, nav.ErrorText)
		if status := s.status(s.step.Value); status != 0 {
			e.message += "; it answered " + statusWords(status)
		}
		return e
	}
	s.loading = true
	if nav.LoaderID == "" {
		return nil // within the same document
	}
	if err := s.tab.await(ctx, func() bool { return s.tab.loaders[nav.LoaderID] && s.tab.loaded }); err != nil {
		return err
	}
	if status := s.status(s.tab.at()); status != 0 && !s.errorPages {
		return &stepError{class: jobs.FaultProtocol, message: "the page answered " + statusWords(status) + "; a check of an error page says what it expects there"}
	}
	return nil
}

// openElsewhere navigates a page that is not the flow's first.
func (s *stepRun) openElsewhere(ctx context.Context) error {
	fr, err := s.spot(ctx)
	if err != nil {
		return err
	}
	s.tab.mu.Lock()
	before, session := fr.navigations, fr.view.session
	s.tab.mu.Unlock()
	nav, err := call(ctx, session, page.Navigate, page.NavigateParams{URL: s.step.Value, FrameID: fr.id})
	if err != nil {
		return err
	}
	if nav.ErrorText != "" {
		return s.tab.browser.netError(s.step.Value, nav.ErrorText)
	}
	s.loading = true
	return s.tab.await(ctx, func() bool { return fr.navigations > before && fr.loaded })
}

// closePage closes the page of a target.
func (s *stepRun) closePage(ctx context.Context) error {
	fr, err := s.spot(ctx)
	if err != nil {
		return err
	}
	s.tab.mu.Lock()
	v := fr.view
	s.tab.mu.Unlock()
	if v == s.tab.top {
		return &stepError{class: jobs.FaultStep, message: "the flow's own page is not closed: it is at the end"}
	}
	if _, err := call(ctx, v.session, page.Close, cdp.Empty{}); err != nil && !replaced(err) {
		return err
	}
	return s.tab.await(ctx, func() bool { return s.tab.views[v.id] == nil })
}

// want is what the script is to do to the step's element.
func (s *stepRun) want(op string) want {
	w := want{
		Op: op, Paths: paths(s.step.Any()), Recorded: s.step.Recorded, Strict: s.step.Strict,
		Exact: s.step.Exact, Nth: s.step.Nth, Text: s.step.Value,
		Hide: s.scrub.secret(s.step.Value),
	}
	if p := s.step.Point; p != nil {
		w.Point = &pointWant{p.X, p.Y}
	}
	return w
}

// find waits in the page for what the step wants.
func (s *stepRun) find(ctx context.Context, w want) (found, error) {
	f, err := s.tab.locate(ctx, s.spot, w, s.end)
	if err != nil {
		return f, err
	}
	if f.OK {
		s.took = f
		return f, nil
	}
	return f, s.failure(ctx, f)
}

// failure is the error of a step that found f.
func (s *stepRun) failure(ctx context.Context, f found) *stepError {
	for _, i := range f.Instead {
		s.instead = append(s.instead, s.scrub.error(i))
	}
	return s.because(ctx, s.scrub.error(f.reason(s.step)), f.Final)
}

// because is the error of a step that waited for nothing; final says that
// waiting would not have helped.
func (s *stepRun) because(ctx context.Context, message string, final bool) *stepError {
	e := &stepError{class: jobs.FaultStep, message: message}
	switch {
	case final:
	case s.cut:
		e.class = jobs.FaultTimeout
		e.message += fmt.Sprintf(" when the check's timeout of %s was over", brief(s.timeout))
	default:
		e.message += " after " + brief(s.end.Sub(s.began))
	}
	e.message += s.where(ctx)
	return e
}

// afterInput passes on what an input ended with, except that a page which was
// replaced by it took the input.
func (s *stepRun) afterInput(err error) error {
	if replaced(err) {
		return nil
	}
	return err
}

// settle lets the page act on an input and, where that makes it navigate,
// waits for the new document: the next step is meant for that. An answer that
// takes longer than this step may is left to the next one.
func (s *stepRun) settle(ctx context.Context) error {
	fr, err := s.spot(ctx)
	if errors.As(err, new(*stepError)) {
		return nil // the input closed it
	}
	if err != nil {
		return err
	}
	if _, err := s.tab.invoke(ctx, fr, runtime.CallFunctionOnParams{FunctionDeclaration: settleJS}); err != nil && !replaced(err) {
		return err
	}
	wait, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
	defer cancel()
	err = s.tab.await(wait, func() bool { return !s.tab.moving })
	if errors.Is(err, errStepTime) {
		return nil
	}
	return err
}

// waitLoaded waits for a document that is still loading, as long as the step
// may, so that a picture shows more than its beginning.
func (s *stepRun) waitLoaded(ctx context.Context) {
	wait, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
	defer cancel()
	_ = s.tab.await(wait, func() bool { return s.tab.loaded || len(s.tab.loaders) == 0 })
}

// late is the error of a step that the page or the server kept waiting.
func (s *stepRun) late() error {
	over := "within " + brief(s.end.Sub(s.began))
	if s.cut {
		over = fmt.Sprintf("before the check's timeout of %s was over", brief(s.timeout))
	}
	message := "the page did not respond " + over + ": a script may keep it busy"
	switch {
	case s.step.Action != check.ActionOpen:
	case s.loading:
		message = "the page did not finish loading " + over
	default:
		message = "the server did not answer " + over
	}
	return &stepError{class: jobs.FaultTimeout, message: message}
}

// status is the HTTP error status with which the document at rawURL was
// answered, or 0.
func (f *flow) status(rawURL string) int {
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	u, err := url.Parse(rawURL)
	if err != nil {
		return 0
	}
	u.Fragment = ""
	if u.Path == "" {
		u.Path = "/"
	}
	return f.tab.status[u.String()]
}

func statusWords(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprint(code)
}

// where says on which page a step did not succeed: without the query, which
// may hold what was typed.
func (f *flow) where(ctx context.Context) string {
	p, err := f.tab.page(ctx)
	if err != nil {
		return ""
	}
	shown := p.URL
	if u, err := url.Parse(p.URL); err == nil {
		u.RawQuery, u.Fragment, u.User = "", "", nil
		shown = u.String()
	}
	words := fmt.Sprintf("; the page is %s titled %q", shorten(shown, 300), shorten(p.Title, 100))
	if status := f.status(p.URL); status != 0 {
		words += ", answered " + statusWords(status)
	}
	return f.scrub.error(words)
}
