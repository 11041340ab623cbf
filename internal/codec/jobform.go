package codec

import (
	"fmt"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// JobForm is what all jobs of a check have in common in one version: the check,
// written once. Whoever sends many jobs keeps it in place of the check. It is
// a value, about as large as the check's JSON.
type JobForm struct {
	version, replies int8 // replies is the lowest version of results
	check            string
}

// NewJobForm writes c for jobs of a version; errors as of [EncodeJobAt].
func NewJobForm(version int, c check.Check) (JobForm, error) {
	w, err := newJobCheckV2(c)
	if err == nil {
		err = unreadable(TypeCheck, c.ID, w)
	}
	if err != nil {
		return JobForm{}, err
	}
	var data any = w
	switch version {
	case 2:
	case 1:
		down, lost := downcastCheckV2(w)
		if lost == "" {
			lost = lostOf(unknownAt{c.Unknown, []string{"data", "check"}})
		}
		if lost != "" {
			return JobForm{}, &CannotDowncastError{Type: TypeJob, ID: c.ID, Version: version, Lost: lost}
		}
		data = down
	default:
		return JobForm{}, unknownVersion(TypeJob, c.ID, version, JobVersion)
	}
	b, err := encode(TypeCheck, c.ID, MaxBytes, data)
	if err == nil {
		b, err = withUnknown(TypeCheck, c.ID, MaxBytes, b, unknownAt{text: c.Unknown})
	}
	return JobForm{version: int8(version), replies: int8(ResultVersionOf(c)), check: string(b)}, err
}

// In is the same check for jobs of another version; errors as of [NewJobForm].
func (f JobForm) In(version int) (JobForm, error) {
	if version == int(f.version) {
		return f, nil
	}
	c, err := DecodeCheck(int(f.version), []byte(f.check))
	if err != nil {
		return JobForm{}, err
	}
	return NewJobForm(version, c)
}

// Version is the one in which jobs are written.
func (f JobForm) Version() int { return int(f.version) }

// Encode writes a job of the form's check: what [EncodeJobAt] writes, apart
// from the order of members where some are unknown. j.Check is not looked at,
// and j has no unknown fields of its own.
func (f JobForm) Encode(j jobs.Job) ([]byte, error) {
	if reply := max(1, j.Reply); f.version > 1 && reply < int(f.replies) {
		return nil, &CannotDowncastError{Type: TypeResult, ID: j.ID, Version: reply, Lost: "the results of its steps"}
	}
	w := jobV2{RunID: j.RunID, Location: j.Location, Slot: stamp(j.Slot), Attempt: j.Attempt, ExpiresAt: stamp(j.ExpiresAt), Reply: j.Reply}
	field, reason := w.frameFault()
	switch {
	case f.check == "":
		return nil, fmt.Errorf("encoding %s %q: its form is empty", TypeJob, j.ID)
	case j.ID == "" || j.SentAt.IsZero():
		return nil, fmt.Errorf("encoding %s %q of run %q: it lacks its id or the time at which it is sent", TypeJob, j.ID, j.RunID)
	case j.Unknown != "":
		return nil, fmt.Errorf("encoding %s %q: it has unknown fields, for which a form has no room", TypeJob, j.ID)
	case field != "":
		return nil, fmt.Errorf("encoding %s %q: %s %s", TypeJob, j.ID, field, reason)
	}
	b := make([]byte, 0, len(f.check)+len(j.Location)+len(j.TraceParent)+400)
	b = append(b, `{"type":"`+TypeJob+`","v":`...)
	b = strconv.AppendInt(b, int64(f.version), 10)
	b = append(b, `,"min":`...)
	b = strconv.AppendInt(b, int64(f.version), 10)
	b = appendText(append(b, `,"id":`...), j.ID)
	b, err := appendTime(append(b, `,"time":`...), j.SentAt)
	if j.TraceParent != "" {
		b = appendText(append(b, `,"trace":`...), j.TraceParent)
	}
	b = appendText(append(b, `,"data":{"run_id":`...), j.RunID)
	b = append(append(b, `,"check":`...), f.check...)
	b = appendText(append(b, `,"location":`...), j.Location)
	if err == nil {
		b, err = appendTime(append(b, `,"slot":`...), j.Slot)
	}
	b = strconv.AppendInt(append(b, `,"attempt":`...), int64(j.Attempt), 10)
	if err == nil {
		b, err = appendTime(append(b, `,"expires_at":`...), j.ExpiresAt)
	}
	if f.version > 1 && j.Reply != 0 {
		b = strconv.AppendInt(append(b, `,"reply":`...), int64(j.Reply), 10)
	}
	b = append(b, "}}"...)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encoding %s %q: %w", TypeJob, j.ID, err)
	case len(b) > MaxBytes:
		return nil, fmt.Errorf("encoding %s %q: it comes to %d bytes, more than the %d allowed; keep less text in it", TypeJob, j.ID, len(b), MaxBytes)
	}
	return b, nil
}

// appendText adds a string as [encode] writes it.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := marshal(s)
			if err != nil { // no string is refused
				text = []byte(`""`)
			}
			return append(b, replaceNUL(text)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendTime adds a time as [timestamp] is written.
func appendTime(b []byte, t time.Time) ([]byte, error) {
	text, err := t.UTC().AppendText(append(b, '"'))
	return append(text, '"'), err
}

// AttributesOf are what [Attributes] answers of the form's jobs. The map is
// shared: nobody changes it.
func (f JobForm) AttributesOf() map[string]string { return jobAttributes[f.version] }

var jobAttributes = []map[string]string{1: attributesAt(1), 2: attributesAt(2)}

func attributesAt(version int) map[string]string {
	return map[string]string{"type": TypeJob, "version": strconv.Itoa(version)}
}
