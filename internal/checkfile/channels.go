package checkfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/alert/alertbody"
	"github.com/probefleet/probefleet/internal/template"
)

// channelKeys are the keys of a channel, and of the objects in it by their
// paths.
var channelKeys = map[string][]string{
	"": {
		"url", "webhook", "email", "slack", "pagerduty", "dead_man", "send", "tags", "named_only", "after", "group", "storm",
		"rate", "cooldown", "remind", "reminders", "quiet", "expiry", "give_up",
	},
	"webhook":   {"url", "secret", "headers", "body"},
	"email":     {"server", "from", "to", "user", "password", "tls"},
	"slack":     {"webhook", "token", "channel", "api"},
	"pagerduty": {"key", "severity", "url"},
	"dead_man":  {"url", "every", "within"},
	"storm":     {"over", "every"},
	"rate":      {"max", "per"},
	"quiet":     {"from", "to", "zone", "days", "do"},
}

// channels reads who is told:
//
//	channels:
//	  ops: {slack: {webhook: "{{ secrets.slack }}"}, tags: [shop]}
func (d *decoder) channels(top *object) {
	n := top.value("channels")
	if n == nil {
		return
	}
	all, ok := d.object(n, "channels", "channels", nil)
	if !ok {
		return
	}
	for _, f := range all.fields {
		if d.spent {
			return
		}
		d.channel(f)
	}
}

// channel decodes one channel and adds it to the others, or its faults.
func (d *decoder) channel(f field) {
	d.vars = d.scopes.of("", d.loader.options)
	d.at = places{"": f.value, "name": f.key}
	before := len(d.loader.faults)
	if first, taken := d.loader.channelNames[f.name]; taken {
		d.fault(f.key, "channel %q is taken: the first is at %s:%d:%d; names are unique over all files", f.name, first.File, first.Line, first.Column)
		return
	}
	d.loader.channelNames[f.name] = Fault{File: d.file, Line: f.key.Line, Column: f.key.Column}
	value := d.untyped(f.value, "", "channel "+f.name)
	if len(d.loader.faults) > before {
		return
	}
	value.(map[string]any)["name"] = f.name
	data, err := json.Marshal(value)
	if err != nil {
		d.fault(f.value, "channel %s: %v", f.name, err)
		return
	}
	c, err := alert.Decode(data)
	if err != nil {
		d.fault(f.value, "channel %s: %s", f.name, jsonWords(err))
		return
	}
	for _, fault := range c.Validate(alertbody.Check) {
		d.channelFault(f, fault)
	}
	if len(d.loader.faults) == before {
		d.loader.channels = append(d.loader.channels, c)
	}
}

// channelFault reports a fault where its field is written.
func (d *decoder) channelFault(f field, fault alert.Fault) {
	for path := fault.Path; ; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if n := d.at[path]; n != nil {
			d.fault(n, "channel %s: %s", f.name, strings.TrimPrefix(fault.Error(), ": "))
			return
		}
	}
}

// untyped is a value with its variables filled in and its secrets named; objects
// have to have known keys.
func (d *decoder) untyped(n *yaml.Node, path, what string) any {
	n = d.resolve(n)
	d.at[path] = n
	known, object := channelKeys[path]
	switch {
	case object || n.Kind == yaml.MappingNode:
		if path != "" {
			what += ": " + path
		}
		at := d.at // object knows paths of checks; these are ours
		o, ok := d.object(n, path, what, known)
		if !ok {
			return nil
		}
		values := map[string]any{}
		for _, f := range o.fields {
			below := f.name
			if path != "" {
				below = path + "." + f.name
				if path == "webhook.headers" {
					below = fmt.Sprintf("%s[%q]", path, f.name)
				}
			}
			values[f.name] = d.untyped(f.value, below, what)
		}
		d.at = at
		return values
	case n.Kind == yaml.SequenceNode:
		items := []any{}
		for i, c := range n.Content {
			items = append(items, d.untyped(c, fmt.Sprintf("%s[%d]", path, i), what))
		}
		return items
	}
	switch n.ShortTag() {
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int":
		if v, err := strconv.Atoi(n.Value); err == nil && !slices.Contains([]string{"after", "cooldown", "remind", "group", "give_up"}, path) {
			return v
		}
	}
	s, _ := d.withSecrets(n, what+": "+path)
	return s
}

// withSecrets fills in variables and leaves every other expression as it is.
func (d *decoder) withSecrets(n *yaml.Node, path string) (string, bool) {
	s, ok := d.scalar(n, path)
	if !ok || !strings.Contains(s, "{{") {
		return s, ok
	}
	found, err := template.Expressions(s)
	if err != nil {
		d.fault(n, "%s: %v", path, err)
		return "", false
	}
	var out strings.Builder
	last := 0
	for _, p := range found {
		out.WriteString(s[last:p.From])
		last = p.To
		m := varReference.FindStringSubmatch(strings.TrimSpace(s[p.InsideFrom:p.InsideTo]))
		if m == nil {
			out.WriteString(s[p.From:p.To])
			continue
		}
		v, why := d.variable(m[1])
		if why != "" {
			d.fault(n, "%s: %s", path, why)
			return "", false
		}
		out.WriteString(v)
	}
	out.WriteString(s[last:])
	return out.String(), true
}

// jsonWords says what the decoder of JSON found, without its own words.
func jsonWords(err error) string {
	message := strings.TrimPrefix(err.Error(), "reading a channel: ")
	message = strings.TrimPrefix(message, "json: ")
	return strings.ReplaceAll(message, "Go struct field Channel.", "")
}

// WriteChannels writes channels as the content of a check file, which has no
// checks; nothing where there are none.
func WriteChannels(channels []alert.Channel) ([]byte, error) {
	if len(channels) == 0 {
		return nil, nil
	}
	all := newMapping()
	for _, c := range channels {
		name := c.Name
		c.Name = ""
		data, err := c.Encode()
		if err != nil {
			return nil, fmt.Errorf("writing channel %q: %w", name, err)
		}
		n, err := yamlOf(data)
		if err != nil {
			return nil, fmt.Errorf("writing channel %q: %w", name, err)
		}
		all.put(name, n)
	}
	top := newMapping()
	top.put("channels", all.node)
	var out strings.Builder
	d, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("writing channels: %w", err)
	}
	if err := d.Dump(top.node); err != nil {
		return nil, fmt.Errorf("writing channels: %w", err)
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("writing channels: %w", err)
	}
	return []byte(out.String()), nil
}

// yamlOf is JSON as YAML, in the same order, without what is empty.
func yamlOf(data []byte) (*yaml.Node, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	return yamlValue(d)
}

func yamlValue(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		return yamlList(d, t == '{')
	case string:
		return plain(t), nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(t)}, nil
	}
}

func yamlList(d *json.Decoder, object bool) (*yaml.Node, error) {
	m, list := newMapping(), sequence()
	for d.More() {
		key := ""
		if object {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ = t.(string)
		}
		v, err := yamlValue(d)
		if err != nil {
			return nil, err
		}
		switch {
		case !object:
			list.Content = append(list.Content, v)
		case key == "name" && v.Value == "": // it is the key of the whole
		default:
			m.put(key, v)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if object {
		return m.node, nil
	}
	return list, nil
}
