package checkfile

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/recording"
	"github.com/probefleet/probefleet/internal/template"
	yaml "go.yaml.in/yaml/v4"
)

// beside reads a file that the check names, by its path from the check's own
// file on. Its content becomes a part of the check.
func (d *decoder) beside(n *yaml.Node, path string, most int64) ([]byte, bool) {
	if path == "" {
		d.fault(n, "is empty; write the path of a file")
		return nil, false
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(d.file), path)
	}
	read := d.loader.options.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	data, err := read(path)
	switch {
	case err != nil:
		d.fault(n, "%s cannot be read: %v; paths start from the folder of the check file", path, pathless(err))
	case int64(len(data)) > most:
		d.fault(n, "%s has %d bytes; at most %d travel with a check", path, len(data), most)
	default:
		return data, true
	}
	return nil, false
}

// pathless is the reason in an error that names the path, too.
func pathless(err error) error {
	if e, ok := err.(*os.PathError); ok { //nolint:errorlint // only as it came from the file system
		return e.Err
	}
	return err
}

// recorded are the steps of `recording: FILE` or `recording: {file: …}`. Faults
// of the recording are reported at their place in it.
func (d *decoder) recorded(n *yaml.Node) []check.Step {
	var path string
	strict := false
	at := n
	if n.Kind == yaml.MappingNode {
		o, ok := d.object(n, "recording", "recording", []string{"file", "strict"})
		if !ok {
			return nil
		}
		if !o.has("file") {
			d.fault(o.node, "recording has no file; write recording: {file: checkout.json}")
			return nil
		}
		o.text("file", &path)
		o.flag("strict", &strict)
		at = o.value("file")
	} else if text, ok := d.expanded(n, "recording"); ok {
		path = text
	} else {
		return nil
	}
	data, ok := d.beside(at, path, recording.MaxBytes)
	if !ok {
		return nil
	}
	rec, faults := recording.Parse(data)
	for _, f := range faults {
		d.loader.fault(filepath.Join(filepath.Dir(d.file), path), f.Line, f.Column, "%s", f.Message)
	}
	if len(faults) > 0 {
		return nil
	}
	if len(rec.Steps) == 0 {
		d.fault(at, "the recording %s has no steps; record a flow that does something", path)
		return nil
	}
	return d.adopt(at, rec.Steps, strict)
}

// adopt fits recorded steps into a check: addresses of the site that was
// recorded become those of base, and {{ vars.name }} and {{ secrets.name }} are
// what they stand for. Other braces are the recording's own.
func (d *decoder) adopt(n *yaml.Node, steps []check.Step, strict bool) []check.Step {
	from := ""
	for _, s := range steps {
		if u, err := url.Parse(s.Value); from == "" && s.Action == check.ActionOpen && err == nil && u.Host != "" {
			from = u.Scheme + "://" + u.Host
		}
	}
	moved := func(address string) string {
		rest, ours := strings.CutPrefix(address, from)
		if d.web == "" || from == "" || !ours || rest != "" && !strings.ContainsAny(rest[:1], "/?#") {
			return address
		}
		return d.web + rest
	}
	for i := range steps {
		s := &steps[i]
		s.Strict = strict
		s.Target = moved(s.Target)
		if s.Action == check.ActionOpen {
			s.Value = moved(s.Value)
		}
		for k := range s.Events {
			s.Events[k].URL = moved(s.Events[k].URL)
		}
	}
	b, _ := (&check.Browser{Steps: steps}).Map(func(path, text string) (string, error) {
		if !template.Has(text) {
			return escaped(text), nil
		}
		if !referring(text) {
			return template.Escape(text), nil
		}
		filled, _ := d.templated(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line, Column: n.Column}, path)
		return filled, nil
	})
	return b.Steps
}

// referring reports whether all that a text has in double braces is meant for
// us.
func referring(text string) bool {
	places, err := template.Expressions(text)
	for _, p := range places {
		inside := strings.TrimSpace(text[p.InsideFrom:p.InsideTo])
		if !strings.HasPrefix(inside, "vars.") && !strings.HasPrefix(inside, "secrets.") {
			return false
		}
	}
	return err == nil && len(places) > 0
}

// unescaped is a text that was written in the form of a template, and is none.
func unescaped(_, text string) (string, error) { return template.NewValues(nil).Fill(text) }
