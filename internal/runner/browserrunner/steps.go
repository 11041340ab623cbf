package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"

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

// runStep runs one step. The error is a *stepError, or one that is not the
// step's: errLost, errPageCrashed, errPageClosed, errCheckTime, or the cause
// of the end of the run's context.
func (f *flow) runStep(ctx context.Context, s check.Step) error {
	limit := s.Timeout
	if limit == 0 && s.Action != check.ActionOpen {
		limit = check.DefaultStepTimeout
	}
	began := time.Now()
	end, cut := f.end, true // cut short by the check's timeout
	if limit > 0 && began.Add(limit).Before(end) {
		end, cut = began.Add(limit), false
	}
	ctx, cancel := context.WithDeadlineCause(ctx, end.Add(answerGrace), errStepTime)
	defer cancel()
	st := &stepRun{flow: f, step: s, began: began, end: end, cut: cut}
	err := st.do(ctx)
	if errors.Is(err, errStepTime) || errors.Is(err, errCheckTime) {
		return st.late()
	}
	return err
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
}

func (s *stepRun) do(ctx context.Context) error {
	switch s.step.Action {
	case check.ActionOpen:
		return s.open(ctx)
	case check.ActionClick:
		at, err := s.find(ctx, opClick, "")
		if err != nil {
			return err
		}
		if err := s.tab.clickAt(ctx, at.X, at.Y); err != nil {
			return s.afterInput(err)
		}
		return s.settle(ctx)
	case check.ActionFill:
		return s.fill(ctx)
	case check.ActionPress:
		return s.press(ctx)
	case check.ActionExpectText:
		_, err := s.find(ctx, opText, s.step.Value)
		return err
	case check.ActionExpectURL:
		_, err := s.find(ctx, opURL, s.step.Value)
		return err
	case check.ActionScreenshot:
		s.waitLoaded(ctx)
		return s.picture(ctx, s.step.Value)
	}
	return &stepError{class: jobs.FaultInternal, ours: true, message: fmt.Sprintf("this worker does not know the action %q: update it", s.step.Action)}
}

// open navigates and waits for the document's load event.
func (s *stepRun) open(ctx context.Context) error {
	if !webAddress(s.step.Value) {
		return &stepError{class: jobs.FaultEgress, message: fmt.Sprintf("%q is not opened: only http and https addresses are", s.step.Value)}
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

// fill replaces the value of a field.
func (s *stepRun) fill(ctx context.Context) error {
	// Nothing that is said from here on may repeat the value.
	s.scrub.typed(s.step.Value, false)
	at, err := s.find(ctx, opFill, s.step.Value)
	if err != nil {
		return err
	}
	switch at.Mode {
	case "type":
		s.scrub.typed(s.step.Value, at.Secret)
		if s.step.Value == "" {
			del, err := parseKey("Delete")
			if err != nil {
				return err
			}
			return s.afterInput(s.tab.press(ctx, del))
		}
		_, err := call(ctx, s.tab.session, input.InsertText, input.InsertTextParams{Text: s.step.Value})
		return s.afterInput(err)
	case "click":
		if err := s.tab.clickAt(ctx, at.X, at.Y); err != nil {
			return s.afterInput(err)
		}
	}
	return s.settle(ctx)
}

func (s *stepRun) press(ctx context.Context) error {
	key, err := parseKey(s.step.Value)
	if err != nil {
		return err
	}
	if s.step.Selector != "" {
		if _, err := s.find(ctx, opFocus, ""); err != nil {
			return err
		}
	}
	if err := s.tab.press(ctx, key); err != nil {
		return s.afterInput(err)
	}
	return s.settle(ctx)
}

// find waits in the page for what the step wants.
func (s *stepRun) find(ctx context.Context, op, text string) (found, error) {
	kind, rest := selector(s.step.Selector)
	f, err := s.tab.locate(ctx, want{Op: op, Kind: kind, Selector: rest, Text: text}, s.end)
	if err != nil || f.OK {
		return f, err
	}
	e := &stepError{class: jobs.FaultStep, message: s.scrub.error(f.reason(s.step.Selector, s.step.Value))}
	switch {
	case f.Reason == "invalid", f.Reason == "field":
		// waiting would not have helped
	case s.cut:
		e.class = jobs.FaultTimeout
		e.message += fmt.Sprintf(" when the check's timeout of %s was over", brief(s.timeout))
	default:
		e.message += " after " + brief(s.end.Sub(s.began))
	}
	e.message += s.where(ctx)
	return f, e
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
	if _, err := s.tab.ask(ctx, want{Op: opSettle}); err != nil && !replaced(err) {
		return err
	}
	wait, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
	defer cancel()
	err := s.tab.await(wait, func() bool { return !s.tab.moving })
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
