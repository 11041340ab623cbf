package codec

import "fmt"

// jobV1 is the data of a job in version 1. Its id, the time at which it was
// sent and its trace context are in the envelope. It is answered in version 1.
type jobV1 struct {
	RunID     string    `json:"run_id"`
	Check     *checkV1  `json:"check"`
	Location  string    `json:"location"`
	Slot      timestamp `json:"slot,omitzero"`
	Attempt   int       `json:"attempt"`
	ExpiresAt timestamp `json:"expires_at,omitzero"`
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
