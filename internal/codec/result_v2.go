package codec

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// resultV2 is the data of a result in version 2: verdicts name the step of the
// API check that they are about, and such a step has timings.
type resultV2 = resultOf[verdictV2, stepRunV2, evidenceV2]

type verdictV2 struct {
	Step     string `json:"step,omitempty"`
	Expr     string `json:"expr"`
	OK       bool   `json:"ok"`
	Degraded bool   `json:"degraded,omitempty"`
	Message  string `json:"message,omitempty"`
}

type stepRunV2 struct {
	Name     string       `json:"name,omitempty"`
	Action   check.Action `json:"action,omitempty"`
	Duration micros       `json:"duration_us,omitempty"`
	Timings  timingsV1    `json:"timings,omitzero"`
	OK       bool         `json:"ok"`
	Error    string       `json:"error,omitempty"`

	At       micros   `json:"at_us,omitempty"`
	Selector string   `json:"selector,omitempty"`
	Element  string   `json:"element,omitempty"`
	Instead  []string `json:"instead,omitempty"`
	Optional bool     `json:"optional,omitempty"`
}

func newTimingsV1(t jobs.Timings) timingsV1 {
	return timingsV1{
		DNS: microsOf(t.DNS), Connect: microsOf(t.Connect), TLS: microsOf(t.TLS),
		FirstByte: microsOf(t.FirstByte), Download: microsOf(t.Download), Total: microsOf(t.Total),
	}
}

func (w timingsV1) timings() jobs.Timings {
	return jobs.Timings{
		DNS: w.DNS.duration(), Connect: w.Connect.duration(), TLS: w.TLS.duration(),
		FirstByte: w.FirstByte.duration(), Download: w.Download.duration(), Total: w.Total.duration(),
	}
}

func newResultV2(r jobs.Result) (*resultV2, error) {
	w := &resultV2{
		JobID: r.JobID, RunID: r.RunID, CheckID: r.CheckID, Kind: r.Kind, Location: r.Location,
		Slot: stamp(r.Slot), Attempt: r.Attempt, Outcome: r.Outcome, Fault: (*faultV1)(r.Fault),
		SentAt: stamp(r.SentAt), ReceivedAt: stamp(r.ReceivedAt),
		StartedAt: stamp(r.StartedAt), FinishedAt: stamp(r.FinishedAt),
		Timings:  newTimingsV1(r.Timings),
		Verdicts: each(r.Verdicts, func(v jobs.Verdict) verdictV2 { return verdictV2(v) }),
		Steps: each(r.Steps, func(s jobs.StepResult) stepRunV2 {
			return stepRunV2{
				Name: s.Name, Action: s.Action, Duration: microsOf(s.Duration),
				Timings: newTimingsV1(s.Timings), OK: s.OK, Error: s.Error,
				At: microsOf(s.At), Selector: s.Selector, Element: s.Element, Instead: s.Instead, Optional: s.Optional,
			}
		}),
		Evidence: newEvidenceV2(r.Evidence),
		Worker:   workerV1(r.Worker),
	}
	return w, unreadable(TypeResult, r.JobID, w)
}

func resultOfV2(w *resultV2) jobs.Result {
	return jobs.Result{
		JobID: w.JobID, RunID: w.RunID, CheckID: w.CheckID, Kind: w.Kind, Location: w.Location,
		Slot: w.Slot.Time, Attempt: w.Attempt, Outcome: w.Outcome, Fault: (*jobs.Fault)(w.Fault),
		SentAt: w.SentAt.Time, ReceivedAt: w.ReceivedAt.Time,
		StartedAt: w.StartedAt.Time, FinishedAt: w.FinishedAt.Time,
		Timings:  w.Timings.timings(),
		Verdicts: each(w.Verdicts, func(v verdictV2) jobs.Verdict { return jobs.Verdict(v) }),
		Steps: each(w.Steps, func(s stepRunV2) jobs.StepResult {
			return jobs.StepResult{
				Name: s.Name, Action: s.Action, Duration: s.Duration.duration(),
				Timings: s.Timings.timings(), OK: s.OK, Error: s.Error,
				At: s.At.duration(), Selector: s.Selector, Element: s.Element, Instead: some(s.Instead), Optional: s.Optional,
			}
		}),
		Evidence: w.Evidence.evidence(),
		Worker:   jobs.Worker(w.Worker),
	}
}

