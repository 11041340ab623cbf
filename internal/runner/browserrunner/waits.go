package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/runtime"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/numeral"
)

// expressionPoll is how often an expression is asked for.
const expressionPoll = 100 * time.Millisecond

// expectNavigation runs do and waits for the navigation that a recorder saw
// after it. Any will do, unless the step is strict.
func (s *stepRun) expectNavigation(ctx context.Context, do func(context.Context) error) error {
	if len(s.step.Events) == 0 || s.step.Action == check.ActionOpen {
		return do(ctx)
	}
	fr, err := s.spot(ctx)
	if err != nil {
		return err
	}
	s.tab.mu.Lock()
	before := fr.navigations
	s.tab.mu.Unlock()
	if err := do(ctx); err != nil {
		return err
	}
	wait, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
	defer cancel()
	for {
		var at string
		err := s.tab.await(wait, func() bool {
			at = fr.url
			return fr.navigations > before && fr.loaded || fr.gone
		})
		if errors.Is(err, errStepTime) {
			return s.because(ctx, s.scrub.error(fmt.Sprintf("no navigation followed; the recording saw one to %q", s.step.Events[0].URL)), false)
		}
		if err != nil || !s.step.Strict {
			return err
		}
		wrong, err := s.elsewhere(ctx, fr, at)
		if err != nil || wrong == "" {
			return err
		}
		if !time.Now().Before(s.end) {
			return s.because(ctx, s.scrub.error(wrong), false)
		}
		if err := s.tab.pause(ctx, expressionPoll); err != nil {
			return err
		}
	}
}

// elsewhere says how the frame's URL and title differ from the recorded ones.
func (s *stepRun) elsewhere(ctx context.Context, fr *frame, at string) (string, error) {
	e := s.step.Events[0]
	if e.URL != "" && at != e.URL {
		return fmt.Sprintf("the navigation led to %q, not to %q", at, e.URL), nil
	}
	if e.Title == "" {
		return "", nil
	}
	title, err := s.tab.evaluate(ctx, fr, "document.title")
	if err != nil {
		if replaced(err) {
			return "the page is being replaced", nil
		}
		return "", err
	}
	if got := describe(title); got != e.Title {
		return fmt.Sprintf("the navigation led to a page titled %q, not %q", got, e.Title), nil
	}
	return "", nil
}

// evaluate is the value of an expression among the frame's own scripts.
func (t *tab) evaluate(ctx context.Context, fr *frame, expression string) (*runtime.RemoteObject, error) {
	t.mu.Lock()
	session, id := fr.view.session, fr.main
	if fr == fr.view.root {
		id = 0 // the session's own
	}
	t.mu.Unlock()
	res, err := call(ctx, session, runtime.Evaluate, runtime.EvaluateParams{
		Expression: expression, ContextID: id, AwaitPromise: ptr(true), ReturnByValue: ptr(true), Silent: ptr(true), UserGesture: ptr(true),
	})
	if err != nil {
		return nil, err
	}
	if d := res.ExceptionDetails; d != nil {
		words := d.Text
		if d.Exception != nil {
			words = describe(d.Exception)
		}
		words, _, _ = strings.Cut(words, "\n")
		return nil, &scriptError{words}
	}
	return res.Result, nil
}

// scriptError is what an expression of the check threw.
type scriptError struct{ words string }

func (e *scriptError) Error() string { return e.words }

// waitExpression waits until an expression is true.
func (s *stepRun) waitExpression(ctx context.Context) error {
	for {
		fr, err := s.spot(ctx)
		if err != nil {
			return err
		}
		// A promise that is never kept must not hold the step for longer.
		try, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
		value, err := s.tab.evaluate(try, fr, s.step.Value)
		cancel()
		thrown := new(scriptError)
		says := ""
		switch {
		case errors.As(err, &thrown):
			says = "it throws " + shorten(thrown.words, 200)
		case errors.Is(err, errStepTime) && ctx.Err() == nil:
			says = "its promise is not kept"
		case err != nil && !replaced(err):
			return err
		case err == nil && truthy(value):
			return nil
		case err == nil:
			says = "it is " + shorten(describe(value), 200)
		default:
			says = "the page is being replaced"
		}
		if !time.Now().Before(s.end) {
			return s.because(ctx, s.scrub.error(fmt.Sprintf("the expression %s is not true: %s", shorten(s.step.Value, 200), says)), false)
		}
		if err := s.tab.pause(ctx, expressionPoll); err != nil {
			return err
		}
	}
}

// truthy reports whether JavaScript takes a value for true.
func truthy(o *runtime.RemoteObject) bool {
	if o == nil || o.Type == runtime.RemoteObjectTypeUndefined {
		return false
	}
	if o.UnserializableValue != "" {
		return !slices.Contains([]string{"NaN", "-0", "0n"}, string(o.UnserializableValue))
	}
	switch string(o.Value) {
	case "", "null", "false", "0", `""`:
		return false
	}
	return true
}

