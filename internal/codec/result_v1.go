package codec

import (
	"fmt"
	"slices"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// resultV1 is the data of a result in version 1.
type resultV1 = resultOf[verdictV1, stepRunV1]

// resultOf is the data of a result with verdicts of shape V and steps of shape
// S: what versions 1 and 2 have in common. It is complete without its envelope,
// because it is stored so.
type resultOf[V, S any] struct {
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

	Timings  timingsV1  `json:"timings,omitzero"`
	Verdicts []V        `json:"verdicts,omitempty"`
	Steps    []S        `json:"steps,omitempty"`
	Evidence evidenceV1 `json:"evidence,omitzero"`
	Worker   workerV1   `json:"worker,omitzero"`
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

// fault finds the first field without which the result has no meaning.
func (w *resultOf[V, S]) fault() (field, reason string) {
	known := check.Kinds
	if _, first := any(w).(*resultV1); first {
		known = kindsV1
	}
	switch {
	case w.JobID == "":
		return "job_id", "is missing"
	case w.RunID == "":
		return "run_id", "is missing"
	case w.CheckID == "":
		return "check_id", "is missing"
	case w.Kind == "":
		return "kind", "is missing"
	case !slices.Contains(known, w.Kind):
		return "kind", fmt.Sprintf("is %.100q; this build knows %q", w.Kind, known)
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
