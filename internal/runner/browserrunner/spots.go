package browserrunner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/dom"

	"github.com/probefleet/probefleet/internal/jobs"
)

// spot finds the frame that a step is for, anew each time, as frames come and
// go. The error is a *stepError, or the cause of ctx's end.
type spot func(ctx context.Context) (*frame, error)

// onMain reports whether the step is for the main frame of the flow's page.
func (s *stepRun) onMain() bool {
	return (s.step.Target == "" || s.step.Target == "main") && len(s.step.Frame) == 0 && s.step.Iframe == ""
}

// spot is the step's frame; it is waited for as long as the step may.
func (s *stepRun) spot(ctx context.Context) (*frame, error) {
	t := s.tab
	if s.onMain() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.looked = t.top
		return t.top.root, nil
	}
	wait, cancel := context.WithDeadlineCause(ctx, s.end, errStepTime)
	defer cancel()
	var fr *frame
	var missing string
	err := t.await(wait, func() bool {
		fr, missing = s.spotLocked()
		return fr != nil
	})
	if fr == nil && missing != "" && ctx.Err() == nil {
		return nil, s.because(ctx, s.scrub.error(missing), false)
	}
	if err != nil {
		return fr, err
	}
	t.look(fr)
	if s.step.Iframe == "" {
		return fr, nil
	}
	return s.iframe(ctx, fr)
}

// spotLocked is the frame of the step's target and path, or what is missing.
func (s *stepRun) spotLocked() (*frame, string) {
	t := s.tab
	fr := t.top.root
	if target := s.step.Target; target != "" && target != "main" {
		fr = nil
		var there []string
		for _, v := range t.views {
			if v.root.url == target && v.ready {
				fr = v.root
			}
			if v != t.top {
				there = append(there, shorten(v.root.url, 200))
			}
		}
		if t.top.root.url == target {
			fr = t.top.root
		}
		if fr == nil {
			slices.Sort(there)
			return nil, fmt.Sprintf("no page or iframe in a process of its own has the URL %q; there are %s", target, orNone(there))
		}
	}
	for depth, i := range s.step.Frame {
		if i < 0 || i >= len(fr.children) {
			return nil, fmt.Sprintf("there is no frame %s: %s has %d child frames", pathWords(s.step.Frame[:depth+1]), shorten(fr.url, 200), len(fr.children))
		}
		fr = fr.children[i]
	}
	return fr, ""
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func pathWords(path []int) string {
	return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(path), "[]")), "/")
}

// iframe is the frame that the element Iframe of fr holds.
func (s *stepRun) iframe(ctx context.Context, fr *frame) (*frame, error) {
	t := s.tab
	w := want{Paths: paths([][]string{{s.step.Iframe}}), Recorded: true}
	for {
		object, err := t.element(ctx, fr, w, nil)
		if err != nil && !replaced(err) {
			return nil, err
		}
		if object != "" {
			t.mu.Lock()
			session := fr.view.session
			t.mu.Unlock()
			node, err := call(ctx, session, dom.DescribeNode, dom.DescribeNodeParams{ObjectID: object})
			if err == nil && node.Node != nil && node.Node.FrameID != "" {
				t.mu.Lock()
				inner := t.frames[node.Node.FrameID]
				t.mu.Unlock()
				if inner != nil {
					return inner, nil
				}
			}
			if err == nil && node.Node != nil && node.Node.FrameID == "" {
				return nil, &stepError{class: jobs.FaultStep, message: fmt.Sprintf("%q is no iframe", s.step.Iframe)}
			}
		}
		if !time.Now().Before(s.end) {
			return nil, s.because(ctx, fmt.Sprintf("no iframe matches %q", s.step.Iframe), false)
		}
		if replaced(err) {
			t.forget(fr)
		}
		if err := t.pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
