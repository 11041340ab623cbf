// Package importer reads what other systems watch by, and says it as checks.
// It owns the words of those systems, and the list of what could not be
// carried over: every key of a file is either understood, known to mean
// nothing here, or listed with its place. It refuses to guess: a condition that
// it cannot say exactly is listed, not approximated.
package importer

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/check"
)

// Lost is something that was not carried over.
type Lost struct {
	// File and Place say where it is written, What what it is and why it is
	// not here.
	File, Place, What string
}

func (l Lost) String() string { return fmt.Sprintf("%s: %s: %s", l.File, l.Place, l.What) }

// Source is one file.
type Source struct {
	Name string
	Data []byte
}

// Forms are the kinds of files that can be read, each by its name.
var Forms = map[string]func([]Source) ([]check.Check, []Lost, error){
	"blackbox": blackbox,
	"checkly":  each(checkly),
	"gatus":    each(gatus),
	"curl":     each(curl),
	"openapi":  each(openAPI),
	"har":      each(har),
}

// each reads the files one by one.
func each(read func(*reader, []byte) error) func([]Source) ([]check.Check, []Lost, error) {
	return func(files []Source) ([]check.Check, []Lost, error) {
		r := &reader{}
		for _, f := range files {
			r.file = f.Name
			if err := read(r, f.Data); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		}
		return r.checks, r.lost, nil
	}
}

// reader collects what is found.
type reader struct {
	file   string
	checks []check.Check
	lost   []Lost
}

func (r *reader) lose(place, format string, args ...any) {
	r.lost = append(r.lost, Lost{r.file, place, fmt.Sprintf(format, args...)})
}

// begin is a check with everything at its default.
func begin(name string) check.Check {
	return check.Check{Name: name, Every: check.DefaultEvery, Timeout: check.DefaultAPITimeout, Locations: []string{"local"}, Active: true, Public: true}
}

// request is a request with everything at its default.
func request(method, url string) check.Request {
	return check.Request{Method: strings.ToUpper(method), URL: url, MaxRedirects: check.DefaultMaxRedirects, MaxBody: check.DefaultMaxBody}
}

// add gives a check its id, and takes it where it is valid.
func (r *reader) add(place string, c check.Check) {
	c.ID = r.id(c.Name)
	if runes := []rune(strings.TrimSpace(c.Name)); len(runes) > 200 {
		c.Name = string(runes[:200])
	}
	if strings.TrimSpace(c.Name) == "" {
		c.Name = c.ID
	}
	if faults := c.Validate(); len(faults) > 0 {
		r.lose(place, "the whole check: %v", faults[0])
		return
	}
	r.checks = append(r.checks, c)
}

var notID = regexp.MustCompile(`[^a-z0-9]+`)

// id makes an id of a name, one that no other check has.
func (r *reader) id(name string) string {
	base := strings.Trim(notID.ReplaceAllString(strings.ToLower(name), "-"), "-")
	base = strings.Trim(base[:min(len(base), 55)], "-")
	if base == "" {
		base = "check"
	}
	id := base
	for n := 2; slices.ContainsFunc(r.checks, func(c check.Check) bool { return c.ID == id }); n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	return id
}

// line takes an assertion where it is one for that kind.
func (r *reader) line(place string, kind check.Kind, original, line string) []string {
	if line == "" {
		r.lose(place, "%q cannot be said here", original)
		return nil
	}
	if _, err := assert.Compile(kind, line); err != nil {
		r.lose(place, "%q cannot be said here: %v", original, err)
		return nil
	}
	return []string{line}
}

// interval takes a period into the bounds of a check.
func (r *reader) interval(place string, d time.Duration) time.Duration {
	bounded := min(max(d, check.MinEvery), check.MaxEvery)
	if bounded != d {
		r.lose(place, "an interval of %s; %s is taken, the nearest that there is", d, bounded)
	}
	return bounded
}

func (r *reader) timeout(place string, d time.Duration) time.Duration {
	bounded := min(max(d, check.MinTimeout), check.MaxTimeout)
	if bounded != d {
		r.lose(place, "a timeout of %s; %s is taken, the nearest that there is", d, bounded)
	}
	return bounded
}

// bag is an object of a file. What nobody has asked it for is lost, and said.
type bag struct {
	r    *reader
	path string
	m    map[string]any
	used map[string]bool
}

func (r *reader) bag(path string, v any) *bag {
	m, _ := v.(map[string]any)
	return &bag{r, path, m, map[string]bool{}}
}

func (b *bag) has(key string) bool { return b.m[key] != nil }

func (b *bag) take(key string) any {
	b.used[key] = true
	return b.m[key]
}

func (b *bag) text(key string) string {
	switch v := b.take(key).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func (b *bag) flag(key string) bool {
	v, _ := b.take(key).(bool)
	return v
}

func (b *bag) number(key string) float64 {
	switch v := b.take(key).(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func (b *bag) list(key string) []any {
	v, _ := b.take(key).([]any)
	return v
}

func (b *bag) texts(key string) []string {
	var all []string
	for _, v := range b.list(key) {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

func (b *bag) in(key string) *bag { return b.r.bag(join(b.path, key), b.take(key)) }

func (b *bag) pairs(key string) map[string]string {
	m, _ := b.take(key).(map[string]any)
	if len(m) == 0 {
		return nil
	}
	out := map[string]string{}
	for k, v := range m {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// ignore are keys that mean nothing here.
func (b *bag) ignore(keys ...string) {
	for _, k := range keys {
		b.used[k] = true
	}
}

// lose lists keys with the reason, where they say anything.
func (b *bag) lose(reason string, keys ...string) {
	for _, k := range keys {
		if v := b.take(k); !empty(v) {
			b.r.lose(join(b.path, k), "%s", reason)
		}
	}
}

// done lists what nobody has asked for.
func (b *bag) done() {
	for _, k := range slices.Sorted(maps.Keys(b.m)) {
		if !b.used[k] && !empty(b.m[k]) {
			b.r.lose(join(b.path, k), "there is nothing like it here")
		}
	}
}

// empty reports whether a value says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case int:
		return v == 0
	case float64:
		return v == 0
	}
	return false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// quote writes a text for an expression.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + "'"
}
