package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
)

// reason says why a run ended as it did, for somebody who never saw the check.
type reason struct {
	// Sentence is the whole story in one; Wanted and Got are the two sides of
	// what did not hold, where there are such.
	Sentence string
	// Said is what the page showed, "" where that is not known.
	Said string
	// Detail is the fault in the runner's own words.
	Detail string
	Class  jobs.FaultClass
	Ours   bool
}

// explain finds the reason of a result.
func explain(r jobs.Result) reason {
	out := reason{Ours: !r.Outcome.Conclusive()}
	if r.Fault != nil {
		out.Class, out.Detail = r.Fault.Class, r.Fault.Message
	}
	if r.Outcome == jobs.Passed {
		out.Sentence = "Everything was as expected."
		return out
	}
	if v := r.Evidence.Visit; v != nil {
		title := ""
		if p := r.Evidence.Page; p != nil {
			title = p.Title
		}
		out.Said = said(v.Text, title)
	}
	i := failing(r)
	switch {
	case r.Outcome == jobs.Expired:
		out.Sentence = "The job waited for a worker until it was too old to be started. That says nothing about the target."
	case r.Outcome == jobs.Inconclusive:
		out.Sentence = "The run could not be made here: " + lowerFirst(out.Detail) + ". That says nothing about the target."
	case i >= 0 && r.Kind == check.KindBrowser:
		out.Sentence = browserSentence(r, i)
	case i >= 0:
		out.Sentence = fmt.Sprintf("Step %d, “%s”, did not succeed: %s.", i+1, r.Steps[i].Name, strings.TrimSuffix(firstOf(r.Steps[i].Error, out.Detail), "."))
	case out.Class == jobs.FaultAssertion:
		out.Sentence = assertionSentence(r)
	default:
		out.Sentence = upperFirst(strings.TrimSuffix(firstOf(out.Detail, string(r.Outcome)), ".")) + "."
	}
	return out
}

// failing is the first step that failed and was not allowed to, -1 where there
// is none.
func failing(r jobs.Result) int {
	for i, s := range r.Steps {
		if !s.OK && !s.Optional {
			return i
		}
	}
	return -1
}

// browserSentence tells the story of a flow that did not reach its end: what
// was done last, what was answered, and what was waited for in vain.
func browserSentence(r jobs.Result, i int) string {
	s := r.Steps[i]
	tail := inVain(s, i+1)
	act := i
	if i > 0 && !acts(s.Action) {
		for act = i - 1; act > 0 && !acts(r.Steps[act].Action); act-- {
		}
	}
	after := "After " + doing(r.Steps[act]) + ", "
	q := culprit(r.Evidence.Visit, r.Steps[act].At, s.At+s.Duration)
	if q == nil {
		if act == i {
			return upperFirst(tail)
		}
		return after + tail
	}
	answer := "the server answered " + q.Method + " " + path(q.URL) + " with " + statusWords(q.Status)
	if q.Status == 0 {
		answer = "the request " + q.Method + " " + path(q.URL) + " was not answered (" + q.Error + ")"
	}
	if act == i {
		return upperFirst(answer) + ". So " + tail
	}
	return after + answer + ". So " + tail
}

// inVain says what a step waited for, or what became of it.
func inVain(s jobs.StepResult, n int) string {
	problem, _, _ := strings.Cut(s.Error, "; the page is ")
	what := target(s.Name)
	switch s.Action {
	case check.ActionWaitElement, check.ActionExpectVisible:
		if what != "" && strings.HasPrefix(problem, "0 elements") {
			return fmt.Sprintf("%s did not appear within %s (step %d).", what, web.Interval(s.Duration.Round(time.Second)), n)
		}
	case check.ActionExpectText:
		if what != "" {
			return fmt.Sprintf("the text %s was not there within %s (step %d).", what, web.Interval(s.Duration.Round(time.Second)), n)
		}
	}
	return fmt.Sprintf("step %d, %s, did not succeed: %s.", n, stepWords(s.Name), strings.TrimSuffix(firstOf(problem, "no reason was given"), "."))
}

// doing says an action as something that was done: clicking “Place order”.
func doing(s jobs.StepResult) string {
	what := target(s.Name)
	if what == "" {
		return "“" + stepWords(s.Name) + "”"
	}
	switch s.Action {
	case check.ActionClick, check.ActionDoubleClick:
		return "clicking " + what
	case check.ActionOpen:
		return "opening " + what
	case check.ActionPress, check.ActionKeyDown:
		return "pressing " + what
	case check.ActionSelect:
		return "selecting in " + what
	}
	return "“" + stepWords(s.Name) + "”"
}

