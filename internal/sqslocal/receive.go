package sqslocal

import (
	"net/http"
	"slices"
	"strconv"
)

type receiveMessageInput struct {
	QueueURL              string `json:"QueueUrl"`
	MaxNumberOfMessages   *int
	VisibilityTimeout     *int
	WaitTimeSeconds       *int
	MessageAttributeNames []string
	// AttributeNames is the older name of MessageSystemAttributeNames.
	AttributeNames, MessageSystemAttributeNames []string
}

type receiveMessageOutput struct {
	Messages []receivedMessage `json:",omitempty"`
}

type receivedMessage struct {
	MessageID              string `json:"MessageId"`
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string    `json:",omitempty"`
	MD5OfMessageAttributes string               `json:",omitempty"`
	MessageAttributes      map[string]attribute `json:",omitempty"`
}

func (s *Server) receiveMessage(r *http.Request, in *receiveMessageInput) (out receiveMessageOutput, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	set := q.settings()
	n, err1 := orDefault("MaxNumberOfMessages", in.MaxNumberOfMessages, 1, 1, maxBatch)
	wait, err2 := orDefault("WaitTimeSeconds", in.WaitTimeSeconds, set.wait, 0, int(maxWait.Seconds()))
	hide, err3 := orDefault("VisibilityTimeout", in.VisibilityTimeout, set.visibility, 0, int(maxVisibility.Seconds()))
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return out, err
		}
	}
	ds, err := q.receive(r.Context(), s.done, n, seconds(wait), seconds(hide))
	if err != nil {
		return out, err
	}
	system := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
	for _, d := range ds {
		m := receivedMessage{MessageID: d.id, ReceiptHandle: d.handle, MD5OfBody: d.bodyMD5, Body: d.body, Attributes: d.system(system)}
		m.MessageAttributes, m.MD5OfMessageAttributes = d.choose(in.MessageAttributeNames)
		out.Messages = append(out.Messages, m)
	}
	return out, nil
}

func orDefault(name string, given *int, standard, min, max int) (int, error) {
	if given == nil {
		return standard, nil
	}
	if *given < min || *given > max {
		return 0, invalidParameter(name, *given, "Must be from "+strconv.Itoa(min)+" to "+strconv.Itoa(max)+", if provided")
	}
	return *given, nil
}

// system renders the system attributes that a receiver asked for. Names that
// are not known, or have no value, are left out.
func (d *delivery) system(names []string) map[string]string {
	if len(names) == 0 {
		return nil
	}
	all := slices.Contains(names, "All")
	out := make(map[string]string, len(names))
	add := func(name, value string) {
		if value != "" && (all || slices.Contains(names, name)) {
			out[name] = value
		}
	}
	add("ApproximateReceiveCount", strconv.Itoa(d.receives))
	add("SentTimestamp", strconv.FormatInt(d.sent.UnixMilli(), 10))
	add("ApproximateFirstReceiveTimestamp", strconv.FormatInt(d.firstReceived.UnixMilli(), 10))
	add("SenderId", Account)
	add("MessageGroupId", d.group)
	add(traceHeader, d.trace)
	add("DeadLetterQueueSourceArn", d.source)
	return out
}
