package codec

import (
	"encoding/json"
	"errors"

	"github.com/probefleet/probefleet/internal/jobs"
)

// TypeDeadLetter is the type of notes about dead letters. They travel with the
// results.
const TypeDeadLetter = "probefleet.deadletter"

// DeadLetterVersion is the newest version of these notes.
const DeadLetterVersion = 1

var deadLetterReaders = []reader[jobs.DeadLetter]{1: readDeadLetterV1}

// deadLetterV1 is the data of a note. The id and the time of its message are
// those of the dead letter and of when it was given up.
type deadLetterV1 struct {
	Queue  string          `json:"queue"`
	Reason jobs.DeadReason `json:"reason"`
	Error  string          `json:"error,omitempty"`
	Worker string          `json:"worker,omitempty"`
}

// EncodeDeadLetter writes a note of version [DeadLetterVersion]. It is an
// error if d lacks queue, message id or reason.
func EncodeDeadLetter(d jobs.DeadLetter) ([]byte, error) {
	if d.Queue == "" || d.MessageID == "" || d.Reason == "" {
		return nil, errors.New("encoding " + TypeDeadLetter + ": it lacks queue, message id or reason")
	}
	return encode(TypeDeadLetter, d.MessageID, MaxBytes, envelope[deadLetterV1]{
		Type: TypeDeadLetter, V: DeadLetterVersion, Min: 1, ID: d.MessageID, Time: stamp(d.At),
		Data: deadLetterV1{Queue: d.Queue, Reason: d.Reason, Error: d.Error, Worker: d.Worker},
	})
}

// DecodeDeadLetter reads a note of any known version; errors as of
// [DecodeJob].
func DecodeDeadLetter(body []byte) (jobs.DeadLetter, error) {
	return decode(TypeDeadLetter, deadLetterReaders, body, nil)
}

func readDeadLetterV1(h Header, data []byte) (jobs.DeadLetter, error) {
	var w deadLetterV1
	if err := unmarshal(TypeDeadLetter, "data", data, &w); err != nil {
		return jobs.DeadLetter{}, err
	}
	switch {
	case w.Queue == "":
		return jobs.DeadLetter{}, missing(TypeDeadLetter, "data.queue")
	case w.Reason == "":
		return jobs.DeadLetter{}, missing(TypeDeadLetter, "data.reason")
	}
	return jobs.DeadLetter{
		Queue: w.Queue, MessageID: h.ID, Reason: w.Reason, Error: w.Error, Worker: w.Worker, At: h.Time,
	}, nil
}

// Glance is what a person may want to know of a message that cannot be read.
type Glance struct {
	// CheckID and Location are "" where they are not found.
	CheckID, Location string
}

// Look finds what it can in a job or a result of any version, also one that
// this build does not read. Nothing may be decided by it: a newer version may
// mean something else by the same names.
func Look(body []byte) Glance {
	var m struct {
		Data struct {
			Check struct {
				ID string `json:"id"`
			} `json:"check"`
			CheckID  string `json:"check_id"`
			Location string `json:"location"`
		} `json:"data"`
	}
	// What has another shape is skipped, what is no JSON leaves all empty.
	_ = json.Unmarshal(body, &m)
	g := Glance{CheckID: m.Data.CheckID, Location: m.Data.Location}
	if g.CheckID == "" {
		g.CheckID = m.Data.Check.ID
	}
	return g
}