// expect waits for what the page is to be like.
func (s *stepRun) expect(ctx context.Context) error {
	ops := map[check.Action]string{
		check.ActionExpectText: opText, check.ActionExpectURL: opURL, check.ActionExpectTitle: opTitle,
		check.ActionExpectVisible: opVisible, check.ActionExpectHidden: opHidden, check.ActionExpectValue: opValue,
		check.ActionExpectAttribute: opAttribute, check.ActionExpectCount: opElements, check.ActionWaitElement: opElements,
	}
	if op, ok := ops[s.step.Action]; ok {
		w := s.want(op)
		w.Pairs = s.step.Pairs
		if e := s.step.Elements; e != nil {
			w.Elements = &elementsWant{Operator: e.Operator, Count: e.Count, Not: e.Not, Attributes: e.Attributes}
			if e.Properties != "" {
				w.Elements.Properties = []byte(e.Properties)
			}
		}
		_, err := s.find(ctx, w)
		return err
	}
	switch s.step.Action {
	case check.ActionExpectConsole:
		return s.expectConsole(ctx)
	case check.ActionExpectDialog:
		return s.expectDialog(ctx)
	case check.ActionExpectResponse:
		return s.expectResponse(ctx)
	case check.ActionExpectSnapshot:
		return s.expectSnapshot(ctx)
	}
	return &stepError{class: jobs.FaultInternal, ours: true, message: fmt.Sprintf("this worker does not know the action %q: update it", s.step.Action)}
}

// expectConsole looks at the console as it is: nothing that comes can make it
// clean.
func (s *stepRun) expectConsole(ctx context.Context) error {
	// What the page has logged until now has arrived when this has.
	fr, err := s.spot(ctx)
	if err != nil {
		return err
	}
	if _, err := s.tab.evaluate(ctx, fr, "0"); err != nil && !replaced(err) {
		return err
	}
	s.tab.mu.Lock()
	n := s.tab.console.errors
	for _, e := range s.tab.console.entries {
		if e.Level != "warning" && len(s.instead) < 5 {
			s.instead = append(s.instead, s.scrub.error(shorten(e.Text, 200)))
		}
	}
	s.tab.mu.Unlock()
	if n == 0 {
		s.instead = nil
		return nil
	}
	said := ""
	if len(s.instead) > 0 {
		said = ": " + s.instead[0]
	}
	return s.because(ctx, "the console has "+numeral.Of(n, "error")+said, true)
}

func (s *stepRun) expectDialog(ctx context.Context) error {
	var said []string
	err := s.awaitStep(ctx, func() bool {
		said = s.tab.dialogs.said
		return slices.ContainsFunc(said, func(words string) bool { return strings.Contains(words, s.step.Value) })
	})
	if errors.Is(err, errStepTime) {
		return s.because(ctx, s.scrub.error(fmt.Sprintf("no dialog said %q; those that appeared: %s", s.step.Value, orNone(quoted(said)))), false)
	}
	return err
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", shorten(w, 200))
	}
	return out
}

// awaitStep waits until ready holds, or the step's time is over: errStepTime.
func (s *stepRun) awaitStep(ctx context.Context, ready func() bool) error {
	wait, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
	defer cancel()
	return s.tab.await(wait, ready)
}

func (s *stepRun) expectResponse(ctx context.Context) error {
	var near []string
	err := s.awaitStep(ctx, func() bool {
		near = nil
		for _, r := range s.tab.responses {
			if !strings.Contains(r.url, s.step.Value) {
				continue
			}
			if s.step.Status == 0 || r.status == s.step.Status {
				return true
			}
			near = append(near, statusWords(r.status))
		}
		return false
	})
	if !errors.Is(err, errStepTime) {
		return err
	}
	message := fmt.Sprintf("no response came of a URL that contains %q", s.step.Value)
	if len(near) > 0 {
		message = fmt.Sprintf("%q was answered %s, not %s", s.step.Value, strings.Join(slices.Compact(near), ", "), statusWords(s.step.Status))
	}
	return s.because(ctx, s.scrub.error(message), false)
}

// expectSnapshot waits until the accessibility tree has the lines of Value, in
// their order; others may stand between them.
func (s *stepRun) expectSnapshot(ctx context.Context) error {
	for {
		fr, err := s.spot(ctx)
		if err != nil {
			return err
		}
		lines, err := s.snapshotOf(ctx, fr)
		if err != nil && !replaced(err) {
			return err
		}
		missing := missingLine(lines, s.step.Value)
		if err == nil && missing == "" {
			return nil
		}
		if !time.Now().Before(s.end) {
			for _, l := range lines[:min(len(lines), 20)] {
				s.instead = append(s.instead, s.scrub.error(shorten(l, 100)))
			}
			return s.because(ctx, s.scrub.error(fmt.Sprintf("the accessibility tree lacks %s, in this order", missing)), false)
		}
		if replaced(err) {
			s.tab.forget(fr)
		}
		if err := s.tab.pause(ctx, treePoll); err != nil {
			return err
		}
	}
}

func (s *stepRun) snapshotOf(ctx context.Context, fr *frame) ([]string, error) {
	w := s.want(opInner)
	if len(w.Paths) == 0 {
		return s.tab.snapshot(ctx, fr, "")
	}
	rest, given, invalid, err := s.tab.resolve(ctx, fr, w)
	if err != nil || invalid != "" {
		return nil, err
	}
	w.Paths = rest
	root, err := s.tab.element(ctx, fr, w, given)
	if err != nil || root == "" {
		return nil, err
	}
	return s.tab.snapshot(ctx, fr, root)
}

// missingLine is the first line of want that lines do not have after those
// before it; "" where they have all.
func missingLine(lines []string, want string) string {
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- "))
		if line == "" {
			continue
		}
		i := slices.Index(lines, line)
		if i < 0 {
			return line
		}
		lines = lines[i+1:]
	}
	return ""
}
