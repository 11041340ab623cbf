package assert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// API is what assertions of an API check look at.
type API struct {
	Status int
	// Headers has names in lower case.
	Headers map[string]string
	Body    string
	Time    Times
	// TLS is the zero value where the connection was not TLS; its names are
	// then missing.
	TLS  TLS
	IP   string
	Size int64 // bytes of the decoded body
	URL  string
	// Redirects counts those that were followed.
	Redirects int
	// Steps are what the earlier steps of the check have seen, by id.
	Steps map[string]*Seen
}

// Times are the phases of an attempt; those that did not happen are 0.
type Times struct {
	DNS, Connect, TLS, FirstByte, Download, Total time.Duration
}

// TLS describes the connection of the last response.
type TLS struct {
	DaysLeft                 int
	Version, Issuer, Subject string
	// Names are the hosts that the certificate is for.
	Names []string
}

// Browser is what assertions of a browser check look at, after the last step.
// Of Time only Total is used.
type Browser struct {
	URL, Title    string
	Time          Times
	ConsoleErrors int
}

// observation is what one call of Judge looks at. The JSON is parsed when the
// first assertion asks for it, and once.
type observation struct {
	api    API
	web    Browser
	net    Net
	parsed bool
	json   any // a value, or a *trouble
	given  *Given
}

func (o *observation) document() any {
	if !o.parsed {
		o.parsed = true
		o.json = parseJSON(o.api.Body)
	}
	return o.json
}

// parseJSON is the value of a JSON text, or a trouble that says why there is
// none. Numbers are int where they are whole and fit, *big.Int where they are
// whole and do not, else float64.
func parseJSON(body string) any {
	if strings.TrimSpace(body) == "" {
		return troublef("the body is not JSON: it is empty")
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return troublef("the body is not JSON: %s", jsonFault(err, body))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return troublef("the body is not JSON: there is more text after the value, at byte %d", d.InputOffset()+1)
	}
	v = exact(v)
	if v == nil {
		return &trouble{missing: true, text: "json is null"}
	}
	return v
}

func jsonFault(err error, body string) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case errors.As(err, &syntax):
		start := strings.TrimLeft(body, " \t\r\n")
		return fmt.Sprintf("%v at byte %d; it begins with %s", err, syntax.Offset, quote(start, 40))
	}
	return err.Error()
}

// maxDigits is the length from which on a whole number is read as a float64:
// nobody compares those for equality, and reading them exactly is slow.
const maxDigits = 400

// exact replaces every json.Number in v by a number.
func exact(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = exact(e)
		}
	case []any:
		for i, e := range v {
			v[i] = exact(e)
		}
	case json.Number:
		return number(string(v))
	}
	return v
}

func number(s string) any {
	if i, err := strconv.Atoi(s); err == nil {
		return i
	}
	if !bytes.ContainsAny([]byte(s), ".eE") && len(s) <= maxDigits {
		if b, ok := new(big.Int).SetString(s, 10); ok {
			return b
		}
	}
	f, _ := strconv.ParseFloat(s, 64) // ±Inf where it is out of range
	return f
}
