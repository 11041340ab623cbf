// Package recording reads flows that people recorded in their browser: the
// JSON that the Recorder of Chrome's developer tools exports. It owns that
// format, what is required of it, and the words in which every fault is
// reported with its line and column. It refuses to know where recordings come
// from and how they are run: what it makes of them are the steps of package
// check.
//
// A recording:
//
//	{
//	  "title": "Check out",
//	  "timeout": 5000,
//	  "steps": [
//	    {"type": "navigate", "url": "https://shop.example/"},
//	    {"type": "click", "selectors": [["aria/Buy"], ["#buy"]], "offsetX": 12, "offsetY": 8}
//	  ]
//	}
//
// Members that are not known are not looked at: recorders write more of them
// than players read.
package recording

import (
	"bytes"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
)

// MaxBytes is the size of a recording.
const MaxBytes = 1 << 20

// The bounds of a timeout, in milliseconds.
const (
	minTimeout = 1
	maxTimeout = 30_000
)

// Recording is a flow as steps.
type Recording struct {
	Title string
	// Steps have the timeout of the recording where they have none of their
	// own.
	Steps []check.Step
}

// Fault is one thing that is wrong with a recording.
type Fault struct {
	// Offset is where, in bytes from 0; Line and Column count from 1, columns
	// in characters.
	Offset, Line, Column int
	// Message is for people: what is wrong and what would be right.
	Message string
}

func (f Fault) Error() string { return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message) }

// Parse reads a recording. Where there are faults there are no steps.
func Parse(data []byte) (Recording, []Fault) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	p := parser{}
	switch {
	case len(data) > MaxBytes:
		p.faults = []Fault{{Message: fmt.Sprintf("is larger than %d bytes; record a shorter flow", MaxBytes)}}
	case !utf8.Valid(data):
		p.faults = []Fault{{Message: "is not UTF-8; export it again"}}
	default:
		if root, fault := read(data); fault != nil {
			p.faults = []Fault{*fault}
		} else {
			p.recording(root)
		}
	}
	if len(p.faults) == 0 {
		return p.out, nil
	}
	slices.SortStableFunc(p.faults, func(a, b Fault) int { return a.Offset - b.Offset })
	for i := range p.faults {
		p.faults[i].place(data)
	}
	return Recording{}, p.faults
}

func (f *Fault) place(data []byte) {
	before := data[:min(f.Offset, len(data))]
	f.Line = bytes.Count(before, []byte("\n")) + 1
	f.Column = utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// parser collects the steps and the faults.
type parser struct {
	out    Recording
	faults []Fault
}

func (p *parser) fault(v *value, format string, args ...any) {
	p.faults = append(p.faults, Fault{Offset: v.at, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) recording(root *value) {
	if root.is != isObject {
		p.fault(root, "the recording is %s, not an object: {\"title\": …, \"steps\": […]}", root.is)
		return
	}
	if title := root.get("title"); title == nil {
		p.fault(root, "the recording has no title; add \"title\": \"…\"")
	} else {
		p.out.Title = p.text(title, "the recording's title")
	}
	timeout := p.timeout(root)
	if s := root.get("selectorAttribute"); s != nil {
		p.text(s, "the recording's selectorAttribute")
	}
	steps := root.get("steps")
	switch {
	case steps == nil:
		p.fault(root, "the recording has no steps; add \"steps\": […]")
		return
	case steps.is != isArray:
		p.fault(steps, "the recording's steps are %s, not an array", steps.is)
		return
	}
	for i, v := range steps.items {
		s := p.step(v, fmt.Sprintf("steps[%d]", i))
		if s.Timeout == 0 && s.Action != check.ActionOpen {
			s.Timeout = timeout
		}
		p.out.Steps = append(p.out.Steps, s)
	}
}

// timeout is the member of that name, 0 where there is none.
func (p *parser) timeout(of *value) time.Duration {
	v := of.get("timeout")
	if v == nil {
		return 0
	}
	if v.is != isNumber || v.number < minTimeout || v.number > maxTimeout {
		p.fault(v, "the timeout %s is not between %d and %d milliseconds", short(v), minTimeout, maxTimeout)
		return 0
	}
	return time.Duration(v.number * float64(time.Millisecond))
}

// text is a text; what names it in faults.
func (p *parser) text(v *value, what string) string {
	if v.is != isText {
		p.fault(v, "%s is %s, not a text", what, v.is)
	}
	return v.text
}

// short is a value as it is written, or its start.
func short(v *value) string {
	if len(v.raw) <= 40 {
		return string(v.raw)
	}
	return string(bytes.ToValidUTF8(v.raw[:40], nil)) + "…"
}
