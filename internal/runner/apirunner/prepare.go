package apirunner

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/template"
)

// filled is a step's request with its templates filled in. A value that an
// earlier answer lacks is the target's fault, any other one ours.
func filled(spec *check.API, i int, values *template.Values) (check.Request, error) {
	r := spec.Steps[i].Request
	if !spec.Templates {
		return r, nil
	}
	r, err := r.Map(func(path, value string) (string, error) {
		if path == "json" || path == "graphql.variables" {
			return values.FillJSON(value)
		}
		return values.Fill(value)
	})
	if err == nil {
		return r, nil
	}
	var lack *template.FillError
	if errors.As(err, &lack) && lack.Target {
		return r, &fault{class: jobs.FaultAssertion, message: "request." + err.Error()}
	}
	return r, ours("the check's request cannot be filled in: request." + err.Error())
}

// content is the body of a request and its content type, "" where the request
// says nothing of it.
func content(r check.Request) (body, contentType string, err error) {
	switch r.BodyType {
	case check.BodyForm:
		var pairs []string
		for _, f := range r.Fields {
			pairs = append(pairs, url.QueryEscape(f.Name)+"="+url.QueryEscape(f.Value))
		}
		return strings.Join(pairs, "&"), "application/x-www-form-urlencoded", nil
	case check.BodyMultipart:
		return multipartContent(r.Fields)
	case check.BodyGraphQL:
		if r.GraphQL == nil {
			return "", "", ours("the check's GraphQL query is missing")
		}
		return graphQLContent(*r.GraphQL), "application/json", nil
	case check.BodyJSON:
		return r.Body, "application/json", nil
	}
	return r.Body, "", nil
}

var quotes = strings.NewReplacer("\\", "\\\\", `"`, "%22", "\r", "%0D", "\n", "%0A")

// multipartContent writes a form by RFC 7578; names are escaped as browsers do.
func multipartContent(fields []check.Field) (body, contentType string, err error) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, f := range fields {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + quotes.Replace(f.Name) + `"`
		if f.File != "" {
			disposition += `; filename="` + quotes.Replace(f.File) + `"`
		}
		h.Set("Content-Disposition", disposition)
		switch {
		case strings.ContainsFunc(f.ContentType, isControl):
			return "", "", ours("the content type of a form's field has a control character: remove it")
		case f.ContentType != "":
			h.Set("Content-Type", f.ContentType)
		case f.File != "":
			h.Set("Content-Type", "application/octet-stream")
		}
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = part.Write([]byte(f.Value))
		}
		if err != nil {
			return "", "", ours("the check's form cannot be written: " + err.Error())
		}
	}
	if err := w.Close(); err != nil {
		return "", "", ours("the check's form cannot be written: " + err.Error())
	}
	return out.String(), w.FormDataContentType(), nil
}

// graphQLContent is a query as servers take it over HTTP.
func graphQLContent(g check.GraphQL) string {
	var out strings.Builder
	out.WriteString(`{"query":` + template.JSON(g.Query))
	if g.Variables != "" {
		out.WriteString(`,"variables":` + g.Variables)
	}
	if g.Operation != "" {
		out.WriteString(`,"operationName":` + template.JSON(g.Operation))
	}
	return out.String() + "}"
}
