package browserrunner

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// The bits of the keys that are held, as the protocol numbers them.
const (
	holdAlt = 1 << iota
	holdControl
	holdMeta
	holdShift
)

// modifiers are the keys that may be held: "Control+a".
var modifiers = map[string]int64{"Alt": holdAlt, "Control": holdControl, "Meta": holdMeta, "Shift": holdShift}

// keysByName has every key that has a name, by KeyboardEvent.key.
var keysByName = func() map[string]*kb.Key {
	m := make(map[string]*kb.Key, len(kb.Keys))
	for _, k := range kb.Keys {
		// Some keys are there twice, left and right; either will do, but
		// always the same.
		if had, ok := m[k.Key]; !ok || k.Code < had.Code {
			m[k.Key] = k
		}
	}
	m["Space"] = m[" "]
	return m
}()

// keysByCode has them by KeyboardEvent.code: "KeyA", "Digit1". Of the two
// characters on a key it is the one without Shift.
var keysByCode = func() map[string]*kb.Key {
	m := make(map[string]*kb.Key, len(kb.Keys))
	for _, k := range kb.Keys {
		if had, ok := m[k.Code]; !ok || had.Shift && !k.Shift {
			m[k.Code] = k
		}
	}
	return m
}()

// keystroke is the press of one key with what is held meanwhile.
type keystroke struct {
	key  *kb.Key
	held int64
}

// parseKey reads the name of a key: "Enter", "a", "Control+Shift+K".
func parseKey(name string) (keystroke, error) {
	var k keystroke
	rest := name
	for {
		first, after, ok := strings.Cut(rest, "+")
		m, isModifier := modifiers[first]
		if !ok || after == "" || !isModifier {
			break
		}
		k.held |= m
		rest = after
	}
	if k.key = keysByName[rest]; k.key == nil {
		k.key = keysByCode[rest]
	}
	if k.key == nil && utf8.RuneCountInString(rest) == 1 {
		k.key = &kb.Key{Key: rest, Text: rest, Unmodified: rest, Print: true}
	}
	if k.key == nil {
		return k, &stepError{class: jobs.FaultStep, message: fmt.Sprintf("%q is not the name of a key: use one character, or a name such as Enter, Tab, Escape, ArrowDown or Control+a", name)}
	}
	if k.key.Shift {
		k.held |= holdShift
	}
	return k, nil
}

// keyWait is how long a key takes in a recorder's player.
const keyWait = 100 * time.Millisecond

// key presses a key, or one half of it.
func (s *stepRun) key(ctx context.Context) error {
	key, err := parseKey(s.step.Value)
	if err != nil {
		return err
	}
	if s.step.Action == check.ActionPress {
		if s.step.Any() != nil {
			if _, err := s.find(ctx, s.want(opFocus)); err != nil {
				return err
			}
		}
		if err := s.press(ctx, key); err != nil {
			return s.afterInput(err)
		}
		return s.settle(ctx)
	}
	modifier := modifiers[key.key.Key]
	down, up := s.strokes(key)
	event := up
	if s.step.Action == check.ActionKeyDown {
		s.held |= modifier
		event = down
	} else {
		s.held &^= modifier
	}
	event.Modifiers = s.held
	if _, err := call(ctx, s.tab.session, input.DispatchKeyEvent, event); err != nil {
		return s.afterInput(err)
	}
	if err := sleep(ctx, keyWait); err != nil {
		return err
	}
	return s.settle(ctx)
}

// keyboard is the session of the page that the step is for: keys go to what
// has the focus there, in whichever frame.
func (s *stepRun) keyboard(ctx context.Context) (session, error) {
	fr, err := s.spot(ctx)
	if err != nil {
		return session{}, err
	}
	s.tab.mu.Lock()
	defer s.tab.mu.Unlock()
	for fr.parent != nil {
		fr = fr.parent
	}
	return fr.view.session, nil
}

// press presses and releases the key.
func (s *stepRun) press(ctx context.Context, k keystroke) error {
	session, err := s.keyboard(ctx)
	if err != nil {
		return err
	}
	down, up := s.strokes(k)
	return both(ctx,
		send(ctx, session, input.DispatchKeyEvent, down),
		send(ctx, session, input.DispatchKeyEvent, up))
}

// strokes are the two halves of a key.
func (s *stepRun) strokes(k keystroke) (down, up input.DispatchKeyEventParams) {
	held := k.held | s.held
	down = input.DispatchKeyEventParams{
		Type:                  input.DispatchKeyEventTypeRawKeyDown,
		Key:                   k.key.Key,
		Code:                  k.key.Code,
		Modifiers:             held,
		WindowsVirtualKeyCode: k.key.Windows,
		NativeVirtualKeyCode:  k.key.Native,
	}
	up = down
	up.Type = input.DispatchKeyEventTypeKeyUp
	// A key that is held with Control, Alt or Meta gives a command, no text.
	if k.key.Print && held&^holdShift == 0 {
		down.Type = input.DispatchKeyEventTypeKeyDown
		down.Text, down.UnmodifiedText = k.key.Text, k.key.Unmodified
	} else if command, ok := editing[strings.ToLower(k.key.Key)]; ok && held&(holdControl|holdMeta) != 0 {
		down.Commands = []string{command}
	}
	return down, up
}

// editing has the shortcuts that the browser itself acts on; a headless one
// has no menu that would.
var editing = map[string]string{"a": "selectAll", "c": "copy", "v": "paste", "x": "cut", "z": "undo"}

// both waits for every answer and returns the first error.
func both(ctx context.Context, ps ...*pending[cdp.Empty]) (err error) {
	for _, p := range ps {
		if _, e := p.wait(ctx); e != nil && err == nil {
			err = e
		}
	}
	return err
}
