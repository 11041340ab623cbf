package sqslocal

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The limits of a standard queue.
const (
	maxBatch      = 10
	maxBytes      = 1 << 20
	maxWait       = 20 * time.Second
	maxVisibility = 12 * time.Hour
)

// settings are the attributes of a queue that may be set. Times are seconds.
type settings struct {
	visibility, delay, wait, retention, maxBytes int

	redrive *redrivePolicy
	allow   *redriveAllowPolicy
	kept    map[string]string
}

func (s *settings) retentionTime() time.Duration { return seconds(s.retention) }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// number is an attribute that is a whole number.
type number struct {
	name               string
	min, max, standard int
	field              func(*settings) *int
}

var numbers = []number{
	{"DelaySeconds", 0, 900, 0, func(s *settings) *int { return &s.delay }},
	{"MaximumMessageSize", 1024, maxBytes, maxBytes, func(s *settings) *int { return &s.maxBytes }},
	{"MessageRetentionPeriod", 60, 1209600, 345600, func(s *settings) *int { return &s.retention }},
	{"ReceiveMessageWaitTimeSeconds", 0, 20, 0, func(s *settings) *int { return &s.wait }},
	{"VisibilityTimeout", 0, 43200, 30, func(s *settings) *int { return &s.visibility }},
}

const (
	attrRedrive = "RedrivePolicy"
	attrAllow   = "RedriveAllowPolicy"
)

// keptAttributes are shown as they were set, and change nothing.
var keptAttributes = []string{"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"}

var fifoAttributes = []string{"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

func defaultSettings() settings {
	var s settings
	for _, n := range numbers {
		*n.field(&s) = n.standard
	}
	return s
}

// with returns the settings changed by attributes. The policies are parsed
// but not compared with other queues; see Server.checkRedrive.
func (s settings) with(attributes map[string]string) (settings, error) {
	s.kept = maps.Clone(s.kept)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if err := s.assign(name, attributes[name]); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *settings) assign(name, value string) (err error) {
	if i := slices.IndexFunc(numbers, func(n number) bool { return n.name == name }); i >= 0 {
		n := numbers[i]
		v, err := strconv.Atoi(value)
		if err != nil || v < n.min || v > n.max {
			return invalidAttributeValue(name, value, "It must be a whole number from "+strconv.Itoa(n.min)+" to "+strconv.Itoa(n.max))
		}
		*n.field(s) = v
		return nil
	}
	switch {
	case slices.Contains(fifoAttributes, name):
		return unsupportedFIFO("The attribute " + name)
	case name == attrRedrive:
		s.redrive, err = parseRedrivePolicy(value)
		return err
	case name == attrAllow:
		s.allow, err = parseRedriveAllowPolicy(value)
		return err
	case slices.Contains(keptAttributes, name):
		if s.kept == nil {
			s.kept = map[string]string{}
		}
		s.kept[name] = value
		return nil
	}
	return invalidAttributeName(name)
}

// attributes renders the settings as SQS shows them.
func (s settings) attributes() map[string]string {
	all := map[string]string{}
	for _, n := range numbers {
		all[n.name] = strconv.Itoa(*n.field(&s))
	}
	for k, v := range s.kept {
		if v != "" {
			all[k] = v
		}
	}
	if s.redrive != nil {
		all[attrRedrive] = s.redrive.String()
	}
	if s.allow != nil {
		all[attrAllow] = s.allow.String()
	}
	return all
}

// differs names an attribute of which given has another value than s, "" where
// there is none. Both are compared as they would be shown.
func (s settings) differs(given map[string]string) (string, error) {
	wanted, err := s.with(given)
	if err != nil {
		return "", err
	}
	is, want := s.attributes(), wanted.attributes()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if is[name] != want[name] {
			return name, nil
		}
	}
	return "", nil
}

const arnPrefix = "arn:aws:sqs:" + Region + ":" + Account + ":"

func arnOf(name string) string { return arnPrefix + name }

// nameOf is the name in an ARN, "" where it is not one of this server.
func nameOf(arn string) string {
	name, ok := strings.CutPrefix(arn, arnPrefix)
	if !ok {
		return ""
	}
	return name
}
