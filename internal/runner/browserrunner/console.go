package browserrunner

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// maxConsole is the number of console entries kept of a run.
	maxConsole = 50
	// maxConsoleText is the number of bytes kept of one entry.
	maxConsoleText = 1 << 10
)

// console collects errors, warnings and uncaught exceptions.
type console struct {
	entries []jobs.ConsoleEntry
	errors  int // errors and exceptions, those not kept included
	dropped int
}

// documentStatus is the HTTP status of documents and their parts that were
// answered with an error, by URL. The browser logs those; listening to all of
// the network traffic for them would cost more than the rest of a run.
type documentStatus map[string]int

var statusInLog = regexp.MustCompile(`responded with a status of (\d{3})`)

func (c *console) add(m *cdproto.Message, status *documentStatus) {
	switch m.Method {
	case cdproto.EventRuntimeConsoleAPICalled:
		if e, ok := decode[runtime.EventConsoleAPICalled](m); ok {
			c.called(e)
		}
	case cdproto.EventRuntimeExceptionThrown:
		if e, ok := decode[runtime.EventExceptionThrown](m); ok && e.ExceptionDetails != nil {
			c.thrown(*e.ExceptionDetails)
		}
	case cdproto.EventLogEntryAdded:
		if e, ok := decode[log.EventEntryAdded](m); ok && e.Entry != nil {
			c.logged(*e.Entry, status)
		}
	}
}

func (c *console) called(e runtime.EventConsoleAPICalled) {
	level := ""
	switch e.Type {
	case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeAssert:
		level = "error"
	case runtime.ConsoleAPICalledTypeWarning:
		level = "warning"
	default:
		return
	}
	words := make([]string, 0, len(e.Args))
	for _, a := range e.Args {
		words = append(words, describe(a))
	}
	entry := jobs.ConsoleEntry{Level: level, Text: strings.Join(words, " ")}
	entry.URL, entry.Line = origin(e.StackTrace, "", 0)
	c.keep(entry)
}

func (c *console) thrown(d runtime.ExceptionDetails) {
	entry := jobs.ConsoleEntry{Level: "exception", Text: d.Text}
	if d.Exception != nil {
		entry.Text += " " + describe(d.Exception)
	}
	// The stack that follows the first line is in URL and Line as far as it
	// is of use.
	entry.Text, _, _ = strings.Cut(entry.Text, "\n")
	entry.URL, entry.Line = origin(d.StackTrace, d.URL, int(d.LineNumber)+1)
	c.keep(entry)
}

func (c *console) logged(e log.Entry, status *documentStatus) {
	if m := statusInLog.FindStringSubmatch(e.Text); m != nil {
		if *status == nil {
			*status = make(documentStatus)
		}
		(*status)[e.URL], _ = strconv.Atoi(m[1])
	}
	// The full browser asks for this by itself, the headless shell does not;
	// a result must not depend on which of them ran.
	if u, err := url.Parse(e.URL); err == nil && u.Path == "/favicon.ico" && e.Source == log.EntrySourceNetwork {
		return
	}
	entry := jobs.ConsoleEntry{Text: e.Text, URL: e.URL, Line: int(e.LineNumber)}
	switch e.Level {
	case log.EntryLevelError:
		entry.Level = "error"
	case log.EntryLevelWarning:
		entry.Level = "warning"
	default:
		return
	}
	c.keep(entry)
}

// note adds a warning of our own.
func (c *console) note(text, url string) {
	c.keep(jobs.ConsoleEntry{Level: "warning", Text: text, URL: url})
}

func (c *console) keep(e jobs.ConsoleEntry) {
	if e.Level != "warning" {
		c.errors++
	}
	if len(c.entries) == maxConsole {
		c.dropped++
		return
	}
	e.Text = shorten(e.Text, maxConsoleText)
	e.URL = shorten(e.URL, maxConsoleText)
	c.entries = append(c.entries, e)
}

// all is what was kept, with a last entry that says how much was not.
func (c *console) all() []jobs.ConsoleEntry {
	if c.dropped == 0 {
		return c.entries
	}
	return append(c.entries[:len(c.entries):len(c.entries)], jobs.ConsoleEntry{
		Level: "warning", Text: fmt.Sprintf("%d more entries are not shown", c.dropped),
	})
}

func origin(st *runtime.StackTrace, url string, line int) (string, int) {
	if st != nil && len(st.CallFrames) > 0 {
		f := st.CallFrames[0]
		return f.URL, int(f.LineNumber) + 1
	}
	return url, line
}

// describe renders a value as the console would.
func describe(o *runtime.RemoteObject) string {
	switch {
	case o.Type == runtime.RemoteObjectTypeString:
		var s string
		if unmarshal(o.Value, &s) == nil {
			return s
		}
	case o.Description != "":
		return o.Description
	}
	if len(o.Value) > 0 {
		return string(o.Value)
	}
	if o.UnserializableValue != "" {
		return string(o.UnserializableValue)
	}
	return string(o.Type)
}

// shorten cuts s to at most n bytes of whole characters.
func shorten(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}
