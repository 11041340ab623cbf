package sqslocal

import "net/http"

type deleteMessageInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string
}

func (s *Server) deleteMessage(_ *http.Request, in *deleteMessageInput) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	return out, deleteOne(q, in.ReceiptHandle)
}

func deleteOne(q *queue, handle string) error {
	if handle == "" {
		return missingParameter("ReceiptHandle")
	}
	return q.delete(handle)
}

type deleteEntry struct {
	ID            string `json:"Id"`
	ReceiptHandle string
}

func (e deleteEntry) id() string { return e.ID }

func (s *Server) deleteMessageBatch(_ *http.Request, in *batchInput[deleteEntry]) (out batchOutput[entryID], err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	if err := checkBatch(in.Entries, "DeleteMessageBatchRequestEntry"); err != nil {
		return out, err
	}
	for _, e := range in.Entries {
		if err := deleteOne(q, e.ReceiptHandle); err != nil {
			out.fail(e.ID, err)
			continue
		}
		out.Successful = append(out.Successful, entryID{e.ID})
	}
	return out, nil
}

type changeMessageVisibilityInput struct {
	QueueURL          string `json:"QueueUrl"`
	ReceiptHandle     string
	VisibilityTimeout *int
}

func (s *Server) changeMessageVisibility(_ *http.Request, in *changeMessageVisibilityInput) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	return out, changeOne(q, in.ReceiptHandle, in.VisibilityTimeout)
}

func changeOne(q *queue, handle string, visibility *int) error {
	switch {
	case handle == "":
		return missingParameter("ReceiptHandle")
	case visibility == nil: // AWS has no default here either
		return missingParameter("VisibilityTimeout")
	case *visibility < 0 || seconds(*visibility) > maxVisibility:
		return invalidParameter("VisibilityTimeout", *visibility, "VisibilityTimeout must be from 0 to 43200")
	}
	return q.change(handle, seconds(*visibility))
}

type changeEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int
}

func (e changeEntry) id() string { return e.ID }

func (s *Server) changeMessageVisibilityBatch(_ *http.Request, in *batchInput[changeEntry]) (out batchOutput[entryID], err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	if err := checkBatch(in.Entries, "ChangeMessageVisibilityBatchRequestEntry"); err != nil {
		return out, err
	}
	for _, e := range in.Entries {
		if err := changeOne(q, e.ReceiptHandle, e.VisibilityTimeout); err != nil {
			out.fail(e.ID, err)
			continue
		}
		out.Successful = append(out.Successful, entryID{e.ID})
	}
	return out, nil
}