func upcastResultV1(w *resultV1) *resultV2 {
	return rejudge(w,
		func(v verdictV1) verdictV2 {
			return verdictV2{Expr: v.Expr, OK: v.OK, Degraded: v.Degraded, Message: v.Message}
		},
		func(s stepRunV1) stepRunV2 {
			return stepRunV2{Name: s.Name, Action: s.Action, Duration: s.Duration, OK: s.OK, Error: s.Error}
		},
		func(e evidenceV1) evidenceV2 { return evidenceV2{evidenceV1: e} })
}

// downcastResultV2 is the way back. lost says what version 1 has no room for,
// "" where it holds everything. A step without an action is one of an API
// check, which no reader of version 1 expects.
func downcastResultV2(w *resultV2) (down *resultV1, lost string) {
	if lost = lostKind(w.Kind); lost != "" {
		return nil, lost
	}
	for _, v := range w.Verdicts {
		if v.Step != "" {
			return nil, fmt.Sprintf("which step a verdict is about (%q)", v.Step)
		}
	}
	for _, s := range w.Steps {
		if s.Action == "" || s.Timings != (timingsV1{}) {
			return nil, fmt.Sprintf("the step %q of an API check", s.Name)
		}
		if s.At != 0 || s.Selector != "" || s.Element != "" || len(s.Instead) > 0 || s.Optional {
			return nil, fmt.Sprintf("what the step %q found", s.Name)
		}
	}
	if w.Evidence.Visit != nil {
		return nil, "the visit of its browser check"
	}
	return rejudge(w,
		func(v verdictV2) verdictV1 {
			return verdictV1{Expr: v.Expr, OK: v.OK, Degraded: v.Degraded, Message: v.Message}
		},
		func(s stepRunV2) stepRunV1 {
			return stepRunV1{Name: s.Name, Action: s.Action, Duration: s.Duration, OK: s.OK, Error: s.Error}
		},
		func(e evidenceV2) evidenceV1 { return e.evidenceV1 }), ""
}

// rejudge is w with verdicts, steps and evidence in other shapes.
func rejudge[V2, S2, E2, V, S, E any](w *resultOf[V, S, E], verdict func(V) V2, step func(S) S2, evidence func(E) E2) *resultOf[V2, S2, E2] {
	return &resultOf[V2, S2, E2]{
		JobID: w.JobID, RunID: w.RunID, CheckID: w.CheckID, Kind: w.Kind, Location: w.Location,
		Slot: w.Slot, Attempt: w.Attempt, Outcome: w.Outcome, Fault: w.Fault,
		SentAt: w.SentAt, ReceivedAt: w.ReceivedAt, StartedAt: w.StartedAt, FinishedAt: w.FinishedAt,
		Timings: w.Timings, Verdicts: each(w.Verdicts, verdict), Steps: each(w.Steps, step),
		Evidence: evidence(w.Evidence), Worker: w.Worker,
	}
}

func readResultV1(h Header, data []byte) (jobs.Result, error) {
	w, err := readResult[verdictV1, stepRunV1, evidenceV1](h, data)
	if err != nil {
		return jobs.Result{}, err
	}
	return traced(h, resultOfV2(upcastResultV1(w))), nil
}

func readResultV2(h Header, data []byte) (jobs.Result, error) {
	w, err := readResult[verdictV2, stepRunV2, evidenceV2](h, data)
	if err != nil {
		return jobs.Result{}, err
	}
	return traced(h, resultOfV2(w)), nil
}

// traced adds what the envelope says of the trace.
func traced(h Header, r jobs.Result) jobs.Result {
	r.TraceParent = h.TraceParent
	return r
}

func readResult[V, S, E any](h Header, data []byte) (*resultOf[V, S, E], error) {
	prefix := ""
	if h.ID != "" {
		prefix = "data" // there is an envelope around it
	}
	var w resultOf[V, S, E]
	if err := unmarshal(TypeResult, prefix, data, &w); err != nil {
		return nil, err
	}
	field, reason := w.fault()
	if field == "" && h.ID != "" && h.ID != w.JobID {
		field, reason = "job_id", fmt.Sprintf("is %.100q, though the message's id is %.100q", w.JobID, h.ID)
	}
	if field != "" {
		return nil, &DecodeError{Type: TypeResult, Field: join(prefix, field), Reason: reason}
	}
	return &w, nil
}