// target is what stands in quotes in a step's name, "" where nothing does.
func target(name string) string {
	_, rest, ok := strings.Cut(stepWords(name), `"`)
	end := strings.LastIndex(rest, `"`)
	if !ok || end < 1 || strings.Contains(rest[:end], `"`) {
		return ""
	}
	return "“" + rest[:end] + "”"
}

// acts reports whether an action does something that a page reacts to, and does
// not only look.
func acts(a check.Action) bool {
	switch a {
	case check.ActionOpen, check.ActionClick, check.ActionDoubleClick, check.ActionPress, check.ActionKeyDown,
		check.ActionSelect, check.ActionCheck, check.ActionUpload, check.ActionDrag:
		return true
	}
	return false
}

// culprit is the request between two moments of the flow that most likely
// explains why it went no further: the last document that failed, else the last
// call of a script, else whatever else failed.
func culprit(v *jobs.Visit, from, to time.Duration) *jobs.Request {
	if v == nil {
		return nil
	}
	var best *jobs.Request
	rank := func(q jobs.Request) int {
		switch q.Type {
		case "Document":
			return 3
		case "Fetch", "XHR":
			return 2
		}
		return 1
	}
	for i, q := range v.Log {
		failed := q.Status >= http.StatusBadRequest || q.Status == 0 && q.Error != ""
		if failed && q.Start >= from && q.Start <= to && (best == nil || rank(q) >= rank(*best)) {
			best = &v.Log[i]
		}
	}
	return best
}

// assertionSentence says which expectation did not hold, and how many more.
func assertionSentence(r jobs.Result) string {
	degraded := r.Outcome == jobs.Degraded
	var bad []jobs.Verdict
	for _, v := range r.Verdicts {
		if !v.OK && v.Degraded == degraded {
			bad = append(bad, v)
		}
	}
	if len(bad) == 0 {
		return upperFirst(r.Fault.Message) + "."
	}
	word := "The answer is not as expected"
	if degraded {
		word = "It works, but not as well as wanted"
	}
	out := word + ": " + jobs.InStep(bad[0].Step, bad[0].Message)
	if n := len(bad) - 1; n > 0 {
		out += fmt.Sprintf(", and %s more", web.Count(n, "expectation"))
	}
	if p := r.Evidence.Response; p != nil && p.Status >= http.StatusInternalServerError {
		out += ". The server answered " + statusWords(p.Status)
	}
	return strings.TrimSuffix(out, ".") + "."
}

func statusWords(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// said is what is worth quoting of the text of a page: three lines, from its
// heading on, where its title tells that.
func said(text, title string) string {
	heading := title
	for _, sep := range []string{" · ", " | ", " – ", " - "} {
		heading, _, _ = strings.Cut(heading, sep)
	}
	var lines []string
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			lines = append(lines, l)
		}
	}
	if at := slices.IndexFunc(lines, func(l string) bool { return len(heading) > 3 && strings.Contains(l, heading) }); at > 0 {
		lines = lines[at:]
	}
	return web.Shorten(strings.Join(lines[:min(3, len(lines))], " · "), 160)
}

// path is the part of an address that tells requests of one site apart.
func path(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return web.Shorten(address, 80)
	}
	return web.Shorten(u.Path, 80)
}

// stepWords is a step's name as people say it: click "Place order".
func stepWords(name string) string {
	for _, prefix := range []string{"aria/", "text/", "label/", "placeholder/"} {
		name = strings.Replace(name, `"`+prefix, `"`, 1)
	}
	return name
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// upperFirst begins a sentence; the name of a host stays as it is.
func upperFirst(s string) string {
	if first, _, _ := strings.Cut(s, " "); s == "" || strings.ContainsAny(strings.TrimRight(first, ".,:;"), ".:/") {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[0])) + string(r[1:])
}

func lowerFirst(s string) string {
	r := []rune(s)
	if len(r) < 2 || strings.ToUpper(string(r[1])) == string(r[1]) && strings.ToLower(string(r[1])) != string(r[1]) {
		return s // an acronym
	}
	return strings.ToLower(string(r[0])) + string(r[1:])
}
