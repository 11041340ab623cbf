package runner

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/jobs"
)

// EvidenceCap is the number of bytes that the words of one result may take,
// counted as JSON.
const EvidenceCap = 64 << 10

// maxWords caps a single field that is not the excerpt of a body: messages,
// header values, lines of a console.
const maxWords = 4 << 10

const cutMark = "… (cut)"

// tidy makes every word of a result fit to be stored: valid UTF-8, no NUL
// (jsonb holds neither), and not more than the cap. What is cut says so, and
// its parts are named in the answer. The order below is the order of
// importance.
func tidy(res *jobs.Result) (cut []string) {
	b := budget{left: EvidenceCap}
	b.part = partFault
	if res.Fault != nil {
		f := *res.Fault
		f.Message = b.take(f.Message)
		res.Fault = &f
	}
	b.part = partVerdicts
	for i := range res.Verdicts {
		v := &res.Verdicts[i]
		v.Message = b.take(v.Message)
		v.Expr = b.take(v.Expr)
	}
	b.part = partSteps
	for i := range res.Steps {
		s := &res.Steps[i]
		s.Error = b.take(s.Error)
		s.Name = b.take(s.Name)
		s.Selector, s.Element = b.take(s.Selector), b.take(s.Element)
		for k := range s.Instead {
			s.Instead[k] = b.take(s.Instead[k])
		}
	}
	b.part = partPage
	if p := res.Evidence.Page; p != nil {
		p.URL, p.Title = b.take(p.URL), b.take(p.Title)
	}
	b.part = partNone
	for i := range res.Evidence.Artifacts {
		a := &res.Evidence.Artifacts[i]
		a.Name, a.Key, a.ContentType = b.take(a.Name), b.take(a.Key), b.take(a.ContentType)
	}
	if r := res.Evidence.Response; r != nil {
		b.response(r)
	}
	b.part = partConsole
	res.Evidence.Console = b.console(res.Evidence.Console)
	return b.cut
}

// budget is what is left of the cap.
type budget struct {
	left int
	part string   // what is being taken
	cut  []string // the parts of which something was not
}

// lose notes that something of the current part is cut.
func (b *budget) lose() {
	if b.part != partNone && !slices.Contains(b.cut, b.part) {
		b.cut = append(b.cut, b.part)
	}
}

// take is s without what cannot be stored, cut to maxWords and what is left.
func (b *budget) take(s string) string { return b.takeUpTo(s, maxWords) }

func (b *budget) takeUpTo(s string, most int) string {
	if s == "" {
		return ""
	}
	s = clean(s)
	room := min(b.left, most)
	kept, cost := fit(s, room)
	if len(kept) < len(s) {
		b.lose()
		kept, cost = fit(s, max(0, room-len(cutMark)))
		kept, cost = kept+cutMark, cost+len(cutMark)
	}
	b.left = max(0, b.left-cost)
	return kept
}

func (b *budget) response(r *jobs.Response) {
	b.part = partResponse
	r.URL, r.Proto, r.RemoteAddr = b.take(r.URL), b.take(r.Proto), b.take(r.RemoteAddr)
	if t := r.TLS; t != nil {
		t.Version, t.Issuer, t.Subject = b.take(t.Version), b.take(t.Issuer), b.take(t.Subject)
	}
	b.part = partBody
	r.Excerpt = b.takeUpTo(r.Excerpt, EvidenceCap/2) // markup is up to six times as long in JSON
	b.part = partHeaders
	names := make([]string, 0, len(r.Headers))
	for name := range r.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	kept := make(map[string]string, len(names))
	for i, name := range names {
		if b.left < len(name)+len(cutMark) {
			b.lose()
			kept["…"] = fmt.Sprintf("%d more headers were cut", len(names)-i)
			break
		}
		kept[b.take(name)] = b.take(r.Headers[name])
	}
	if r.Headers != nil {
		r.Headers = kept
	}
}

func (b *budget) console(entries []jobs.ConsoleEntry) []jobs.ConsoleEntry {
	for i := range entries {
		if b.left < 2*len(cutMark) {
			b.lose()
			said := jobs.ConsoleEntry{Level: "warning", Text: fmt.Sprintf("%d more entries were cut", len(entries)-i)}
			return append(entries[:i:i], said)
		}
		e := &entries[i]
		e.Text, e.URL = b.take(e.Text), b.take(e.URL)
		e.Level = clean(e.Level)
	}
	return entries
}

// clean replaces what Postgres' jsonb does not hold.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// fit is the longest start of s that takes no more than room bytes as JSON,
// with what it takes. Characters that an encoder may write as \u00xx count so.
func fit(s string, room int) (string, int) {
	cost := 0
	for i, r := range s {
		c := utf8.RuneLen(r)
		switch {
		case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029':
			c = 6
		case r == '"' || r == '\\':
			c = 2
		}
		if cost+c > room {
			return s[:i], cost
		}
		cost += c
	}
	return s, cost
}
