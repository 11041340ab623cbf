package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// Main renders the "main" of a page for anybody who has the scopes: it knows
// nothing else of who looks, so that it may be shown to all of them.
func Main(t *template.Template, p Page, may []access.Scope) (template.HTML, error) {
	now := time.Now()
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "main", view{Page: p, Viewer: &Viewer{Scopes: may}, Now: NewStamp(now, now)}); err != nil {
		return "", fmt.Errorf("rendering %q: %w", p.Title, err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // G203: it comes from a template that escapes
}

// mainPage is a page whose "main" was rendered before.
var mainPage = template.Must(template.Must(base.Clone()).Parse(`{{define "main"}}{{.Body}}{{end}}`))

// ShowMain answers with a page whose "main" was made by [Main].
func (f *Frame) ShowMain(w http.ResponseWriter, r *http.Request, p Page, main template.HTML) error {
	p.Body = main
	return f.write(w, r, http.StatusOK, mainPage, p)
}
