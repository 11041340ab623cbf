package browserrunner

import (
	"context"

	"github.com/chromedp/cdproto/input"

	"github.com/probefleet/probefleet/internal/check"
)

// field gives a field of the page a value.
func (s *stepRun) field(ctx context.Context) error {
	switch s.step.Action {
	case check.ActionSelect:
		w := s.want(opSelect)
		w.Values = s.step.Values
		if _, err := s.find(ctx, w); err != nil {
			return err
		}
		return s.settle(ctx)
	case check.ActionUpload:
		w := s.want(opUpload)
		for _, f := range s.step.Files {
			w.Files = append(w.Files, fileWant(f))
		}
		if _, err := s.find(ctx, w); err != nil {
			return err
		}
		return s.settle(ctx)
	case check.ActionCheck:
		return s.box(ctx)
	}
	if s.step.Recorded {
		return s.change(ctx)
	}
	return s.fill(ctx)
}

// fill replaces the value of a field.
func (s *stepRun) fill(ctx context.Context) error {
	// Nothing that is said from here on may repeat the value.
	s.scrub.typed(s.step.Value, false)
	at, err := s.find(ctx, s.want(opFill))
	if err != nil {
		return err
	}
	if at.Mode != "type" {
		return s.toggle(ctx, at)
	}
	s.scrub.typed(s.step.Value, at.Secret)
	if s.step.Value == "" {
		del, err := parseKey("Delete")
		if err != nil {
			return err
		}
		return s.afterInput(s.press(ctx, del))
	}
	return s.insert(ctx, s.step.Value)
}

// change gives a field its value as a recorder's player does: key by key.
func (s *stepRun) change(ctx context.Context) error {
	s.scrub.typed(s.step.Value, false)
	at, err := s.find(ctx, s.want(opChange))
	if err != nil {
		return err
	}
	if at.Mode != "type" {
		return s.toggle(ctx, at)
	}
	s.scrub.typed(s.step.Value, at.Secret)
	for _, r := range at.Text {
		name := string(r)
		if r == '\n' {
			name = "Enter"
		}
		key, err := parseKey(name)
		if err == nil && key.key.Code != "" {
			err = s.press(ctx, key)
		} else {
			err = s.insert(ctx, string(r))
		}
		if err != nil {
			return s.afterInput(err)
		}
	}
	return s.settle(ctx)
}

// insert enters a text where the focus is.
func (s *stepRun) insert(ctx context.Context, text string) error {
	session, err := s.keyboard(ctx)
	if err != nil {
		return err
	}
	_, err = call(ctx, session, input.InsertText, input.InsertTextParams{Text: text})
	return s.afterInput(err)
}

// toggle clicks a box where that is left to do.
func (s *stepRun) toggle(ctx context.Context, at found) error {
	if at.Mode == "click" {
		point, err := s.onPage(ctx, at)
		if err != nil {
			return err
		}
		if err := s.click(ctx, point, 1); err != nil {
			return s.afterInput(err)
		}
	}
	return s.settle(ctx)
}

// box makes a box or switch be as the step says, and sees to it that it is.
func (s *stepRun) box(ctx context.Context) error {
	at, err := s.find(ctx, s.want(opChecked))
	if err != nil {
		return err
	}
	if at.Mode != "click" {
		return nil
	}
	if err := s.toggle(ctx, at); err != nil {
		return err
	}
	_, err = s.find(ctx, s.want(opCheckedNow))
	return err
}
