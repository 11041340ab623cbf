package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of the parts of a request.
const (
	// MaxFields is the highest number of fields of a form.
	MaxFields = 200
	// MaxWait is the highest value of a timeout of one phase.
	MaxWait = MaxTimeout
)

// Request is one HTTP request. Where [API.Templates] is set, its texts are
// templates.
type Request struct {
	Method string
	// URL is absolute, http or https, at most 2048 bytes.
	URL string
	// Headers are sent as written; the last of equal names wins.
	Headers map[string]string
	// Query is added to the query of URL.
	Query map[string]string
	// Body is sent as it is, empty sends none; see BodyType.
	Body string
	// BodyType says how the body is made, [BodyRaw] where it is empty.
	BodyType BodyType
	// Fields are those of a form, in order.
	Fields []Field
	// GraphQL is the query of [BodyGraphQL].
	GraphQL *GraphQL
	// Auth says who asks; nil sends nothing.
	Auth *Auth
	// MaxRedirects is the number of redirects followed, 0 to 20; with 0 the
	// redirect itself is the response.
	MaxRedirects int
	// MaxBody caps the decoded body bytes read, 1 to [MaxMaxBody]. A longer
	// body fails the attempt.
	MaxBody int64
	// IPFamily is 4 or 6 where only such addresses are dialled, else 0.
	IPFamily int
	// HTTP is the version that is spoken: "1.1" or "2", "" for what both sides
	// agree on.
	HTTP string
	// TLS changes what is asked of a server's certificate; nil changes nothing.
	TLS *TLSSettings
	// Proxy is the URL of an HTTP or SOCKS5 proxy; "" goes straight.
	Proxy string
	// Waits bound the phases; 0 leaves it to the check's timeout.
	Waits Waits
}

// BodyType says how the body of a request is made.
type BodyType string

// The types of bodies. All but BodyRaw set a content type, unless the request's
// headers have one.
const (
	// BodyRaw sends Body as it is.
	BodyRaw BodyType = ""
	// BodyJSON sends Body, a JSON text whose strings are templates: a string
	// that is nothing but one expression becomes its value.
	BodyJSON BodyType = "json"
	// BodyForm sends Fields as application/x-www-form-urlencoded.
	BodyForm BodyType = "form"
	// BodyMultipart sends Fields as multipart/form-data.
	BodyMultipart BodyType = "multipart"
	// BodyGraphQL sends GraphQL as JSON.
	BodyGraphQL BodyType = "graphql"
)

// BodyTypes lists every type of body.
var BodyTypes = []BodyType{BodyRaw, BodyJSON, BodyForm, BodyMultipart, BodyGraphQL}

// Field is one field of a form. File and ContentType are for multipart forms:
// with a File the field is a file of that name.
type Field struct {
	Name, Value       string
	File, ContentType string
}

// GraphQL is a query of that language. Variables is a JSON object, as Body is
// with [BodyJSON]; "" for none.
type GraphQL struct{ Query, Variables, Operation string }

// Auth is a bearer token, or a user and password, or a grant that a token is
// asked with.
type Auth struct {
	Bearer         string
	User, Password string
	OAuth2         *OAuth2
}

// OAuth2 asks for a token by client credentials: RFC 6749, section 4.4. The
// token is kept until it ends, by each worker.
type OAuth2 struct {
	// TokenURL is absolute, http or https.
	TokenURL               string
	ClientID, ClientSecret string
	Scopes                 []string
	// Audience is sent where it is not empty.
	Audience string
	// InBody sends the credentials in the body, not by basic authentication.
	InBody bool
}

// TLSSettings change what is asked of a server's certificate, and say who we
// are.
type TLSSettings struct {
	// SkipVerify takes any certificate; every result says so.
	SkipVerify bool
	// CA holds certificates in PEM that are trusted in place of the system's.
	CA string
	// Cert and Key are the client's certificate and its key, in PEM.
	Cert, Key string
	// ServerName is asked for and expected, in place of the URL's host.
	ServerName string
}

