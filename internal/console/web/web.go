// Package web is the frame of the operations console's pages: layout,
// navigation, static files, content security policy, messages that outlive a
// redirect, protection of forms, error pages, and who looks at a page. It
// refuses to know what a page is about, who people are, and where anything is
// kept.
package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// policy is the content security policy of every page: everything comes from
// here, nothing is written into the page.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// maxForm caps the body of a form.
const maxForm = 1 << 20

// Link is an entry of the navigation.
type Link struct {
	// Key names it, for [Page.Section] and Under.
	Key, Title, Href string
	// Scope is what a viewer has to be allowed to see it, "" for everybody.
	Scope access.Scope
	// Under is the key of the entry to which it belongs, "" for the first
	// level. Entries of the second level are shown within their own.
	Under string
}

// Options configure a Frame.
type Options struct {
	// Door says who asks.
	Door Door
	// Nav is the navigation, in order.
	Nav []Link
	// Account are links for whoever is logged in; LogOut is where the form is
	// sent by which they leave, "" where nobody can.
	Account []Link
	LogOut  string
	// StatusURL is where the public status page is, "" where that is unknown.
	StatusURL string
	Build     string
	Logger    *slog.Logger
}

// Frame serves pages.
type Frame struct {
	o   Options
	mux *http.ServeMux
}

// New makes a Frame without pages.
func New(o Options) *Frame {
	f := &Frame{o: o, mux: http.NewServeMux()}
	f.mux.HandleFunc("GET /static/{name}", f.serveAsset)
	f.Open("/", func(http.ResponseWriter, *http.Request) error {
		return Fault{http.StatusNotFound, "There is no such page. The address may be mistyped or out of date."}
	})
	return f
}

// Handler answers a request, or says why not: an error with a GetStatus method
// makes a page of that status with its text, every other one a page that says
// nothing of it; that goes to the log.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Page adds a page, or the target of a form, for those who have the scope. The
// pattern is that of [http.ServeMux], with its method.
func (f *Frame) Page(pattern string, scope access.Scope, h Handler) {
	f.handle(pattern, func(w http.ResponseWriter, r *http.Request) error {
		v := ViewerOf(r.Context())
		if v == nil {
			return f.o.Door.Challenge(w, r)
		}
		if !v.May(scope) {
			return Fault{http.StatusForbidden, fmt.Sprintf("You may not do this: it needs %s, which %s does not have. Ask an administrator.", scope, v.Name)}
		}
		return h(w, r)
	})
}

// Open adds a page for everybody, such as the one where they log in.
func (f *Frame) Open(pattern string, h Handler) { f.handle(pattern, h) }

func (f *Frame) handle(pattern string, h Handler) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v, err := f.o.Door.Viewer(r)
		if err == nil {
			r = r.WithContext(withViewer(r.Context(), v))
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			err = h(w, r)
		}
		if err != nil {
			f.fail(w, r, err)
		}
	})
}

// ServeHTTP implements [http.Handler].
func (f *Frame) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// With no-referrer the browser would say "Origin: null" with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if err := protection.Check(r); err != nil {
		f.fail(w, r, Fault{http.StatusForbidden, "This form was sent from another site, so nothing was done. Open the page here and send it again."})
		return
	}
	f.mux.ServeHTTP(w, r)
}

// protection refuses forms that another site sends.
var protection = http.NewCrossOriginProtection()

// Fault is a page that says what is wrong, and what to do.
type Fault struct {
	Status int
	Text   string
}

func (f Fault) Error() string { return f.Text }

// GetStatus is the HTTP status.
func (f Fault) GetStatus() int { return f.Status }

// fail answers with the page of an error.
func (f *Frame) fail(w http.ResponseWriter, r *http.Request, err error) {
	body := struct {
		Heading, Text, Back string
		Lines               []string
	}{Text: "The console could not make this page. Its log says why.", Back: formOf(r)}
	status := http.StatusInternalServerError
	var known interface {
		error
		GetStatus() int
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		status, body.Text = known.GetStatus(), known.Error()
		if l, ok := known.(interface{ Lines() []string }); ok {
			body.Lines = l.Lines()
		}
	case errors.As(err, &large):
		status, body.Text = http.StatusRequestEntityTooLarge, fmt.Sprintf("What was sent is larger than %d KiB.", maxForm>>10)
	default:
		f.o.Logger.Error("page could not be made", "path", r.URL.Path, "err", err)
	}
	body.Heading = heading(status)
	if err := f.write(w, r, status, messagePage, Page{Title: body.Heading, Body: body}); err != nil {
		f.o.Logger.Error("the page of an error could not be made", "path", r.URL.Path, "err", err)
		http.Error(w, "this page could not be made; the reason is in the console's log", http.StatusInternalServerError)
	}
}

