package sqslocal

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// redrivePolicy says where a message goes that was received too often.
type redrivePolicy struct {
	target      string // name of the dead-letter queue
	maxReceives int    // 1 to 1000
}

// parseRedrivePolicy reads the JSON of the attribute; "" means none. AWS
// takes maxReceiveCount as a number and as a string.
func parseRedrivePolicy(value string) (*redrivePolicy, error) {
	if value == "" {
		return nil, nil
	}
	var raw struct {
		DeadLetterTargetArn string          `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.RawMessage `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(value), &raw); err != nil {
		return nil, invalidParameter(attrRedrive, value, "It is not JSON with deadLetterTargetArn and maxReceiveCount")
	}
	count := string(raw.MaxReceiveCount)
	if s := ""; json.Unmarshal(raw.MaxReceiveCount, &s) == nil {
		count = s
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > 1000 {
		return nil, invalidParameter(attrRedrive, value, "maxReceiveCount must be a whole number from 1 to 1000")
	}
	name := nameOf(raw.DeadLetterTargetArn)
	if name == "" {
		return nil, invalidParameter(attrRedrive, value, "deadLetterTargetArn must be the ARN of a queue of this server, "+arnPrefix+"NAME")
	}
	return &redrivePolicy{name, n}, nil
}

func (p *redrivePolicy) String() string {
	return `{"deadLetterTargetArn":"` + arnOf(p.target) + `","maxReceiveCount":` + strconv.Itoa(p.maxReceives) + `}`
}

// redriveAllowPolicy says which queues may have this one for dead letters.
type redriveAllowPolicy struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns,omitempty"`
}

func parseRedriveAllowPolicy(value string) (*redriveAllowPolicy, error) {
	if value == "" {
		return nil, nil
	}
	p := new(redriveAllowPolicy)
	if err := json.Unmarshal([]byte(value), p); err != nil || !slices.Contains([]string{"allowAll", "denyAll", "byQueue"}, p.Permission) {
		return nil, invalidParameter(attrAllow, value, "It is not JSON whose redrivePermission is allowAll, denyAll or byQueue")
	}
	if n := len(p.Sources); (p.Permission == "byQueue") != (n > 0) || n > 10 {
		return nil, invalidParameter(attrAllow, value, "sourceQueueArns has one to ten ARNs with byQueue, and is absent otherwise")
	}
	return p, nil
}

func (p *redriveAllowPolicy) String() string {
	b, err := json.Marshal(p)
	if err != nil { // strings always encode
		panic(err)
	}
	return string(b)
}

func (p *redriveAllowPolicy) allows(arn string) bool {
	return p == nil || p.Permission == "allowAll" || p.Permission == "byQueue" && slices.Contains(p.Sources, arn)
}

// checkRedrive refuses a policy of the queue name whose dead-letter queue
// does not exist, is the queue itself, or does not want its messages.
func (s *Server) checkRedrive(name string, p *redrivePolicy) error {
	if p == nil {
		return nil
	}
	if p.target == name {
		return invalidParameter(attrRedrive, p, "A queue cannot be its own dead-letter queue")
	}
	dead := s.queue(p.target)
	if dead == nil {
		return invalidParameter(attrRedrive, p, "Dead letter target does not exist")
	}
	dead.mu.Lock()
	defer dead.mu.Unlock()
	if !dead.set.allow.allows(arnOf(name)) {
		return invalidParameter(attrRedrive, p, "The dead letter target's RedriveAllowPolicy does not allow this queue")
	}
	return nil
}

// sourcesOf lists the names of the queues whose dead letters go to a queue,
// sorted.
func (s *Server) sourcesOf(name string) []string {
	var names []string
	for _, q := range s.all() {
		q.mu.Lock()
		if p := q.set.redrive; p != nil && p.target == name {
			names = append(names, q.name)
		}
		q.mu.Unlock()
	}
	slices.Sort(names)
	return names
}

type listDeadLetterSourceQueuesInput struct {
	QueueURL   string `json:"QueueUrl"`
	MaxResults *int
	NextToken  string
}

type listDeadLetterSourceQueuesOutput struct {
	QueueURLs []string `json:"queueUrls"`
	NextToken string   `json:",omitempty"`
}

func (s *Server) listDeadLetterSourceQueues(r *http.Request, in *listDeadLetterSourceQueuesInput) (out listDeadLetterSourceQueuesOutput, err error) {
	q, err := s.queueAt(in.QueueURL)
	if err != nil {
		return out, err
	}
	out.QueueURLs, out.NextToken, err = page(r, s.sourcesOf(q.name), in.MaxResults, in.NextToken)
	return out, err
}