// Waits bound the phases of a request, each hop by itself.
type Waits struct {
	DNS, Connect, TLS, FirstByte, Download time.Duration
}

// each names the waits that there are.
func (w Waits) each() map[string]time.Duration {
	return map[string]time.Duration{
		"dns": w.DNS, "connect": w.Connect, "tls": w.TLS, "first_byte": w.FirstByte, "download": w.Download,
	}
}

func (r Request) faults(at string, templates bool) []Fault {
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{at + path, fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(Methods, r.Method) {
		add("method", "%q is not a method; use one of %s", r.Method, strings.Join(Methods, ", "))
	}
	if msg := addressFault(r.URL, templates); msg != "" {
		add("url", "%s", msg)
	}
	if r.MaxRedirects < 0 || r.MaxRedirects > 20 {
		add("max_redirects", "%d is out of range; use 0 to 20", r.MaxRedirects)
	}
	if r.MaxBody < 1 || r.MaxBody > MaxMaxBody {
		add("max_body", "%d bytes is out of range; use 1 to %d", r.MaxBody, MaxMaxBody)
	}
	if r.IPFamily != 0 && r.IPFamily != 4 && r.IPFamily != 6 {
		add("ip_family", "%d is not a family of addresses; use 4 or 6", r.IPFamily)
	}
	if r.HTTP != "" && r.HTTP != "1.1" && r.HTTP != "2" {
		add("http", "%q is not a version that is spoken; use \"1.1\" or \"2\"", r.HTTP)
	}
	for name, d := range r.Waits.each() {
		if d < 0 || d > MaxWait {
			add("timeouts."+name, "%s is out of range; use up to %s", d, MaxWait)
		}
	}
	fs = append(fs, r.bodyFaults(at)...)
	if a := r.Auth; a != nil && a.OAuth2 != nil {
		if msg := addressFault(a.OAuth2.TokenURL, templates); msg != "" {
			add("auth.oauth2.token_url", "%s", msg)
		}
		if a.OAuth2.ClientID == "" {
			add("auth.oauth2.client_id", "is missing")
		}
	}
	if t := r.TLS; t != nil && (t.Cert == "") != (t.Key == "") {
		add("tls", "has one of cert and key; a client's certificate needs both")
	}
	return fs
}

func (r Request) bodyFaults(at string) []Fault {
	switch {
	case !slices.Contains(BodyTypes, r.BodyType):
		return []Fault{{at + "body", fmt.Sprintf("%q is not a type of body; use one of %q", r.BodyType, BodyTypes)}}
	case r.BodyType == BodyGraphQL && (r.GraphQL == nil || r.GraphQL.Query == ""):
		return []Fault{{at + "graphql", "has no query"}}
	case len(r.Fields) > MaxFields:
		return []Fault{{at + string(r.BodyType), fmt.Sprintf("has %d fields; at most %d", len(r.Fields), MaxFields)}}
	}
	for _, f := range r.Fields {
		if f.Name == "" {
			return []Fault{{at + string(r.BodyType), "has a field without a name"}}
		}
	}
	return nil
}

// addressFault is urlFault for a text that may be a template: of such a one
// only what stands before the first expression is known.
func addressFault(raw string, templates bool) string {
	before, _, filled := strings.Cut(raw, "{{")
	switch {
	case !templates || !filled:
		return urlFault(raw)
	case len(raw) > 2048:
		return fmt.Sprintf("is %d bytes long; at most 2048", len(raw))
	case before != "" && !strings.HasPrefix("https://", before) && !strings.HasPrefix("http://", before) &&
		!strings.HasPrefix(before, "https://") && !strings.HasPrefix(before, "http://"):
		return fmt.Sprintf("%q does not start with http:// or https://", raw)
	}
	return ""
}
