package console

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// The kinds of dead letters.
const (
	// KindMessage is a message in a dead-letter queue.
	KindMessage = "message"
	// KindRow is a result that the database refused.
	KindRow = "result row"
)

// RowQueue is what the API calls the place of results that the database
// refused; it is a table.
const RowQueue = "dead_results"

// ReasonRefused is the reason of these rows. All others are of package jobs.
const ReasonRefused jobs.DeadReason = "refused"

// Letter is one dead letter, as the API carries it.
type Letter struct {
	Kind  string `json:"kind"`
	Queue string `json:"queue"`
	ID    string `json:"id"`
	// SentAt is when the message was first sent; of a row, when it was
	// received.
	SentAt time.Time `json:"sent_at,omitzero"`
	// Receives counts deliveries, and earlier looks at it here.
	Receives int `json:"receives,omitempty"`
	Bytes    int `json:"bytes"`

	// Type and Version are of the envelope, else of the attributes; Check and
	// Location as far as they can be found in a message of any version.
	Type     string `json:"type,omitempty"`
	Version  int    `json:"version,omitempty"`
	Check    string `json:"check,omitempty"`
	Location string `json:"location,omitempty"`

	// Reason is the worker's where one told, else what reading it again says.
	Reason jobs.DeadReason `json:"reason"`
	Detail string          `json:"detail,omitempty"`
	// Readable is whether this console's build reads it: then processes of
	// the same build do.
	Readable bool `json:"readable"`
	// Worker gave it up GivenUpAt, where one told.
	Worker    string    `json:"worker,omitempty"`
	GivenUpAt time.Time `json:"given_up_at,omitzero"`

	// Body and Attributes are there where a single letter was asked for.
	Body       string            `json:"body,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// letter classifies a message of the dead-letter queue named dead.
func (c *Console) letter(dead string, m queue.Message) Letter {
	l := Letter{
		Kind: KindMessage, Queue: dead, ID: m.ID, SentAt: m.SentAt, Bytes: queue.Outgoing{Body: m.Body, Attributes: m.Attributes}.Bytes(),
		// This look at it is no delivery; earlier looks are counted, though.
		Receives: max(0, m.Receives-1), Type: m.Attributes["type"],
	}
	l.Version, _ = strconv.Atoi(m.Attributes["version"]) // 0 where it says nothing of use
	c.read(&l, m.Body)
	return l
}

// read says what can be known of a dead letter from its body alone.
func (c *Console) read(l *Letter, body string) {
	if h, err := codec.Peek([]byte(body)); err == nil {
		l.Type, l.Version = h.Type, h.Version
	}
	seen := codec.Look([]byte(body))
	l.Check, l.Location = seen.CheckID, seen.Location
	err := c.decode(l, body)
	l.Readable = err == nil
	l.Reason = jobs.DeadMaxReceives
	switch _, newer := errors.AsType[*codec.UnsupportedVersionError](err); {
	case errors.Is(err, errWrongQueue):
		l.Reason, l.Detail = jobs.DeadLocation, err.Error()
	case newer:
		l.Reason, l.Detail = jobs.DeadVersion, err.Error()
	case err != nil:
		l.Reason, l.Detail = jobs.DeadDecode, err.Error()
	}
}

// errWrongQueue says that a job lies on the queue of another location or
// class.
var errWrongQueue = errors.New("the job is on another queue than that of its location and class")

// decode reads the body as its queue's consumers do.
func (c *Console) decode(l *Letter, body string) error {
	source := strings.TrimSuffix(l.Queue, queue.DeadLetterName(""))
	if l.Kind == KindRow || source == queue.ResultsName(c.o.QueuePrefix) {
		return decodeForRecorder(l.Type, body)
	}
	j, err := codec.DecodeJob([]byte(body))
	if err != nil {
		return err
	}
	l.Check, l.Location = j.Check.ID, j.Location
	if source != queue.JobsName(c.o.QueuePrefix, j.Location, string(jobs.ClassOf(j.Check.Kind()))) {
		return errWrongQueue
	}
	return nil
}

// decodeForRecorder reads what travels with the results. A type that is not
// known is one of a newer release, as long as the body is a message at all.
func decodeForRecorder(typ, body string) (err error) {
	switch h, peekErr := codec.Peek([]byte(body)); {
	case typ == codec.TypeDeadLetter:
		_, err = codec.DecodeDeadLetter([]byte(body))
	case typ == codec.TypeWorker:
		_, err = codec.DecodeAnnouncement([]byte(body))
	case peekErr == nil && !slices.Contains([]string{codec.TypeResult, codec.TypeJob, codec.TypeCheck}, typ):
		err = &codec.UnsupportedVersionError{Type: typ, Version: h.Version, MinReader: h.MinReader}
	default:
		_, err = codec.DecodeResult([]byte(body))
	}
	return err
}

// told puts in what a worker said of the letter.
func (l *Letter) told(d jobs.DeadLetter) {
	l.Reason, l.Detail, l.Worker, l.GivenUpAt = d.Reason, d.Error, d.Worker, d.At
}

// rowLetter shows a result that the database refused.
func (c *Console) rowLetter(r DeadRow) Letter {
	l := Letter{Kind: KindRow, Queue: RowQueue, ID: r.ID, SentAt: r.ReceivedAt, Bytes: len(r.Body)}
	c.read(&l, r.Body)
	l.Reason, l.Detail = ReasonRefused, r.Reason
	return l
}
