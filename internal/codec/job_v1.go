package codec

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/jobs"
)

// jobV1 is the data of a job in version 1. Its id, the time at which it was
// sent and its trace context are in the envelope.
type jobV1 struct {
	RunID     string    `json:"run_id"`
	Check     *checkV1  `json:"check"`
	Location  string    `json:"location"`
	Slot      timestamp `json:"slot,omitzero"`
	Attempt   int       `json:"attempt"`
	ExpiresAt timestamp `json:"expires_at,omitzero"`
}

func newJobV1(j jobs.Job) (*jobV1, error) {
	c, err := newCheckV1(j.Check)
	if err != nil {
		return nil, err
	}
	w := &jobV1{
		RunID: j.RunID, Check: c, Location: j.Location, Slot: stamp(j.Slot),
		Attempt: j.Attempt, ExpiresAt: stamp(j.ExpiresAt),
	}
	switch {
	case j.ID == "":
		return nil, fmt.Errorf("encoding %s of run %q: it has no id", TypeJob, j.RunID)
	case j.SentAt.IsZero():
		return nil, fmt.Errorf("encoding %s %q: it lacks the time at which it is sent", TypeJob, j.ID)
	}
	return w, unreadable(TypeJob, j.ID, w)
}

// fault finds the first field without which the job has no meaning.
func (w *jobV1) fault() (field, reason string) {
	switch {
	case w.RunID == "":
		return "run_id", "is missing"
	case w.Check == nil:
		return "check", "is missing"
	case w.Location == "":
		return "location", "is missing"
	case w.Slot.IsZero():
		return "slot", "is missing"
	case w.Attempt < 1:
		return "attempt", fmt.Sprintf("is %d or missing; attempts count from 1", w.Attempt)
	case w.ExpiresAt.IsZero():
		return "expires_at", "is missing"
	}
	if field, reason = w.Check.fault(); field != "" {
		field = "check." + field
	}
	return field, reason
}

func readJobV1(h Header, data []byte) (jobs.Job, error) {
	var w jobV1
	if err := unmarshal(TypeJob, "data", data, &w); err != nil {
		return jobs.Job{}, err
	}
	if field, reason := w.fault(); field != "" {
		return jobs.Job{}, &DecodeError{Type: TypeJob, Field: "data." + field, Reason: reason}
	}
	if h.Time.IsZero() {
		return jobs.Job{}, missing(TypeJob, "time")
	}
	return jobs.Job{
		ID: h.ID, RunID: w.RunID, Check: w.Check.check(), Location: w.Location, Slot: w.Slot.Time,
		Attempt: w.Attempt, SentAt: h.Time, ExpiresAt: w.ExpiresAt.Time, TraceParent: h.TraceParent,
	}, nil
}
