package sqslocal

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// attribute is a message attribute, as it travels.
type attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`

	// Lists are reserved by AWS for later and refused.
	StringListValues []string `json:",omitempty"`
	BinaryListValues [][]byte `json:",omitempty"`
}

func (a attribute) binary() bool { return strings.HasPrefix(a.DataType, "Binary") }

func (a attribute) value() string {
	switch {
	case a.binary():
		return string(a.BinaryValue)
	case a.StringValue != nil:
		return *a.StringValue
	}
	return ""
}

const maxAttributes = 10

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\..+)?$`)
)

// checkAttributes says what is wrong with the attributes of a message.
func checkAttributes(as map[string]attribute) error {
	if n := len(as); n > maxAttributes {
		return invalidParameter("MessageAttributes", n, "A message has at most 10 attributes")
	}
	for _, name := range slices.Sorted(maps.Keys(as)) {
		if err := checkAttribute(name, as[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkAttribute(name string, a attribute) error {
	lower := strings.ToLower(name)
	refused := func(reason string) error {
		return invalidParameter("MessageAttributes", name, reason)
	}
	switch {
	case len(name) > 256 || !attributeName.MatchString(name):
		return refused("A name has 1 to 256 letters, digits, hyphens, underscores and single periods inside")
	case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
		return refused("Names that start with AWS. or Amazon. are reserved")
	case len(a.DataType) > 256 || !attributeType.MatchString(a.DataType):
		return refused("The type must be String, Number or Binary, and may go on with a period and a label")
	case len(a.StringListValues) > 0 || len(a.BinaryListValues) > 0:
		return unsupported("Message attribute list values are not supported.")
	case a.value() == "":
		return refused("The attribute must have a value of its type that is not empty")
	case strings.HasPrefix(a.DataType, "Number"):
		if _, err := strconv.ParseFloat(a.value(), 64); err != nil {
			return refused("The value is not a number")
		}
	case !a.binary():
		return checkText("The message attribute "+name, a.value())
	}
	return nil
}

// sizeOf counts the bytes that attributes add to a message.
func sizeOf(as map[string]attribute) (n int) {
	for name, a := range as {
		n += len(name) + len(a.DataType) + len(a.value())
	}
	return n
}

// digest is MD5OfMessageAttributes: over the attributes in the order of their
// names, each name, type and value behind its length in four bytes, and
// before the value 1 for text and 2 for binary. "" without attributes.
func digest(as map[string]attribute) string {
	if len(as) == 0 {
		return ""
	}
	var b []byte
	add := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	for _, name := range slices.Sorted(maps.Keys(as)) {
		a := as[name]
		add(name)
		add(a.DataType)
		if a.binary() {
			b = append(b, 2)
		} else {
			b = append(b, 1)
		}
		add(a.value())
	}
	return md5Hex(string(b))
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// choose returns the attributes of a message that a receiver asked for by
// name, by prefix ("trace.*") or all ("All", ".*"), and their digest.
func (c *content) choose(names []string) (map[string]attribute, string) {
	if len(names) == 0 || len(c.attributes) == 0 {
		return nil, ""
	}
	chosen := map[string]attribute{}
	for _, want := range names {
		if want == "All" || want == ".*" {
			return c.attributes, c.attributesMD5
		}
		prefix, isPrefix := strings.CutSuffix(want, ".*")
		for name, a := range c.attributes {
			if name == want || isPrefix && strings.HasPrefix(name, prefix) {
				chosen[name] = a
			}
		}
	}
	return chosen, digest(chosen)
}

// checkText refuses what XML 1.0 cannot hold, which is SQS's rule.
func checkText(what, s string) error {
	for _, r := range s {
		ok := r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
		if !ok {
			return invalidMessageContents(what, r)
		}
	}
	return nil
}
