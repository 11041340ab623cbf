package codec

import (
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// announcementV1 is the data of a worker's announcement in version 1. The
// worker's id and the time at which it was sent are in the envelope.
type announcementV1 struct {
	Build     string         `json:"build,omitempty"`
	Browser   string         `json:"browser,omitempty"`
	Location  string         `json:"location"`
	Lanes     []laneV1       `json:"lanes,omitempty"`
	Reads     map[string]int `json:"reads"`
	Writes    map[string]int `json:"writes,omitempty"`
	StartedAt timestamp      `json:"started_at,omitzero"`
	Leaving   bool           `json:"leaving,omitempty"`
}

type laneV1 struct {
	Class jobs.Class `json:"class"`
	Slots int        `json:"slots,omitempty"`
	Busy  int        `json:"busy,omitempty"`
}

var announcementReaders = []reader[jobs.Announcement]{1: readAnnouncementV1}

// EncodeAnnouncement writes a as a message of version [AnnouncementVersion].
func EncodeAnnouncement(a jobs.Announcement) ([]byte, error) {
	w := &announcementV1{
		Build: a.Worker.Build, Browser: a.Worker.Browser, Location: a.Location,
		Lanes: each(a.Lanes, func(l jobs.LaneState) laneV1 { return laneV1(l) }),
		Reads: map[string]int{TypeJob: a.Reads}, Writes: map[string]int{TypeResult: a.Writes},
		StartedAt: stamp(a.StartedAt), Leaving: a.Leaving,
	}
	switch {
	case a.Worker.ID == "":
		return nil, fmt.Errorf("encoding %s: the worker has no id", TypeWorker)
	case a.SentAt.IsZero():
		return nil, fmt.Errorf("encoding %s %q: it lacks the time at which it is sent", TypeWorker, a.Worker.ID)
	}
	if err := unreadable(TypeWorker, a.Worker.ID, w); err != nil {
		return nil, err
	}
	body, err := encode(TypeWorker, a.Worker.ID, MaxBytes, envelope[*announcementV1]{
		Type: TypeWorker, V: AnnouncementVersion, Min: 1, ID: a.Worker.ID, Time: stamp(a.SentAt), Data: w,
	})
	if err != nil {
		return nil, err
	}
	return withUnknown(TypeWorker, a.Worker.ID, MaxBytes, body, unknownAt{text: a.Unknown})
}

// DecodeAnnouncement reads an announcement of any known version; errors as of
// [DecodeJob].
func DecodeAnnouncement(body []byte) (jobs.Announcement, error) {
	return decode(TypeWorker, announcementReaders, body, keepAnnouncement)
}

func (w *announcementV1) fault() (field, reason string) {
	switch reads := w.Reads[TypeJob]; {
	case w.Location == "":
		return "location", "is missing"
	case reads < 1:
		return "reads." + TypeJob, fmt.Sprintf("is %d or missing; versions count from 1", reads)
	}
	return "", ""
}

func readAnnouncementV1(h Header, data []byte) (jobs.Announcement, error) {
	var w announcementV1
	if err := unmarshal(TypeWorker, "data", data, &w); err != nil {
		return jobs.Announcement{}, err
	}
	if field, reason := w.fault(); field != "" {
		return jobs.Announcement{}, &DecodeError{Type: TypeWorker, Field: "data." + field, Reason: reason}
	}
	if h.Time.IsZero() {
		return jobs.Announcement{}, missing(TypeWorker, "time")
	}
	return jobs.Announcement{
		Worker:   jobs.Worker{ID: h.ID, Build: w.Build, Browser: w.Browser},
		Location: w.Location,
		Lanes:    each(w.Lanes, func(l laneV1) jobs.LaneState { return jobs.LaneState(l) }),
		Reads:    w.Reads[TypeJob], Writes: w.Writes[TypeResult],
		StartedAt: w.StartedAt.Time, SentAt: h.Time, Leaving: w.Leaving,
	}, nil
}

// NewAnnouncement is what a worker of this build says it reads and writes.
func NewAnnouncement(w jobs.Worker, location string, startedAt, now time.Time) jobs.Announcement {
	return jobs.Announcement{
		Worker: w, Location: location, Reads: JobVersion, Writes: ResultVersion,
		StartedAt: startedAt.UTC(), SentAt: now.UTC(),
	}
}

// TypeOf is the type of the message, "" where body is none.
func TypeOf(body []byte) string {
	if typ, _, ok := writtenHere(body); ok {
		return typ
	}
	h, err := Peek(body)
	if err != nil {
		return ""
	}
	return h.Type
}
