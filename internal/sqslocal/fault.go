package sqslocal

import (
	"fmt"
	"net/http"
)

// A fault is an error as SQS tells it. Shape is the name in `__type`, by
// which an SDK picks its typed error; code is the older name, which SDKs
// expect in the header x-amzn-query-error and batches in their entries.
type fault struct {
	shape, code string
	status      int
	message     string
}

func (f *fault) Error() string { return f.code + ": " + f.message }

const (
	modelled = "com.amazonaws.sqs#"
	generic  = "com.amazon.coral.service#"
	simple   = "AWS.SimpleQueueService."
)

func newFault(shape, code, format string, args ...any) *fault {
	return &fault{shape, code, http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func queueDoesNotExist(name string) *fault {
	return newFault(modelled+"QueueDoesNotExist", simple+"NonExistentQueue", "The specified queue %q does not exist.", name)
}

func queueNameExists(attribute string) *fault {
	return newFault(modelled+"QueueNameExists", "QueueAlreadyExists",
		"A queue already exists with the same name and a different value for attribute %s.", attribute)
}

func unsupported(format string, args ...any) *fault {
	return newFault(modelled+"UnsupportedOperation", simple+"UnsupportedOperation", format, args...)
}

func unsupportedFIFO(what string) *fault {
	return unsupported("%s asks for a FIFO queue; this server has standard queues only.", what)
}

func receiptHandleIsInvalid(handle string) *fault {
	return newFault(modelled+"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle of this queue.", clip(handle))
}

func invalidMessageContents(what string, r rune) *fault {
	return newFault(modelled+"InvalidMessageContents", "InvalidMessageContents",
		"%s contains the character %U; allowed are #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD and #x10000 to #x10FFFF.", what, r)
}

func overLimit(format string, args ...any) *fault {
	f := newFault(modelled+"OverLimit", "OverLimit", format, args...)
	f.status = http.StatusForbidden
	return f
}

func resourceNotFound(format string, args ...any) *fault {
	f := newFault(modelled+"ResourceNotFoundException", "ResourceNotFoundException", format, args...)
	f.status = http.StatusNotFound
	return f
}

func emptyBatch(entry string) *fault {
	return newFault(modelled+"EmptyBatchRequest", simple+"EmptyBatchRequest", "There should be at least one %s in the request.", entry)
}

func tooManyEntries(n int) *fault {
	return newFault(modelled+"TooManyEntriesInBatchRequest", simple+"TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", maxBatch, n)
}

func invalidBatchEntryID(id string) *fault {
	return newFault(modelled+"InvalidBatchEntryId", simple+"InvalidBatchEntryId",
		"%q is not an id of a batch entry: it may hold letters, digits, hyphens and underscores, 1 to 80 of them.", clip(id))
}

func batchEntryIDsNotDistinct(id string) *fault {
	return newFault(modelled+"BatchEntryIdsNotDistinct", simple+"BatchEntryIdsNotDistinct", "Id %s repeated.", id)
}

func batchTooLong(n int) *fault {
	return newFault(modelled+"BatchRequestTooLong", simple+"BatchRequestTooLong", "Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxBytes, n)
}

func invalidAttributeName(name string) *fault {
	return newFault(modelled+"InvalidAttributeName", "InvalidAttributeName", "Unknown attribute %s.", clip(name))
}

func invalidAttributeValue(name, value, reason string) *fault {
	return newFault(modelled+"InvalidAttributeValue", "InvalidAttributeValue", "Invalid value %q for the parameter %s. Reason: %s.", clip(value), name, reason)
}

func invalidParameter(name string, value any, reason string) *fault {
	return newFault(generic+"InvalidParameterValueException", "InvalidParameterValue", "Value %s for parameter %s is invalid. Reason: %s.", clip(fmt.Sprint(value)), name, reason)
}

func missingParameter(name string) *fault {
	return newFault(generic+"MissingRequiredParameterException", "MissingParameter", "The request must contain the parameter %s.", name)
}

func serialization(err error) *fault {
	return newFault(generic+"SerializationException", "MalformedInput", "The body is not the JSON of this operation: %v.", err)
}

// clip keeps what a client sent from filling a response.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
