package assert

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// names are the words that assertions of one kind of check may use.
type names struct {
	// env is a struct whose fields are the words; only its types are used.
	env     any
	read    map[string]func(*frame) any
	example string
	whose   string // "an API check"
	draws   bool   // knows the clock and random data
	// configs are those that no compilation uses just now: making one takes
	// longer than a short line does.
	configs sync.Pool
}

// kinds has the words of each kind of check.
var kinds = map[check.Kind]*names{
	check.KindAPI:     {env: apiWords{}, read: apiReaders, example: "`status == 200`", whose: "an API check"},
	check.KindBrowser: {env: browserWords{}, read: browserReaders, example: "`title contains 'Shop'`", whose: "a browser check"},
	templates:         {env: templateWords{}, read: templateReaders, example: "`secrets.token`", whose: "a template", draws: true},
}

// namesOf are the words of a kind, nil where it has none.
func namesOf(kind check.Kind) *names {
	if n := kinds[kind]; n != nil {
		return n
	}
	return netKinds[kind]
}

type apiWords struct {
	Status    int               `expr:"status"`
	Headers   map[string]string `expr:"headers"`
	Body      string            `expr:"body"`
	JSON      any               `expr:"json"`
	Time      timeWords         `expr:"time"`
	TLS       tlsWords          `expr:"tls"`
	IP        string            `expr:"ip"`
	Size      int               `expr:"size"`
	URL       string            `expr:"url"`
	Redirects int               `expr:"redirects"`
	Steps     map[string]any    `expr:"steps"`
}

type timeWords struct {
	Total     time.Duration `expr:"total"`
	DNS       time.Duration `expr:"dns"`
	Connect   time.Duration `expr:"connect"`
	TLS       time.Duration `expr:"tls"`
	FirstByte time.Duration `expr:"first_byte"`
	Download  time.Duration `expr:"download"`
}

type tlsWords struct {
	DaysLeft int      `expr:"days_left"`
	Version  string   `expr:"version"`
	Issuer   string   `expr:"issuer"`
	Subject  string   `expr:"subject"`
	Names    []string `expr:"names"`
}

type browserWords struct {
	URL           string           `expr:"url"`
	Title         string           `expr:"title"`
	Time          browserTimeWords `expr:"time"`
	ConsoleErrors int              `expr:"console_errors"`
	Vitals        vitalsWords      `expr:"vitals"`
	Requests      requestsWords    `expr:"requests"`
	Bytes         int              `expr:"bytes"`
	// Steps has the steps by their number, from 1.
	Steps map[int]browserStepWords `expr:"steps"`
}

type browserTimeWords struct {
	Total time.Duration `expr:"total"`
}

// apiReaders and the others read what a word, or a path of two, stands for.
var apiReaders = map[string]func(*frame) any{
	"status":          func(f *frame) any { return f.seen.api.Status },
	"headers":         func(f *frame) any { return headers(f.seen.api.Headers) },
	"body":            func(f *frame) any { return f.seen.api.Body },
	"json":            func(f *frame) any { return f.seen.document() },
	"time.total":      func(f *frame) any { return f.seen.api.Time.Total },
	"time.dns":        func(f *frame) any { return f.seen.api.Time.DNS },
	"time.connect":    func(f *frame) any { return f.seen.api.Time.Connect },
	"time.tls":        func(f *frame) any { return f.seen.api.Time.TLS },
	"time.first_byte": func(f *frame) any { return f.seen.api.Time.FirstByte },
	"time.download":   func(f *frame) any { return f.seen.api.Time.Download },
	"tls.days_left":   secured("tls.days_left", func(t TLS) any { return t.DaysLeft }),
	"tls.version":     secured("tls.version", func(t TLS) any { return t.Version }),
	"tls.issuer":      secured("tls.issuer", func(t TLS) any { return t.Issuer }),
	"tls.subject":     secured("tls.subject", func(t TLS) any { return t.Subject }),
	"tls.names":       secured("tls.names", func(t TLS) any { return t.Names }),
	"ip":              func(f *frame) any { return f.seen.api.IP },
	"size":            func(f *frame) any { return int(f.seen.api.Size) },
	"url":             func(f *frame) any { return f.seen.api.URL },
	"redirects":       func(f *frame) any { return f.seen.api.Redirects },
	"steps.":          anyStep,
}

// secured reads a word that has a meaning on TLS connections only.
func secured(word string, read func(TLS) any) func(*frame) any {
	return func(f *frame) any {
		if f.seen.api.TLS.Version == "" {
			return missingf("%s is missing: the connection was not TLS", word)
		}
		return read(f.seen.api.TLS)
	}
}

// words lists the top-level words in the order of the struct.
func (n *names) words() []string { return wordsOf(reflect.TypeOf(n.env)) }

// parts lists what may follow word and a dot, nil where nothing may.
func (n *names) parts(word string) []string {
	t := reflect.TypeOf(n.env)
	for f := range t.Fields() {
		if f.Tag.Get("expr") == word && f.Type.Kind() == reflect.Struct {
			return wordsOf(f.Type)
		}
	}
	return nil
}

func wordsOf(t reflect.Type) []string {
	var words []string
	for f := range t.Fields() {
		words = append(words, f.Tag.Get("expr"))
	}
	return words
}

// paths lists every word in full.
func (n *names) paths() string {
	var all []string
	for _, w := range n.words() {
		parts := n.parts(w)
		for _, p := range parts {
			all = append(all, w+"."+p)
		}
		if len(parts) == 0 {
			all = append(all, w)
		}
	}
	return strings.Join(slices.Clip(all), ", ")
}
