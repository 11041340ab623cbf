package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress tells a person what is being waited for: on a terminal one line
// that changes, elsewhere a line each.
type progress struct {
	w        io.Writer
	terminal bool
	started  time.Time
	open     bool   // a line without its end is on the terminal
	last     string // what was said last
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, started: time.Now()}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// wait says what is being waited for.
func (p *progress) wait(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	repeated := text == p.last
	p.last = text
	line := fmt.Sprintf("%5.1fs  %s", time.Since(p.started).Seconds(), text)
	if p.terminal {
		fmt.Fprintf(p.w, "\r\033[K%s …", line)
		p.open = true
		return
	}
	if !repeated {
		fmt.Fprintln(p.w, line)
	}
}

// say prints lines that stay.
func (p *progress) say(format string, args ...any) {
	if p.open {
		fmt.Fprint(p.w, "\r\033[K")
		p.open = false
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}
