package sqslocal

import (
	"encoding/base64"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// queueAt finds a queue by its URL. Only the last element counts, so that a
// URL serves under whatever host the server is reached.
func (s *Server) queueAt(url string) (*queue, error) {
	if url == "" {
		return nil, missingParameter("QueueUrl")
	}
	name := path.Base(url)
	if q := s.queue(name); q != nil {
		return q, nil
	}
	return nil, queueDoesNotExist(clip(name))
}

func urlOf(r *http.Request, name string) string {
	return baseURL(r) + "/" + Account + "/" + name
}

type createQueueInput struct {
	QueueName  string
	Attributes map[string]string
	Tags       map[string]string `json:"tags"`
}

type queueURL struct {
	QueueURL string `json:"QueueUrl"`
}

// createQueue makes a queue, or finds one of the same name and attributes.
func (s *Server) createQueue(r *http.Request, in *createQueueInput) (out queueURL, err error) {
	switch {
	case in.QueueName == "":
		return out, missingParameter("QueueName")
	case strings.HasSuffix(in.QueueName, ".fifo"):
		return out, unsupportedFIFO("The name " + clip(in.QueueName))
	case !nameForm.MatchString(in.QueueName):
		return out, invalidParameter("QueueName", in.QueueName, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	set, err := defaultSettings().with(in.Attributes)
	if err != nil {
		return out, err
	}
	if err := s.checkRedrive(in.QueueName, set.redrive); err != nil {
		return out, err
	}
	made := newQueue(in.QueueName, set, s)
	made.tags = maps.Clone(in.Tags)
	s.mu.Lock()
	q := s.queues[in.QueueName]
	if q == nil {
		q = made
		s.queues[in.QueueName] = made
	}
	s.mu.Unlock()
	if q == made {
		s.log.Info("queue created", "queue", q.name)
		return queueURL{urlOf(r, q.name)}, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	name, err := q.set.differs(in.Attributes)
	if err == nil && name != "" {
		err = queueNameExists(name)
	}
	return queueURL{urlOf(r, q.name)}, err
}

type getQueueURLInput struct{ QueueName string }

func (s *Server) getQueueURL(r *http.Request, in *getQueueURLInput) (out queueURL, err error) {
	if in.QueueName == "" {
		return out, missingParameter("QueueName")
	}
	if s.queue(in.QueueName) == nil {
		return out, queueDoesNotExist(clip(in.QueueName))
	}
	return queueURL{urlOf(r, in.QueueName)}, nil
}

type listQueuesInput struct {
	QueueNamePrefix string
	MaxResults      *int
	NextToken       string
}

type listQueuesOutput struct {
	QueueURLs []string `json:"QueueUrls"`
	NextToken string   `json:",omitempty"`
}

func (s *Server) listQueues(r *http.Request, in *listQueuesInput) (out listQueuesOutput, err error) {
	var names []string
	for _, q := range s.all() {
		if strings.HasPrefix(q.name, in.QueueNamePrefix) {
			names = append(names, q.name)
		}
	}
	slices.Sort(names)
	out.QueueURLs, out.NextToken, err = page(r, names, in.MaxResults, in.NextToken)
	return out, err
}

// page cuts a page out of sorted names and makes URLs of it. Without max it
// is of a thousand and, as with AWS, the rest cannot be had.
func page(r *http.Request, names []string, max *int, token string) (urls []string, next string, err error) {
	if token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", invalidParameter("NextToken", token, "It is not a token of an earlier response")
		}
		i, found := slices.BinarySearch(names, string(last))
		if found {
			i++
		}
		names = names[i:]
	}
	n := 1000
	if max != nil {
		if n = *max; n < 1 || n > 1000 {
			return nil, "", invalidParameter("MaxResults", n, "Must be from 1 to 1000")
		}
	}
	if len(names) > n {
		names = names[:n]
		if max != nil {
			next = base64.RawURLEncoding.EncodeToString([]byte(names[n-1]))
		}
	}
	urls = make([]string, len(names))
	for i, name := range names {
		urls[i] = urlOf(r, name)
	}
	return urls, next, nil
}

func (s *Server) deleteQueue(_ *http.Request, in *queueURL) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	s.mu.Lock()
	mine := s.queues[q.name] == q
	if mine {
		delete(s.queues, q.name)
	}
	s.mu.Unlock()
	if !mine {
		return out, queueDoesNotExist(q.name)
	}
	q.end()
	s.log.Info("queue deleted", "queue", q.name)
	return out, nil
}

func (s *Server) purgeQueue(_ *http.Request, in *queueURL) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	q.purge()
	return out, nil
}

type getQueueAttributesInput struct {
	QueueURL       string `json:"QueueUrl"`
	AttributeNames []string
}

type queueAttributes struct {
	Attributes map[string]string `json:",omitempty"`
}

func (s *Server) getQueueAttributes(_ *http.Request, in *getQueueAttributesInput) (out queueAttributes, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	if len(in.AttributeNames) == 0 {
		return out, nil
	}
	all := q.attributes()
	if slices.Contains(in.AttributeNames, "All") {
		return queueAttributes{all}, nil
	}
	out.Attributes = map[string]string{}
	for _, name := range in.AttributeNames {
		if v, ok := all[name]; ok {
			out.Attributes[name] = v
		} else if !slices.Contains(keptAttributes, name) && !slices.Contains(fifoAttributes, name) && name != attrRedrive && name != attrAllow {
			return out, invalidAttributeName(name)
		}
	}
	return out, nil
}

// attributes renders everything there is to know of a queue.
func (q *queue) attributes() map[string]string {
	d := q.depth()
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.set.attributes()
	all["QueueArn"] = arnOf(q.name)
	all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(d.visible)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(d.inFlight)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(d.delayed)
	return all
}

type setQueueAttributesInput struct {
	QueueURL   string `json:"QueueUrl"`
	Attributes map[string]string
}

func (s *Server) setQueueAttributes(_ *http.Request, in *setQueueAttributesInput) (out nothing, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	if len(in.Attributes) == 0 {
		return out, missingParameter("Attributes")
	}
	// Other queues are asked before this one is locked.
	wanted, err := settings{}.with(in.Attributes)
	if err != nil {
		return out, err
	}
	if err := s.checkRedrive(q.name, wanted.redrive); err != nil {
		return out, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	set, err := q.set.with(in.Attributes)
	if err != nil {
		return out, err
	}
	now := q.now()
	q.set, q.modified, q.sweepAt = set, now, now
	return out, nil
}
