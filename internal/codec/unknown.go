package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Unknown fields are what a newer release has written, and this one has no
// words for. The nouns carry them as an opaque text: a JSON tree that holds
// nothing but these members, each at its place in today's shape; in a list,
// null stands for an element that has none. They are written at the same
// places again.
//
// Where an old shape did not know a name that today's uses, the value is not
// kept: there is no place for two of them. Numbers and depths that JSONB
// refuses become null.

// The shapes in which messages are read and written.
var (
	jobShapes   = []*shape{1: shapeFor[jobV1](), 2: shapeFor[jobV2]()}
	checkShapes = []*shape{1: shapeFor[checkV1](), 2: shapeFor[checkV2]()}

	envelopeShape     = shapeFor[envelope[ignored]]()
	announcementShape = shapeFor[announcementV1]()
)

// keepJob notes the unknown fields of a job that was read from head and data;
// those of its check are with the check.
func keepJob(j *jobs.Job, version int, head, data []byte) {
	rest := unknownIn(jobShapes[version], data)
	if of, ok := rest["check"].(map[string]any); ok {
		delete(rest, "check")
		j.Check.Unknown = compact(upcastUnknown(version, of))
	}
	if version == 1 {
		rest = strip(jobShapes[JobVersion], rest)
	}
	j.Unknown = compact(around(head, rest))
}

func keepAnnouncement(a *jobs.Announcement, _ int, head, data []byte) {
	a.Unknown = compact(around(head, unknownIn(announcementShape, data)))
}

func keepCheck(c *check.Check, version int, _, data []byte) {
	c.Unknown = compact(upcastUnknown(version, unknownIn(checkShapes[version], data)))
}

// around adds what is unknown of the envelope.
func around(head []byte, data map[string]any) map[string]any {
	all := unknownIn(envelopeShape, head)
	if len(data) == 0 {
		return all
	}
	if all == nil {
		all = map[string]any{}
	}
	all["data"] = data
	return all
}

// upcastUnknown moves what is unknown of a check to where it belongs in the
// newest version: what was known of an API check has become its only step.
func upcastUnknown(version int, of map[string]any) map[string]any {
	if version != 1 || len(of) == 0 {
		return of
	}
	if api, ok := of["api"].(map[string]any); ok {
		delete(api, "steps")
		if request, ok := api["request"]; ok {
			delete(api, "request")
			api["steps"] = []any{map[string]any{"request": request}}
		}
	}
	return strip(checkShapes[CheckVersion], of)
}

// unknownIn are the unknown members of the JSON object data, nil where there
// are none.
func unknownIn(s *shape, data []byte) map[string]any {
	if len(data) == 0 || !s.strangers(data) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree map[string]any
	if d.Decode(&tree) != nil {
		return nil // it was read a moment ago
	}
	return strip(s, tree)
}

// strip is tree without everything that s knows; nil where nothing is left.
func strip(s *shape, tree map[string]any) map[string]any {
	rest, _ := s.strip(tree, 0).(map[string]any)
	return rest
}

func (s *shape) strip(v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		rest := map[string]any{}
		for name, value := range v {
			switch inner, known := s.member(name); {
			case !known:
				rest[name] = storableValue(value, depth+1)
			case inner != nil:
				if left := inner.strip(value, depth+1); left != nil {
					rest[name] = left
				}
			}
		}
		if len(rest) > 0 {
			return rest
		}
	case []any:
		if s.elem == nil {
			return nil
		}
		rest, left := make([]any, len(v)), false
		for i, value := range v {
			rest[i] = s.elem.strip(value, depth+1)
			left = left || rest[i] != nil
		}
		if left {
			return rest
		}
	}
	return nil
}

// storableValue is v without what JSONB refuses.
func storableValue(v any, depth int) any {
	switch x := v.(type) {
	case json.Number:
		if !storable([]byte(x)) {
			return nil
		}
	case map[string]any:
		if depth >= maxNesting {
			return nil
		}
		for name, value := range x {
			x[name] = storableValue(value, depth+1)
		}
	case []any:
		if depth >= maxNesting {
			return nil
		}
		for i, value := range x {
			x[i] = storableValue(value, depth+1)
		}
	}
	return v
}

// compact is the one text of a tree, "" where it is empty.
func compact(tree map[string]any) string {
	if len(tree) == 0 {
		return ""
	}
	b, err := marshal(tree)
	if err != nil {
		return "" // it came out of a decoder
	}
	return string(replaceNUL(b))
}

// withUnknown is body, a message or check as this build writes it, with the
// unknown fields that are to be kept: those of the texts, each beside the path
// of names under which it belongs.
func withUnknown(typ, id string, max int, body []byte, texts ...unknownAt) ([]byte, error) {
	var tree map[string]any
	for _, t := range texts {
		if t.text == "" {
			continue
		}
		if tree == nil {
			if err := plant(body, &tree); err != nil {
				return nil, fmt.Errorf("encoding %s %q: %w", typ, id, err)
			}
		}
		var rest map[string]any
		err := plant([]byte(t.text), &rest)
		for _, name := range slices.Backward(t.path) {
			rest = map[string]any{name: rest}
		}
		if err == nil {
			err = merge(tree, rest)
		}
		if err != nil {
			return nil, fmt.Errorf("encoding %s %q: its unknown fields: %w; they fit only what they were read with", typ, id, err)
		}
	}
	if tree == nil {
		return body, nil
	}
	return encode(typ, id, max, tree)
}

// unknownAt is a text of unknown fields, and where in the message it belongs.
type unknownAt struct {
	text string
	path []string
}

func plant(text []byte, tree *map[string]any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(tree)
}

// merge adds rest to tree. What is there stays as it is.
func merge(tree, rest map[string]any) error {
	for name, value := range rest {
		have, there := tree[name]
		if !there {
			tree[name] = value
			continue
		}
		if err := mergeValue(have, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func mergeValue(have, value any) error {
	switch value := value.(type) {
	case map[string]any:
		if have, ok := have.(map[string]any); ok {
			return merge(have, value)
		}
	case []any:
		list, ok := have.([]any)
		if !ok {
			return nil
		}
		if len(list) != len(value) {
			return errors.New("the list has another length")
		}
		for i := range list {
			if err := mergeValue(list[i], value[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxNamed is the number of unknown fields that an error names.
const maxNamed = 5

// lostOf names the unknown fields that a version without room for them would
// lose, "" where there are none.
func lostOf(texts ...unknownAt) string {
	var names []string
	for _, t := range texts {
		if t.text == "" {
			continue
		}
		var tree map[string]any
		if plant([]byte(t.text), &tree) != nil {
			names = append(names, "?")
			continue
		}
		names = append(names, leaves(strings.Join(t.path, "."), tree)...)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
	}
	return "fields of a newer release (" + strings.Join(names, ", ") + ")"
}

// leaves are the paths of a tree; a list counts as one.
func leaves(path string, tree map[string]any) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		at := join(path, fmt.Sprintf("%.40s", name))
		if inner, ok := tree[name].(map[string]any); ok && len(inner) > 0 {
			names = append(names, leaves(at, inner)...)
			continue
		}
		names = append(names, at)
	}
	return names
}
