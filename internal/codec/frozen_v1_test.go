package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// What the first release expected of messages, copied from it and never to be
// changed: its structs, and its rules on what must be there. It ignored unknown
// fields; here they are errors, so that nothing is written in version 1 that
// its reader would have dropped.

type frozenEnvelope struct {
	Type  string
	V     int
	Min   int
	ID    string
	Time  time.Time
	Trace string
	Data  json.RawMessage
}

type frozenJobV1 struct {
	RunID     string `json:"run_id"`
	Check     *frozenCheckV1
	Location  string
	Slot      time.Time
	Attempt   int
	ExpiresAt time.Time `json:"expires_at"`
}

type frozenCheckV1 struct {
	ID, Name, Description, Group string
	Tags                         []string
	Every                        int64 `json:"every_us"`
	Timeout                      int64 `json:"timeout_us"`
	Locations                    []string
	Active, Muted, Public        bool
	Kind                         string
	API                          *struct {
		Request struct {
			Method, URL    string
			Headers, Query map[string]string
			Body           string
			Auth           *struct{ Bearer, User, Password string }
			MaxRedirects   int   `json:"max_redirects"`
			MaxBody        int64 `json:"max_body"`
		}
		Expect, Degraded []string
	}
	Browser *struct {
		Steps []struct {
			Action, Selector, Value string
			Timeout                 int64 `json:"timeout_us"`
		}
		Width, Height    int
		Expect, Degraded []string
	}
}

type frozenResultV1 struct {
	JobID      string `json:"job_id"`
	RunID      string `json:"run_id"`
	CheckID    string `json:"check_id"`
	Kind       string
	Location   string
	Slot       time.Time
	Attempt    int
	Outcome    string
	Fault      *struct{ Class, Message string }
	SentAt     time.Time `json:"sent_at"`
	ReceivedAt time.Time `json:"received_at"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Timings    struct {
		DNS       int64 `json:"dns_us"`
		Connect   int64 `json:"connect_us"`
		TLS       int64 `json:"tls_us"`
		FirstByte int64 `json:"first_byte_us"`
		Download  int64 `json:"download_us"`
		Total     int64 `json:"total_us"`
	}
	Verdicts []struct {
		Expr     string
		OK       bool
		Degraded bool
		Message  string
	}
	Steps []struct {
		Name, Action string
		Duration     int64 `json:"duration_us"`
		OK           bool
		Error        string
	}
	Evidence struct {
		Response *struct {
			Status     int
			Proto      string
			Headers    map[string]string
			Excerpt    string
			Size       int64
			RemoteAddr string `json:"remote_addr"`
			URL        string
			Redirects  int
			TLS        *struct {
				Version, Issuer, Subject string
				NotAfter                 time.Time `json:"not_after"`
			}
		}
		Page    *struct{ URL, Title string }
		Console []struct {
			Level, Text, URL string
			Line             int
		}
		Artifacts []struct {
			Name        string
			ContentType string `json:"content_type"`
			Key         string
			Size        int64
		}
	}
	Worker struct{ ID, Build, Browser string }
}

// frozenKinds and frozenOutcomes are what it knew.
var (
	frozenKinds    = []string{"api", "browser"}
	frozenOutcomes = []string{"passed", "degraded", "failed", "inconclusive", "expired"}
)

func strictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func frozenOpen(typ string, body []byte, data any) (frozenEnvelope, error) {
	var e frozenEnvelope
	if err := strictly(body, &e); err != nil {
		return e, err
	}
	if e.Type != typ || e.V != 1 || e.Min != 1 || e.ID == "" {
		return e, fmt.Errorf("envelope %+v", e)
	}
	return e, strictly(e.Data, data)
}

func frozenJob(body []byte) error {
	var j frozenJobV1
	e, err := frozenOpen("probefleet.job", body, &j)
	switch c := j.Check; {
	case err != nil:
		return err
	case e.Time.IsZero() || j.RunID == "" || c == nil || j.Location == "" || j.Slot.IsZero() || j.Attempt < 1 || j.ExpiresAt.IsZero():
		return errors.New("something is missing")
	case c.ID == "" || c.Every <= 0 || c.Timeout <= 0 || !slices.Contains(frozenKinds, c.Kind):
		return errors.New("something of the check is missing")
	case c.Kind == "api" && c.API == nil, c.Kind == "browser" && c.Browser == nil:
		return errors.New("the spec is missing")
	}
	return nil
}

func frozenResult(body []byte) error {
	var r frozenResultV1
	e, err := frozenOpen("probefleet.result", body, &r)
	switch {
	case err != nil:
		return err
	case r.JobID != e.ID || r.RunID == "" || r.CheckID == "" || !slices.Contains(frozenKinds, r.Kind) ||
		r.Location == "" || r.Slot.IsZero() || r.Attempt < 1 || !slices.Contains(frozenOutcomes, r.Outcome):
		return errors.New("something is missing")
	}
	return nil
}

// The release before reads what is written today at its pin.
func TestTheReleaseBeforeReadsVersionOne(t *testing.T) {
	for name, j := range jobSamples() {
		body, err := EncodeJobAt(1, j)
		if err == nil {
			err = frozenJob(body)
		}
		if err != nil {
			t.Errorf("job %s: %v\n%s", name, err, body)
		}
	}
	for name, r := range resultSamples() {
		body, err := EncodeResultAt(1, r)
		if err == nil {
			err = frozenResult(body)
		}
		if err != nil {
			t.Errorf("result %s: %v\n%s", name, err, body)
		}
	}
	body, err := EncodeJob(sampleJob(sampleAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if frozenJob(body) == nil {
		t.Error("it reads version 2 as well: this test cannot fail")
	}
}
