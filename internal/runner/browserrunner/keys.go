package browserrunner

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"

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
	k.key = keysByName[rest]
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

// press presses and releases the key.
func (t *tab) press(ctx context.Context, k keystroke) error {
	down := input.DispatchKeyEventParams{
		Type:                  input.DispatchKeyEventTypeRawKeyDown,
		Key:                   k.key.Key,
		Code:                  k.key.Code,
		Modifiers:             k.held,
		WindowsVirtualKeyCode: k.key.Windows,
		NativeVirtualKeyCode:  k.key.Native,
	}
	up := down
	up.Type = input.DispatchKeyEventTypeKeyUp
	// A key that is held with Control, Alt or Meta gives a command, no text.
	if k.key.Print && k.held&^holdShift == 0 {
		down.Type = input.DispatchKeyEventTypeKeyDown
		down.Text, down.UnmodifiedText = k.key.Text, k.key.Unmodified
	} else if command, ok := editing[strings.ToLower(k.key.Key)]; ok && k.held&(holdControl|holdMeta) != 0 {
		down.Commands = []string{command}
	}
	return both(ctx,
		send(ctx, t.session, input.DispatchKeyEvent, down),
		send(ctx, t.session, input.DispatchKeyEvent, up))
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

// clickAt moves the mouse to x, y and clicks. All events are sent at once; the
// page takes them in order.
func (t *tab) clickAt(ctx context.Context, x, y float64) error {
	event := func(kind input.DispatchMouseEventType, button input.MouseButton, clicks int64) *pending[cdp.Empty] {
		return send(ctx, t.session, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: x, Y: y, Button: button, ClickCount: clicks,
		})
	}
	return both(ctx,
		event(input.DispatchMouseEventTypeMouseMoved, input.MouseButtonNone, 0),
		event(input.DispatchMouseEventTypeMousePressed, input.MouseButtonLeft, 1),
		event(input.DispatchMouseEventTypeMouseReleased, input.MouseButtonLeft, 1))
}
