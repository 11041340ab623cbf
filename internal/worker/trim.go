package worker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/jobs"
)

// What is left of a result that did not fit into a message. At six bytes of
// JSON for each byte of text this stays under two thirds of the limit.
const (
	trimText    = 256 // bytes of one text
	trimEntries = 50  // entries of one list
)

const trimNote = "this result was too large for the queue: headers, body and console were left out, texts cut to 256 bytes and lists to 50 entries"

// trim cuts res down to what must arrive in any case. It says so in the
// console, the only part of the evidence that is shown for every kind. It does
// not change what res points to.
func trim(res jobs.Result) jobs.Result {
	if res.Fault != nil {
		res.Fault = &jobs.Fault{Class: res.Fault.Class, Message: short(res.Fault.Message)}
	}
	// Verdicts that hold and steps that succeeded make room for the others.
	res.Verdicts = few(res.Verdicts, func(v jobs.Verdict) bool { return v.OK })
	for i, v := range res.Verdicts {
		res.Verdicts[i].Expr, res.Verdicts[i].Message = short(v.Expr), short(v.Message)
	}
	res.Steps = few(res.Steps, func(s jobs.StepResult) bool { return s.OK })
	for i, s := range res.Steps {
		res.Steps[i].Name, res.Steps[i].Error = short(s.Name), short(s.Error)
	}
	res.Evidence = trimEvidence(res.Evidence)
	return res
}

func trimEvidence(e jobs.Evidence) jobs.Evidence {
	note := jobs.ConsoleEntry{Level: "warning", Text: trimNote}
	kept := jobs.Evidence{Console: []jobs.ConsoleEntry{note}}
	if r := e.Response; r != nil {
		kept.Response = &jobs.Response{
			Status: r.Status, Proto: short(r.Proto), Size: r.Size, RemoteAddr: short(r.RemoteAddr),
			URL: short(r.URL), Redirects: r.Redirects,
		}
	}
	if p := e.Page; p != nil {
		kept.Page = &jobs.Page{URL: short(p.URL), Title: short(p.Title)}
	}
	for _, a := range e.Artifacts[:min(len(e.Artifacts), trimEntries)] {
		if len(a.Key) > trimText {
			continue // half a key leads nowhere
		}
		a.Name, a.ContentType = short(a.Name), short(a.ContentType)
		kept.Artifacts = append(kept.Artifacts, a)
	}
	return kept
}

// few copies at most trimEntries of the list, in order, those that are not fine
// before the others.
func few[T any](list []T, fine func(T) bool) []T {
	if len(list) <= trimEntries {
		return slices.Clone(list)
	}
	room := trimEntries
	keep := make([]bool, len(list))
	for _, want := range []bool{false, true} {
		for i, v := range list {
			if room > 0 && fine(v) == want {
				keep[i] = true
				room--
			}
		}
	}
	kept := make([]T, 0, trimEntries)
	for i, v := range list {
		if keep[i] {
			kept = append(kept, v)
		}
	}
	return kept
}

// short is the start of s, at most trimText bytes, and says how much is gone.
func short(s string) string {
	if len(s) <= trimText {
		return s
	}
	kept := strings.ToValidUTF8(s[:trimText-32], "")
	return kept + fmt.Sprintf("… (%d bytes cut)", len(s)-len(kept))
}
