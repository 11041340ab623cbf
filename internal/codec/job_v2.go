package codec

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// jobV2 is the data of a job in version 2. It says in which version it wants to
// be answered.
type jobV2 struct {
	RunID     string    `json:"run_id"`
	Check     *checkV2  `json:"check"`
	Location  string    `json:"location"`
	Slot      timestamp `json:"slot,omitzero"`
	Attempt   int       `json:"attempt"`
	ExpiresAt timestamp `json:"expires_at,omitzero"`
	Reply     int       `json:"reply,omitempty"`
}

// newJobCheckV2 is a check as it goes into jobs: without what is no worker's
// business.
func newJobCheckV2(c check.Check) (*checkV2, error) {
	w, err := newCheckV2(c)
	if err == nil {
		w.alarmV2, w.Retry = alarmV2{}, nil
	}
	return w, err
}

func newJobV2(j jobs.Job) (*jobV2, error) {
	c, err := newJobCheckV2(j.Check)
	if err != nil {
		return nil, err
	}
	w := &jobV2{
		RunID: j.RunID, Check: c, Location: j.Location, Slot: stamp(j.Slot),
		Attempt: j.Attempt, ExpiresAt: stamp(j.ExpiresAt), Reply: j.Reply,
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
func (w *jobV2) fault() (field, reason string) {
	if w.RunID != "" && w.Check == nil {
		return "check", "is missing"
	}
	if field, reason = w.frameFault(); field != "" {
		return field, reason
	}
	if field, reason = w.Check.fault(); field != "" {
		field = "check." + field
	}
	return field, reason
}

// frameFault looks at everything but the check.
func (w *jobV2) frameFault() (field, reason string) {
	switch {
	case w.RunID == "":
		return "run_id", "is missing"
	case w.Location == "":
		return "location", "is missing"
	case w.Slot.IsZero():
		return "slot", "is missing"
	case w.Attempt < 1:
		return "attempt", fmt.Sprintf("is %d or missing; attempts count from 1", w.Attempt)
	case w.ExpiresAt.IsZero():
		return "expires_at", "is missing"
	case w.Reply < 0:
		return "reply", fmt.Sprintf("is %d; versions count from 1", w.Reply)
	}
	return "", ""
}

func (w *jobV2) job(h Header) jobs.Job {
	return jobs.Job{
		ID: h.ID, RunID: w.RunID, Check: checkOfV2(w.Check), Location: w.Location, Slot: w.Slot.Time,
		Attempt: w.Attempt, SentAt: h.Time, ExpiresAt: w.ExpiresAt.Time, TraceParent: h.TraceParent, Reply: w.Reply,
	}
}

// upcastJobV1 keeps the answer at version 1: who writes jobs in version 1 may
// do so for the sake of a recorder that reads no other.
func upcastJobV1(w *jobV1) *jobV2 {
	return &jobV2{
		RunID: w.RunID, Check: upcastCheckV1(w.Check), Location: w.Location, Slot: w.Slot,
		Attempt: w.Attempt, ExpiresAt: w.ExpiresAt, Reply: 1,
	}
}

// downcastJobV2 is the way back. That the answer may be newer is no loss: it
// comes in version 1.
func downcastJobV2(w *jobV2) (down *jobV1, lost string) {
	c, lost := downcastCheckV2(w.Check)
	if lost != "" {
		return nil, lost
	}
	return &jobV1{
		RunID: w.RunID, Check: c, Location: w.Location, Slot: w.Slot, Attempt: w.Attempt, ExpiresAt: w.ExpiresAt,
	}, ""
}

func readJobV1(h Header, data []byte) (jobs.Job, error) {
	var w jobV1
	if err := readJob(h, data, &w); err != nil {
		return jobs.Job{}, err
	}
	return upcastJobV1(&w).job(h), nil
}

func readJobV2(h Header, data []byte) (jobs.Job, error) {
	var w jobV2
	if err := readJob(h, data, &w); err != nil {
		return jobs.Job{}, err
	}
	j := w.job(h)
	// No writer asks for an answer that cannot be given, and a worker that did
	// such a job could not say how it ended.
	if reply, lowest := max(1, j.Reply), ResultVersionOf(j.Check); reply < lowest {
		return jobs.Job{}, &DecodeError{Type: TypeJob, Field: "data.reply", Reason: fmt.Sprintf("asks for results in version %d; those of its check need version %d", reply, lowest)}
	}
	return j, nil
}

func readJob(h Header, data []byte, w interface{ fault() (field, reason string) }) error {
	if err := unmarshal(TypeJob, "data", data, w); err != nil {
		return err
	}
	if field, reason := w.fault(); field != "" {
		return &DecodeError{Type: TypeJob, Field: "data." + field, Reason: reason}
	}
	if h.Time.IsZero() {
		return missing(TypeJob, "time")
	}
	return nil
}
