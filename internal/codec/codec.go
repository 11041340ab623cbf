// Package codec holds the only bytes of jobs, results and checks: the JSON
// that travels in queues and lies in JSONB columns, every version of it. It
// owns the envelope, the versions, and what is done with text that JSONB
// would refuse. It refuses to know what the values mean (check, jobs) and
// where the bytes go (queue, store).
//
// Rules of the format, for every version:
//
//   - Unknown fields have no meaning here, and are kept: in jobs, checks and
//     announcements they are written again where they were read, by a version
//     that has room for them; stored results keep those of their data, see
//     [ReceivedResultData].
//   - Missing optional fields are Go's zero value. Empty lists and maps are left
//     out, and so come back nil.
//   - Durations are whole microseconds in fields that end in _us; what is not
//     zero never becomes zero by rounding. Times are RFC 3339, UTC,
//     nanoseconds, and left out where they are the zero time.
//   - Integers are exact to 64 bits.
//   - No string holds NUL, a lone surrogate or invalid UTF-8: each is replaced
//     by U+FFFD, in writing and in reading, because JSONB refuses them.
//   - A name that appears twice in one object is an error: readers disagree
//     on which of the two counts.
//   - Equal values have equal bytes: maps are written in the order of their
//     keys.
package codec

import (
	"bytes"
	"cmp"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// The newest version of each type. Everything past this package sees only
// their values: readers upcast.
const (
	JobVersion    = 2
	ResultVersion = 2
	CheckVersion  = 2

	AnnouncementVersion = 1
)

// The types of messages, as their envelopes name them. A check has no
// envelope; its type appears in errors only.
const (
	TypeJob    = "probefleet.job"
	TypeResult = "probefleet.result"
	TypeCheck  = "probefleet.check"
	TypeWorker = "probefleet.worker"
)

const (
	// MaxBytes caps a message, the same as a queue does. What is larger is
	// neither written nor read.
	MaxBytes = 1 << 20
	// MaxCheckBytes caps a check on its own, so that every job of it fits
	// into a message.
	MaxCheckBytes = 256 << 10
)

// A reader makes today's value of data in one version. The tables below list
// them by version; that of an old version upcasts step by step, v to v+1.
type reader[T any] func(h Header, data []byte) (T, error)

var (
	jobReaders    = []reader[jobs.Job]{1: readJobV1, 2: readJobV2}
	resultReaders = []reader[jobs.Result]{1: readResultV1, 2: readResultV2}
	checkReaders  = []reader[check.Check]{1: readCheckV1, 2: readCheckV2}
)

// EncodeJob writes j as a message of version [JobVersion]; see [EncodeJobAt].
func EncodeJob(j jobs.Job) ([]byte, error) { return EncodeJobAt(JobVersion, j) }

// EncodeJobAt writes j as a message of a version that this build knows. It is a
// *[CannotDowncastError] if that version, or results of version j.Reply, have
// no room for something that the check has; and another error if j has no spec,
// lacks a field without which it could not be read, or comes to more than
// [MaxBytes].
func EncodeJobAt(version int, j jobs.Job) ([]byte, error) {
	w, err := newJobV2(j)
	if err != nil {
		return nil, err
	}
	strange := []unknownAt{{j.Unknown, nil}, {j.Check.Unknown, []string{"data", "check"}}}
	var data any = w
	switch version {
	case 2:
		if reply := max(1, j.Reply); reply < ResultVersionOf(j.Check) {
			return nil, &CannotDowncastError{Type: TypeResult, ID: j.ID, Version: reply, Lost: cmp.Or(lostKind(j.Check.Kind()), "the results of its steps")}
		}
	case 1:
		down, lost := downcastJobV2(w)
		if lost == "" {
			lost = lostOf(strange...)
		}
		if lost != "" {
			return nil, &CannotDowncastError{Type: TypeJob, ID: j.ID, Version: version, Lost: lost}
		}
		data = down
	default:
		return nil, unknownVersion(TypeJob, j.ID, version, JobVersion)
	}
	body, err := encode(TypeJob, j.ID, MaxBytes, envelope[any]{
		Type: TypeJob, V: version, Min: version,
		ID: j.ID, Time: stamp(j.SentAt), Trace: j.TraceParent, Data: data,
	})
	if err != nil {
		return nil, err
	}
	return withUnknown(TypeJob, j.ID, MaxBytes, body, strange...)
}

// DecodeJob reads a job of any known version. Errors are
// *[UnsupportedVersionError] or *[DecodeError].
func DecodeJob(body []byte) (jobs.Job, error) {
	return decode(TypeJob, jobReaders, body, keepJob)
}

// ResultVersionOf is the lowest version of results that has room for every
// result of c.
func ResultVersionOf(c check.Check) int {
	if a, ok := c.Spec.(*check.API); ok && a != nil && !a.Single() {
		return 2
	}
	if lostKind(c.Kind()) != "" {
		return 2
	}
	return 1
}

// JobVersionOf is the lowest version of jobs that has room for c.
func JobVersionOf(c check.Check) int {
	if c.Unknown != "" {
		return JobVersion // a newer release wrote it
	}
	w, err := newJobCheckV2(c)
	if err != nil {
		return 1 // no version has room for a check without a spec
	}
	if _, lost := downcastCheckV2(w); lost != "" {
		return 2
	}
	return 1
}

// EncodeResult writes r as a message of version [ResultVersion]; see
// [EncodeResultAt].
func EncodeResult(r jobs.Result) ([]byte, error) { return EncodeResultAt(ResultVersion, r) }

// EncodeResultAt writes r as a message of a version that this build knows;
// errors as of [EncodeJobAt]. What a reader of a lower version understands as
// well is marked so.
func EncodeResultAt(version int, r jobs.Result) ([]byte, error) {
	data, lowest, err := resultAt(version, r)
	if err != nil {
		return nil, err
	}
	at := r.FinishedAt
	for _, t := range []time.Time{r.ReceivedAt, r.SentAt, r.Slot} {
		if at.IsZero() {
			at = t
		}
	}
	return encode(TypeResult, r.JobID, MaxBytes, envelope[any]{
		Type: TypeResult, V: version, Min: lowest,
		ID: r.JobID, Time: stamp(at), Trace: r.TraceParent, Data: data,
	})
}

// resultAt is the data of r in a version, and the lowest version of readers
// that understand it.
func resultAt(version int, r jobs.Result) (data any, lowest int, err error) {
	w, err := newResultV2(r)
	if err != nil {
		return nil, 0, err
	}
	down, lost := downcastResultV2(w)
	switch {
	case version < 1 || version > ResultVersion:
		return nil, 0, unknownVersion(TypeResult, r.JobID, version, ResultVersion)
	case version == 2 && lost != "":
		return w, 2, nil
	case version == 2:
		return w, 1, nil
	case lost != "":
		return nil, 0, &CannotDowncastError{Type: TypeResult, ID: r.JobID, Version: version, Lost: lost}
	}
	return down, 1, nil
}

// DecodeResult reads a result of any known version; errors as of [DecodeJob].
func DecodeResult(body []byte) (jobs.Result, error) {
	return decode(TypeResult, resultReaders, body, nil)
}

// EncodeResultData writes the data of r's message without the envelope, and
// the version in which it is written. Store both.
func EncodeResultData(r jobs.Result) (version int, data []byte, err error) {
	w, _, err := resultAt(ResultVersion, r)
	if err != nil {
		return 0, nil, err
	}
	data, err = encode(TypeResult, r.JobID, MaxBytes, w)
	return ResultVersion, data, err
}

// DecodeResultData reads what [EncodeResultData] of any version wrote, also
// after Postgres has reformatted it; errors as of [DecodeJob].
func DecodeResultData(version int, data []byte) (jobs.Result, error) {
	return decodeData(TypeResult, resultReaders, version, data, nil)
}

// EncodeCheck writes c without an envelope, and the version in which it is
// written: the lowest that has room for it, so that the release before goes on
// with the checks that it knows. It is an error if c has no spec, lacks a field
// without which it could not be read, or comes to more than [MaxCheckBytes].
func EncodeCheck(c check.Check) (version int, data []byte, err error) {
	w, err := newCheckV2(c)
	if err == nil {
		err = unreadable(TypeCheck, c.ID, w)
	}
	if err != nil {
		return 0, nil, err
	}
	if down, lost := downcastCheckV2(w); lost == "" && c.Unknown == "" {
		data, err = encode(TypeCheck, c.ID, MaxCheckBytes, down)
		return 1, data, err
	}
	if data, err = encode(TypeCheck, c.ID, MaxCheckBytes, w); err == nil {
		data, err = withUnknown(TypeCheck, c.ID, MaxCheckBytes, data, unknownAt{text: c.Unknown})
	}
	return 2, data, err
}

// DecodeCheck reads what [EncodeCheck] of any version wrote; errors as of
// [DecodeJob].
func DecodeCheck(version int, data []byte) (check.Check, error) {
	return decodeData(TypeCheck, checkReaders, version, data, keepCheck)
}

// Attributes are the attributes under which a message is sent: its type and
// version, for cheap classification. Of what the Encode functions return only
// the first few bytes are read; nil where body is no message.
func Attributes(body []byte) map[string]string {
	if typ, version, ok := writtenHere(body); ok {
		return map[string]string{"type": typ, "version": version}
	}
	h, err := Peek(body)
	if err != nil {
		return nil
	}
	return map[string]string{"type": h.Type, "version": strconv.Itoa(h.Version)}
}

// writtenHere reads type and version off the start of a message in the form
// in which [envelope] is written.
func writtenHere(body []byte) (typ, version string, ok bool) {
	body = body[:min(len(body), 100)]
	rest, ok := bytes.CutPrefix(body, []byte(`{"type":"probefleet.`))
	if !ok {
		return "", "", false
	}
	name, rest, _ := bytes.Cut(rest, []byte(`","v":`))
	digits, _, ok := bytes.Cut(rest, []byte(`,"min":`))
	if _, err := strconv.ParseUint(string(digits), 10, 31); err != nil || !ok || bytes.ContainsAny(name, `"\`) {
		return "", "", false
	}
	return "probefleet." + string(name), string(digits), true
}

// A keeper notes in a value the unknown fields of what it was read from: the
// envelope, whose data is null, and the data in the version of the reader.
type keeper[T any] func(v *T, version int, head, data []byte)

// decode opens the envelope of a message of type typ and reads its data.
func decode[T any](typ string, readers []reader[T], body []byte, keep keeper[T]) (T, error) {
	var none T
	body, err := readable(typ, body, MaxBytes)
	if err != nil {
		return none, err
	}
	p, e, err := open(typ, body)
	if err != nil {
		return none, err
	}
	if err := e.check(typ); err != nil {
		return none, err
	}
	h, highest := e.header(), len(readers)-1
	switch {
	case h.MinReader > highest:
		return none, &UnsupportedVersionError{Type: typ, Version: h.Version, MinReader: h.MinReader, Highest: highest}
	case p.found:
		return none, twiceError(typ, p.twice)
	case p.data == nil:
		return none, missing(typ, "data")
	}
	version := min(h.Version, highest)
	v, err := readers[version](h, p.data)
	if err == nil && keep != nil {
		keep(&v, version, p.head, p.data)
	}
	return v, err
}

// decodeData reads data that was stored without its envelope.
func decodeData[T any](typ string, readers []reader[T], version int, data []byte, keep keeper[T]) (T, error) {
	var none T
	if highest := len(readers) - 1; version > highest {
		return none, &UnsupportedVersionError{Type: typ, Version: version, MinReader: version, Highest: highest}
	}
	if version < 1 {
		return none, &DecodeError{Type: typ, Field: "version", Reason: "is " + strconv.Itoa(version) + "; versions count from 1"}
	}
	// Postgres writes JSONB with spaces: the cap of messages would be wrong.
	data, err := readable(typ, data, 4*MaxBytes)
	if err != nil {
		return none, err
	}
	v, err := readers[version](Header{Type: typ, Version: version, MinReader: version}, data)
	if err != nil {
		return none, err
	}
	if p := split(data); p.found {
		return none, twiceError(typ, p.twice)
	}
	if keep != nil {
		keep(&v, version, nil, data)
	}
	return v, nil
}
