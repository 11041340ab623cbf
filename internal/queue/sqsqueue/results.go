package sqsqueue

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/queue"
)

// EntryError is why SQS refused one entry of a batch.
type EntryError struct {
	// Code is SQS's, such as "ReceiptHandleIsInvalid".
	Code, Message string
	// Sender is whether repeating the same is of no use.
	Sender bool
}

func (e *EntryError) Error() string { return e.Code + ": " + e.Message }

// Is makes a refusal because the message is no longer ours a
// [queue.ErrLeaseLost]: its handle is not valid any more, or the message is
// not hidden, or is gone, of which SQS says that the parameter is invalid.
// Older servers put the service's name before the code.
func (e *EntryError) Is(target error) bool {
	if target != queue.ErrLeaseLost {
		return false
	}
	switch e.Code[strings.LastIndexByte(e.Code, '.')+1:] {
	case "ReceiptHandleIsInvalid", "MessageNotInflight":
		return true
	case "InvalidParameterValue":
		return strings.Contains(e.Message, "for parameter ReceiptHandle is invalid")
	}
	return false
}

// errNoAnswer is for an entry of which the response does not speak.
var errNoAnswer = errors.New("the response does not say what became of it; try again")

// results gathers what became of the entries of a batch, which are named by
// their index. What is neither accepted nor refused has failed.
type results []error

func newResults(n int) results {
	r := make(results, n)
	for i := range r {
		r[i] = errNoAnswer
	}
	return r
}

func (r results) accept(id *string) { r.set(id, nil) }

func (r results) refuse(i int, err error) { r[i] = err }

func (r results) set(id *string, err error) {
	if i, e := strconv.Atoi(aws.ToString(id)); e == nil && i >= 0 && i < len(r) {
		r[i] = err
	}
}

// errors adds what SQS refused while doing something.
func (r results) errors(failed []types.BatchResultErrorEntry, doing string) []error {
	for _, f := range failed {
		r.set(f.Id, fmt.Errorf("%s: %w", doing, &EntryError{aws.ToString(f.Code), aws.ToString(f.Message), f.SenderFault}))
	}
	for i, err := range r {
		if errors.Is(err, errNoAnswer) {
			r[i] = fmt.Errorf("%s: %w", doing, err)
		}
	}
	return r
}