// formOf is the page of ours from which a form was sent, "" where that is not
// known.
func formOf(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || r.Method != http.MethodPost || from.Host != r.Host || !strings.HasPrefix(from.Path, "/") || strings.HasPrefix(from.Path, "//") {
		return ""
	}
	return (&url.URL{Path: from.Path, RawQuery: from.RawQuery}).String()
}

func heading(status int) string {
	switch status {
	case http.StatusNotFound:
		return "There is nothing here"
	case http.StatusUnauthorized:
		return "Who are you?"
	case http.StatusForbidden:
		return "This is not allowed"
	case http.StatusTooManyRequests:
		return "Too many requests"
	case http.StatusServiceUnavailable:
		return "Not available at the moment"
	case http.StatusInternalServerError:
		return "Something went wrong here"
	}
	return "This cannot be done as it is"
}

//go:embed templates/*.html
var templateFiles embed.FS

var base = template.Must(template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))

var messagePage = Template(templateFiles, "templates/message.html")

// Template makes a page of the frame and the files of a room that names them;
// one of these defines "main". In it the page's value is .Body, the viewer
// .Viewer, and .May asks whether they have a scope.
func Template(files fs.FS, patterns ...string) *template.Template {
	return template.Must(template.Must(base.Clone()).ParseFS(files, patterns...))
}

// Page is what is shown in the frame.
type Page struct {
	// Title is that of the document; the frame adds its own.
	Title string
	// Section is the key of the navigation's entry.
	Section string
	// Live names what the page is about, for its updates: "runs", "check:ID";
	// "" where it has none.
	Live string
	Body any
}

// view is what a template sees.
type view struct {
	Page
	Viewer    *Viewer
	Nav, Sub  []entry
	Account   []Link
	LogOut    string
	Flash     *Flash
	StatusURL string
	Build     string
	Now       *Stamp
}

// entry is a link as it is shown.
type entry struct {
	Link
	Current bool
}

// May reports whether the viewer has a scope.
func (v view) May(s access.Scope) bool { return v.Viewer.May(s) }

// Show answers with a page made by a [Template].
func (f *Frame) Show(w http.ResponseWriter, r *http.Request, t *template.Template, p Page) error {
	return f.write(w, r, http.StatusOK, t, p)
}

// Refuse is [Frame.Show] of a page that says why its form was not taken, with
// what was written in it.
func (f *Frame) Refuse(w http.ResponseWriter, r *http.Request, t *template.Template, p Page) error {
	return f.write(w, r, http.StatusUnprocessableEntity, t, p)
}

func (f *Frame) write(w http.ResponseWriter, r *http.Request, status int, t *template.Template, p Page) error {
	now := time.Now()
	v := view{
		Page: p, Viewer: ViewerOf(r.Context()), Account: f.o.Account, LogOut: f.o.LogOut,
		StatusURL: f.o.StatusURL, Build: f.o.Build, Now: NewStamp(now, now),
	}
	if v.Viewer != nil {
		v.Nav, v.Sub = f.nav(v.Viewer, p.Section)
	}
	v.Flash = takeFlash(w, r)
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("rendering %q: %w", p.Title, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(b.Bytes()); err != nil {
		f.o.Logger.Debug("reader left", "path", r.URL.Path, "err", err)
	}
	return nil
}

// nav is the navigation as a viewer sees it in a section.
func (f *Frame) nav(v *Viewer, section string) (first, second []entry) {
	parent := section
	for _, l := range f.o.Nav {
		if l.Key == section && l.Under != "" {
			parent = l.Under
		}
	}
	for _, l := range f.o.Nav {
		switch {
		case l.Scope != "" && !v.May(l.Scope):
		case l.Under == "":
			first = append(first, entry{l, l.Key == parent})
		case l.Under == parent:
			second = append(second, entry{l, l.Key == section})
		}
	}
	return first, second
}
