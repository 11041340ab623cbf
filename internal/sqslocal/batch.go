package sqslocal

import (
	"errors"
	"regexp"
)

type batchInput[E any] struct {
	QueueURL string `json:"QueueUrl"`
	Entries  []E
}

// batchOutput answers entry by entry: HTTP 200 says nothing about any.
type batchOutput[E any] struct {
	Successful []E           `json:",omitempty"`
	Failed     []failedEntry `json:",omitempty"`
}

type failedEntry struct {
	ID          string `json:"Id"`
	SenderFault bool
	Code        string
	Message     string
}

func (o *batchOutput[E]) fail(id string, err error) {
	e := failedEntry{ID: id, Code: "InternalError", Message: err.Error()}
	if f := (*fault)(nil); errors.As(err, &f) {
		e.SenderFault, e.Code, e.Message = f.status < 500, f.code, f.message
	}
	o.Failed = append(o.Failed, e)
}

// entryID is the answer of a delete and of a change of visibility.
type entryID struct {
	ID string `json:"Id"`
}

var entryIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkBatch says what is wrong with a batch as a whole. what names its
// entries.
func checkBatch[E interface{ id() string }](entries []E, what string) error {
	switch n := len(entries); {
	case n == 0:
		return emptyBatch(what)
	case n > maxBatch:
		return tooManyEntries(n)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		switch id := e.id(); {
		case !entryIDForm.MatchString(id):
			return invalidBatchEntryID(id)
		case seen[id]:
			return batchEntryIDsNotDistinct(id)
		default:
			seen[id] = true
		}
	}
	return nil
}
