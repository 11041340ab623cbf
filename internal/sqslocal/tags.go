package sqslocal

import (
	"maps"
	"net/http"
)

type tagQueueInput struct {
	QueueURL string `json:"QueueUrl"`
	Tags     map[string]string
}

func (s *Server) tagQueue(_ *http.Request, in *tagQueueInput) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	if len(in.Tags) == 0 {
		return out, missingParameter("Tags")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tags == nil {
		q.tags = map[string]string{}
	}
	maps.Copy(q.tags, in.Tags)
	return out, nil
}

type untagQueueInput struct {
	QueueURL string `json:"QueueUrl"`
	TagKeys  []string
}

func (s *Server) untagQueue(_ *http.Request, in *untagQueueInput) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, k := range in.TagKeys {
		delete(q.tags, k)
	}
	return out, nil
}

type queueTags struct {
	Tags map[string]string `json:",omitempty"`
}

func (s *Server) listQueueTags(_ *http.Request, in *queueURL) (out queueTags, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return queueTags{maps.Clone(q.tags)}, nil
}
