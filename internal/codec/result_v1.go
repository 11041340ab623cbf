package codec

import (
	"fmt"
	"slices"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// resultV1 is the data of a result in version 1. It is complete without its
// envelope, because it is stored so.
type resultV1 struct {
	JobID    string       `json:"job_id"`
	RunID    string       `json:"run_id"`
	CheckID  string       `json:"check_id"`
	Kind     check.Kind   `json:"kind"`
	Location string       `json:"location"`
	Slot     timestamp    `json:"slot,omitzero"`
	Attempt  int          `json:"attempt"`
	Outcome  jobs.Outcome `json:"outcome"`
	Fault    *faultV1     `json:"fault,omitempty"`

	SentAt     timestamp `json:"sent_at,omitzero"`
	ReceivedAt timestamp `json:"received_at,omitzero"`
	StartedAt  timestamp `json:"started_at,omitzero"`
	FinishedAt timestamp `json:"finished_at,omitzero"`

	Timings  timingsV1   `json:"timings,omitzero"`
	Verdicts []verdictV1 `json:"verdicts,omitempty"`
	Steps    []stepRunV1 `json:"steps,omitempty"`
	Evidence evidenceV1  `json:"evidence,omitzero"`
	Worker   workerV1    `json:"worker,omitzero"`
}

type faultV1 struct {
	Class   jobs.FaultClass `json:"class,omitempty"`
	Message string          `json:"message,omitempty"`
}

type timingsV1 struct {
	DNS       micros `json:"dns_us,omitempty"`
	Connect   micros `json:"connect_us,omitempty"`
	TLS       micros `json:"tls_us,omitempty"`
	FirstByte micros `json:"first_byte_us,omitempty"`
	Download  micros `json:"download_us,omitempty"`
	Total     micros `json:"total_us,omitempty"`
}

type verdictV1 struct {
	Expr     string `json:"expr"`
	OK       bool   `json:"ok"`
	Degraded bool   `json:"degraded,omitempty"`
	Message  string `json:"message,omitempty"`
}

type stepRunV1 struct {
	Name     string       `json:"name,omitempty"`
	Action   check.Action `json:"action"`
	Duration micros       `json:"duration_us,omitempty"`
	OK       bool         `json:"ok"`
	Error    string       `json:"error,omitempty"`
}

type workerV1 struct {
	ID      string `json:"id,omitempty"`
	Build   string `json:"build,omitempty"`
	Browser string `json:"browser,omitempty"`
}

func newResultV1(r jobs.Result) (*resultV1, error) {
	w := &resultV1{
		JobID: r.JobID, RunID: r.RunID, CheckID: r.CheckID, Kind: r.Kind, Location: r.Location,
		Slot: stamp(r.Slot), Attempt: r.Attempt, Outcome: r.Outcome, Fault: (*faultV1)(r.Fault),
		SentAt: stamp(r.SentAt), ReceivedAt: stamp(r.ReceivedAt),
		StartedAt: stamp(r.StartedAt), FinishedAt: stamp(r.FinishedAt),
		Timings: timingsV1{
			DNS: microsOf(r.Timings.DNS), Connect: microsOf(r.Timings.Connect), TLS: microsOf(r.Timings.TLS),
			FirstByte: microsOf(r.Timings.FirstByte), Download: microsOf(r.Timings.Download), Total: microsOf(r.Timings.Total),
		},
		Verdicts: each(r.Verdicts, func(v jobs.Verdict) verdictV1 { return verdictV1(v) }),
		Steps: each(r.Steps, func(s jobs.StepResult) stepRunV1 {
			return stepRunV1{Name: s.Name, Action: s.Action, Duration: microsOf(s.Duration), OK: s.OK, Error: s.Error}
		}),
		Evidence: newEvidenceV1(r.Evidence),
		Worker:   workerV1(r.Worker),
	}
	return w, unreadable(TypeResult, r.JobID, w)
}

// fault finds the first field without which the result has no meaning.
func (w *resultV1) fault() (field, reason string) {
	switch {
	case w.JobID == "":
		return "job_id", "is missing"
	case w.RunID == "":
		return "run_id", "is missing"
	case w.CheckID == "":
		return "check_id", "is missing"
	case w.Kind == "":
		return "kind", "is missing"
	case !slices.Contains(check.Kinds, w.Kind):
		return "kind", fmt.Sprintf("is %.100q; this build knows %q", w.Kind, check.Kinds)
	case w.Location == "":
		return "location", "is missing"
	case w.Slot.IsZero():
		return "slot", "is missing"
	case w.Attempt < 1:
		return "attempt", fmt.Sprintf("is %d or missing; attempts count from 1", w.Attempt)
	case w.Outcome == "":
		return "outcome", "is missing"
	case !slices.Contains(jobs.Outcomes, w.Outcome):
		return "outcome", fmt.Sprintf("is %.100q; this build knows %q", w.Outcome, jobs.Outcomes)
	}
	return "", ""
}

func (w *resultV1) result() jobs.Result {
	t := w.Timings
	return jobs.Result{
		JobID: w.JobID, RunID: w.RunID, CheckID: w.CheckID, Kind: w.Kind, Location: w.Location,
		Slot: w.Slot.Time, Attempt: w.Attempt, Outcome: w.Outcome, Fault: (*jobs.Fault)(w.Fault),
		SentAt: w.SentAt.Time, ReceivedAt: w.ReceivedAt.Time,
		StartedAt: w.StartedAt.Time, FinishedAt: w.FinishedAt.Time,
		Timings: jobs.Timings{
			DNS: t.DNS.duration(), Connect: t.Connect.duration(), TLS: t.TLS.duration(),
			FirstByte: t.FirstByte.duration(), Download: t.Download.duration(), Total: t.Total.duration(),
		},
		Verdicts: each(w.Verdicts, func(v verdictV1) jobs.Verdict { return jobs.Verdict(v) }),
		Steps: each(w.Steps, func(s stepRunV1) jobs.StepResult {
			return jobs.StepResult{Name: s.Name, Action: s.Action, Duration: s.Duration.duration(), OK: s.OK, Error: s.Error}
		}),
		Evidence: w.Evidence.evidence(),
		Worker:   jobs.Worker(w.Worker),
	}
}

func readResultV1(h Header, data []byte) (jobs.Result, error) {
	prefix := ""
	if h.ID != "" {
		prefix = "data" // there is an envelope around it
	}
	var w resultV1
	if err := unmarshal(TypeResult, prefix, data, &w); err != nil {
		return jobs.Result{}, err
	}
	field, reason := w.fault()
	if field == "" && h.ID != "" && h.ID != w.JobID {
		field, reason = "job_id", fmt.Sprintf("is %.100q, though the message's id is %.100q", w.JobID, h.ID)
	}
	if field != "" {
		return jobs.Result{}, &DecodeError{Type: TypeResult, Field: join(prefix, field), Reason: reason}
	}
	return w.result(), nil
}
