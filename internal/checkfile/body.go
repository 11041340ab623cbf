package checkfile

import (
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// body reads the one of the keys that says what is sent.
func (o *object) body(r *check.Request) {
	var first *field
	for _, name := range bodyKeys {
		f := o.field(name)
		if f != nil && first != nil {
			o.d.fault(f.key, "the request has both %s: and %s:; leave one of the two out", first.name, f.name)
			return
		}
		if f != nil {
			first = f
		}
	}
	if first == nil {
		return
	}
	o.place(first.name, first.value, true)
	switch path := o.path + first.name; first.name {
	case "body":
		o.template("body", &r.Body)
	case "json":
		if body, ok := o.d.jsonText(first.value, path); ok {
			r.Body, r.BodyType = body, check.BodyJSON
			typed(r, "application/json")
		}
	case "form":
		r.BodyType, r.Fields = check.BodyForm, o.d.formFields(first.value, path, false)
	case "multipart":
		r.BodyType, r.Fields = check.BodyMultipart, o.d.formFields(first.value, path, true)
	case "graphql":
		r.BodyType, r.GraphQL = check.BodyGraphQL, o.d.graphQL(first.value, path)
	}
}

// typed gives a request its content type, unless it has one.
func typed(r *check.Request, contentType string) {
	for name := range r.Headers {
		if strings.EqualFold(name, "content-type") {
			return
		}
	}
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	r.Headers["content-type"] = contentType
}

// formFields reads the fields of a form: names, each with a value or a list of
// them; in a multipart form also with a file.
func (d *decoder) formFields(n *yaml.Node, path string, files bool) []check.Field {
	o, ok := d.object(n, path, path, nil)
	if !ok {
		return nil
	}
	var fields []check.Field
	for _, f := range o.fields {
		values := []*yaml.Node{f.value}
		if f.value.Kind == yaml.SequenceNode {
			values = f.value.Content
		}
		for _, v := range values {
			v = d.resolve(v)
			field := check.Field{Name: f.name}
			if files && v.Kind == yaml.MappingNode {
				d.part(v, o.path+f.name, &field)
			} else {
				field.Value, _ = d.templated(v, o.path+f.name)
			}
			fields = append(fields, field)
		}
	}
	return fields
}

// part reads a file of a multipart form, or a value with a content type.
func (d *decoder) part(n *yaml.Node, path string, into *check.Field) {
	o, ok := d.object(n, path, path, []string{"value", "file", "type"})
	if !ok {
		return
	}
	o.template("value", &into.Value)
	o.template("file", &into.File)
	o.template("type", &into.ContentType)
	if !o.has("value") {
		d.fault(o.node, "%s has no value; write {value: CONTENT, file: NAME, type: text/plain}", path)
	}
}

// graphQL reads a query, alone or with its variables.
func (d *decoder) graphQL(n *yaml.Node, path string) *check.GraphQL {
	g := &check.GraphQL{}
	if n.Kind == yaml.ScalarNode {
		g.Query, _ = d.templated(n, path)
		return g
	}
	o, ok := d.object(n, path, path, []string{"query", "variables", "operation"})
	if !ok {
		return nil
	}
	o.template("query", &g.Query)
	o.template("operation", &g.Operation)
	if v := o.value("variables"); v != nil {
		if v.Kind != yaml.MappingNode {
			d.fault(v, "%s.variables wants names and values, not %s", path, describe(v))
			return nil
		}
		g.Variables, _ = d.jsonText(v, path+".variables")
	}
	if !o.has("query") || strings.TrimSpace(g.Query) == "" {
		d.fault(o.node, "%s has no query; write graphql: {query: \"{ shop { name } }\"}", path)
	}
	return g
}
