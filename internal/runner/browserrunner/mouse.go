package browserrunner

import (
	"context"
	"errors"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"

	"github.com/probefleet/probefleet/internal/check"
)

// buttons are the mouse's, with the bit of each.
var buttons = map[string]struct {
	name input.MouseButton
	bit  int64
}{
	"":        {input.MouseButtonLeft, 1},
	"left":    {input.MouseButtonLeft, 1},
	"right":   {input.MouseButtonRight, 2},
	"middle":  {input.MouseButtonMiddle, 4},
	"back":    {input.MouseButtonBack, 8},
	"forward": {input.MouseButtonForward, 16},
}

// mouse does what the step does with the mouse.
func (s *stepRun) mouse(ctx context.Context) error {
	w := s.want(opPoint)
	w.Enabled = s.step.Action != check.ActionHover
	at, err := s.aim(ctx, w)
	if err != nil {
		return err
	}
	switch s.step.Action {
	case check.ActionHover:
		err = s.move(ctx, at, false).ok(ctx)
	case check.ActionDoubleClick:
		err = s.click(ctx, at, 2)
	case check.ActionDrag:
		err = s.drag(ctx, at)
	default:
		err = s.click(ctx, at, 1)
	}
	if err != nil {
		return s.afterInput(err)
	}
	return s.settle(ctx)
}

// spotlight is a point of a page, by the session of the page.
type spotlight struct {
	session session
	x, y    float64
}

// aim is where the mouse is to go for the element that w means.
func (s *stepRun) aim(ctx context.Context, w want) (spotlight, error) {
	f, err := s.find(ctx, w)
	if err != nil {
		return spotlight{}, err
	}
	return s.onPage(ctx, f)
}

// onPage is the point f of the step's frame as one of its page.
func (s *stepRun) onPage(ctx context.Context, f found) (spotlight, error) {
	fr, err := s.spot(ctx)
	if err != nil {
		return spotlight{}, err
	}
	s.tab.mu.Lock()
	root := fr
	for root.parent != nil {
		root = root.parent
	}
	at := spotlight{session: root.view.session, x: f.X, y: f.Y}
	s.tab.mu.Unlock()
	if root == fr {
		return at, nil
	}
	x, y, err := s.tab.origin(ctx, fr)
	at.x, at.y = at.x+x, at.y+y
	return at, err
}

// moves are mouse events on their way. All are sent at once; the page takes
// them in order.
type moves []*pending[cdp.Empty]

func (m moves) ok(ctx context.Context) error { return both(ctx, m...) }

// move moves the mouse, with the step's button held where it is to be.
func (s *stepRun) move(ctx context.Context, at spotlight, held bool) moves {
	params := input.DispatchMouseEventParams{
		Type: input.DispatchMouseEventTypeMouseMoved, X: at.x, Y: at.y, Button: input.MouseButtonNone, Modifiers: s.held,
	}
	if held {
		params.Button, params.Buttons = buttons[s.step.Button].name, buttons[s.step.Button].bit
	}
	return moves{send(ctx, at.session, input.DispatchMouseEvent, params)}
}

func (s *stepRun) button(ctx context.Context, at spotlight, kind input.DispatchMouseEventType, clicks int64) *pending[cdp.Empty] {
	b := buttons[s.step.Button]
	params := input.DispatchMouseEventParams{Type: kind, X: at.x, Y: at.y, Button: b.name, ClickCount: clicks, Modifiers: s.held}
	if kind == input.DispatchMouseEventTypeMousePressed {
		params.Buttons = b.bit
	}
	return send(ctx, at.session, input.DispatchMouseEvent, params)
}

// click moves the mouse to a point and clicks so many times.
func (s *stepRun) click(ctx context.Context, at spotlight, times int64) error {
	events := s.move(ctx, at, false)
	for n := int64(1); n <= times; n++ {
		events = append(events, s.button(ctx, at, input.DispatchMouseEventTypeMousePressed, n))
		if s.step.Hold > 0 {
			if err := events.ok(ctx); err != nil {
				return err
			}
			events = nil
			if err := sleep(ctx, s.step.Hold); err != nil {
				return err
			}
		}
		events = append(events, s.button(ctx, at, input.DispatchMouseEventTypeMouseReleased, n))
	}
	return events.ok(ctx)
}

// dragWait is how long we wait for the browser to say that an element is being
// dragged by its own means, not by scripts that follow the mouse.
const dragWait = 250 * time.Millisecond

// drag presses at a point and releases over the step's other element, moving
// the mouse between in a few steps, as pages look for its way. Where the
// browser itself takes over, it is told what is dragged where: the screen on
// which it would look has no mouse.
func (s *stepRun) drag(ctx context.Context, from spotlight) error {
	if _, err := call(ctx, from.session, input.SetInterceptDrags, input.SetInterceptDragsParams{Enabled: true}); err != nil {
		return err
	}
	events := append(s.move(ctx, from, false), s.button(ctx, from, input.DispatchMouseEventTypeMousePressed, 1))
	if err := events.ok(ctx); err != nil {
		return err
	}
	// What is dragged may cover what it is dragged to: no mouse is asked for.
	w := s.want(opPoint)
	w.Paths, w.Point, w.Recorded, w.Strict, w.Nth = paths([][]string{{s.step.To}}), nil, true, false, 0
	dropped, err := s.tab.locate(ctx, s.spot, w, s.end)
	if err != nil {
		return err
	}
	if !dropped.OK {
		_ = s.button(ctx, from, input.DispatchMouseEventTypeMouseReleased, 1)
		to := *s
		to.step.Selector, to.step.Selectors = s.step.To, nil
		failure := to.failure(ctx, dropped)
		s.instead = to.instead
		return failure
	}
	to, err := s.onPage(ctx, dropped)
	if err != nil {
		return err
	}
	const stops = 5
	for n := 1; n <= stops; n++ {
		at := spotlight{from.session, from.x + (to.x-from.x)*float64(n)/stops, from.y + (to.y-from.y)*float64(n)/stops}
		if err := s.move(ctx, at, true).ok(ctx); err != nil {
			return err
		}
	}
	if err := s.drop(ctx, to); err != nil {
		return err
	}
	return moves{s.button(ctx, to, input.DispatchMouseEventTypeMouseReleased, 1)}.ok(ctx)
}

// drop drops what the browser drags, if it does.
func (s *stepRun) drop(ctx context.Context, to spotlight) error {
	wait, cancel := context.WithTimeoutCause(ctx, dragWait, errStepTime)
	defer cancel()
	var data *input.DragData
	err := s.tab.await(wait, func() bool {
		data = s.tab.dragged
		return data != nil
	})
	if data == nil {
		if errors.Is(err, errStepTime) && ctx.Err() == nil {
			return nil // scripts follow the mouse
		}
		return err
	}
	s.tab.mu.Lock()
	s.tab.dragged = nil
	s.tab.mu.Unlock()
	for _, kind := range []input.DispatchDragEventType{
		input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
	} {
		if _, err := call(ctx, to.session, input.DispatchDragEvent, input.DispatchDragEventParams{
			Type: kind, X: to.x, Y: to.y, Data: data, Modifiers: s.held,
		}); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits for d. The error is the cause of ctx's end.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
