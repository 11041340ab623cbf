package sqslocal

import (
	"net/http"
	"time"
)

// outgoing is a message as it is sent, alone or in a batch.
type outgoing struct {
	MessageBody             string
	DelaySeconds            *int
	MessageAttributes       map[string]attribute
	MessageSystemAttributes map[string]attribute
	MessageGroupID          string `json:"MessageGroupId"`
	MessageDeduplicationID  string `json:"MessageDeduplicationId"`
}

// accepted is the answer to one of them.
type accepted struct {
	MessageID                    string `json:"MessageId"`
	MD5OfMessageBody             string
	MD5OfMessageAttributes       string `json:",omitempty"`
	MD5OfMessageSystemAttributes string `json:",omitempty"`
}

const traceHeader = "AWSTraceHeader"

func (o *outgoing) size() int { return len(o.MessageBody) + sizeOf(o.MessageAttributes) }

// check says what is wrong with a message for a queue of these settings.
func (o *outgoing) check(set settings) error {
	switch n := o.size(); {
	case o.MessageBody == "":
		return missingParameter("MessageBody")
	case n > set.maxBytes:
		return invalidParameter("MessageBody", n, "The message, its attributes included, must be at most the queue's MaximumMessageSize bytes long")
	case o.DelaySeconds != nil && (*o.DelaySeconds < 0 || *o.DelaySeconds > 900):
		return invalidParameter("DelaySeconds", *o.DelaySeconds, "DelaySeconds must be from 0 to 900")
	case o.MessageDeduplicationID != "":
		return invalidParameter("MessageDeduplicationId", o.MessageDeduplicationID, "The request includes a parameter that is not valid for this queue type")
	}
	for name := range o.MessageSystemAttributes {
		if name != traceHeader {
			return invalidParameter("MessageSystemAttributes", name, "The only system attribute that may be sent is "+traceHeader)
		}
	}
	if err := checkAttributes(o.MessageAttributes); err != nil {
		return err
	}
	return checkText("The message body", o.MessageBody)
}

// message makes the message and the answer.
func (o *outgoing) message(set settings, now time.Time) (*message, accepted) {
	c := &content{
		id:            newID(),
		body:          o.MessageBody,
		bodyMD5:       md5Hex(o.MessageBody),
		attributes:    o.MessageAttributes,
		attributesMD5: digest(o.MessageAttributes),
		group:         o.MessageGroupID,
		trace:         o.MessageSystemAttributes[traceHeader].value(),
		sent:          now,
	}
	delay := set.delay
	if o.DelaySeconds != nil {
		delay = *o.DelaySeconds
	}
	return &message{content: c, visibleAt: now.Add(seconds(delay))},
		accepted{c.id, c.bodyMD5, c.attributesMD5, digest(o.MessageSystemAttributes)}
}

func (q *queue) settings() settings {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.set
}

type sendMessageInput struct {
	QueueURL string `json:"QueueUrl"`
	outgoing
}

func (s *Server) sendMessage(_ *http.Request, in *sendMessageInput) (out accepted, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	set := q.settings()
	if err := in.check(set); err != nil {
		return out, err
	}
	m, out := in.message(set, s.now())
	if !q.put(m) {
		return out, queueDoesNotExist(q.name)
	}
	return out, nil
}

type sendEntry struct {
	ID string `json:"Id"`
	outgoing
}

func (e sendEntry) id() string { return e.ID }

type acceptedEntry struct {
	ID string `json:"Id"`
	accepted
}

func (s *Server) sendMessageBatch(_ *http.Request, in *batchInput[sendEntry]) (out batchOutput[acceptedEntry], err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	if err := checkBatch(in.Entries, "SendMessageBatchRequestEntry"); err != nil {
		return out, err
	}
	total := 0
	for i := range in.Entries {
		total += in.Entries[i].size()
	}
	if total > maxBytes {
		return out, batchTooLong(total)
	}
	set, now := q.settings(), s.now()
	ms := make([]*message, 0, len(in.Entries))
	for i := range in.Entries {
		e := &in.Entries[i]
		if err := e.check(set); err != nil {
			out.fail(e.ID, err)
			continue
		}
		m, a := e.message(set, now)
		ms = append(ms, m)
		out.Successful = append(out.Successful, acceptedEntry{e.ID, a})
	}
	if !q.put(ms...) {
		return out, queueDoesNotExist(q.name)
	}
	return out, nil
}
