package checkfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/plan"
)

// writtenBytes is the size from which on another file is begun.
const writtenBytes = MaxFile / 2

// Write writes checks as the content of check files, one or more: each small
// enough to be read again. What is at its default is left out. Every check is
// read back and compared: the error names checks with properties that a check
// file of this release has no words for, and then nothing is written.
func Write(checks []check.Check) ([][]byte, error) {
	var files [][]byte
	var file bytes.Buffer
	var faults []error
	for _, c := range checks {
		item, err := writeCheck(c)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if file.Len() > 0 && file.Len()+len(item) > writtenBytes {
			files = append(files, bytes.Clone(file.Bytes()))
			file.Reset()
		}
		if file.Len() == 0 {
			file.WriteString("checks:\n")
		}
		file.Write(item)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if file.Len() > 0 {
		files = append(files, file.Bytes())
	}
	return files, nil
}

// writeCheck writes one item of `checks:` and proves that it says the same.
func writeCheck(c check.Check) ([]byte, error) {
	var out bytes.Buffer
	d, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("writing check %q: %w", c.ID, err)
	}
	if err := errors.Join(d.Dump(sequence(nodeOf(c))), d.Close()); err != nil {
		return nil, fmt.Errorf("writing check %q: %w", c.ID, err)
	}
	var item bytes.Buffer
	for line := range bytes.Lines(out.Bytes()) {
		if len(bytes.TrimSpace(line)) > 0 {
			item.WriteString("  ")
		}
		item.Write(line)
	}
	back, err := Parse(c.ID, append([]byte("checks:\n"), item.Bytes()...), Options{})
	if err != nil {
		return nil, fmt.Errorf("check %q cannot be written as a file of this release: %w", c.ID, err)
	}
	if lost := plan.Diff(c, back[0]); len(lost) > 0 {
		paths := make([]string, len(lost))
		for i, l := range lost {
			paths[i] = l.Path
		}
		return nil, fmt.Errorf("check %q cannot be written as a file of this release, which has no words for its %s", c.ID, strings.Join(paths, ", "))
	}
	return item.Bytes(), nil
}

// mapping builds a YAML mapping, key by key.
type mapping struct{ node *yaml.Node }

func newMapping() *mapping { return &mapping{&yaml.Node{Kind: yaml.MappingNode}} }

func (m *mapping) put(key string, value *yaml.Node) {
	if value != nil {
		m.node.Content = append(m.node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
}

// text writes a text, none where it is empty.
func (m *mapping) text(key, value string) {
	if value != "" {
		m.put(key, str(value))
	}
}

// number and flag write what is not the default.
func (m *mapping) number(key string, value, fallback int64) {
	if value != fallback {
		m.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(value)})
	}
}

func (m *mapping) flag(key string, value, fallback bool) {
	if value != fallback {
		m.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(value)})
	}
}

func (m *mapping) duration(key string, value, fallback time.Duration) {
	if value != fallback {
		m.put(key, str(durationText(value)))
	}
}

// durationText writes 1m30s, not 1m30.0s or 1h0m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (m *mapping) texts(key string, values []string) {
	if len(values) == 0 {
		return
	}
	items := make([]*yaml.Node, len(values))
	for i, v := range values {
		items[i] = str(v)
	}
	m.put(key, sequence(items...))
}

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

// str writes a text in which nothing is a template.
func str(s string) *yaml.Node { return plain(strings.ReplaceAll(s, "{{", `{{ "{{" }}`)) }

func plain(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsAny(s, "\n\t") || s == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// nodeOf writes a check in the words of the file.
func nodeOf(c check.Check) *yaml.Node {
	m := newMapping()
	m.text("id", c.ID)
	if c.Name != c.ID {
		m.text("name", c.Name)
	}
	m.text("description", c.Description)
	m.text("kind", string(c.Kind()))
	m.text("group", c.Group)
	m.texts("tags", c.Tags)
	heartbeat := c.Kind() == check.KindHeartbeat // its period says how often it is looked at, and where
	if !heartbeat {
		m.duration("every", c.Every, check.DefaultEvery)
	}
	timeout := check.DefaultAPITimeout
	if c.Kind() == check.KindBrowser {
		timeout = check.DefaultBrowserTimeout
	}
	m.duration("timeout", c.Timeout, timeout)
	if !slices.Equal(c.Locations, []string{"local"}) && !heartbeat {
		m.texts("locations", c.Locations)
	}
	m.flag("active", c.Active, true)
	m.flag("muted", c.Muted, false)
	m.flag("public", c.Public, true)
	m.retry(c.Retry)
	m.alarm(c)
	switch s := c.Spec.(type) {
	case *check.API:
		(&requestWriter{templates: s.Templates}).check(m, s)
	case *check.Browser:
		(&stepWriter{requestWriter{templates: s.Templates}}).check(m, s)
	case *check.Heartbeat:
		m.heartbeat(s)
	case nil:
	default:
		m.net(s)
	}
	return m.node
}
