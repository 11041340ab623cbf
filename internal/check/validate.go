package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a check's interval and timeout.
const (
	MinEvery   = time.Second
	MaxEvery   = 24 * time.Hour
	MinTimeout = 100 * time.Millisecond
	MaxTimeout = 10 * time.Minute

	DefaultEvery          = time.Minute
	DefaultAPITimeout     = 10 * time.Second
	DefaultBrowserTimeout = 60 * time.Second
)

var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// ValidID reports whether id may name a check or a location: 1 to 63
// lower-case letters, digits, '-' and '_', starting with a letter or digit.
// Queue names carry locations, hence the form.
func ValidID(id string) bool { return idForm.MatchString(id) }

// Fault is one thing that is wrong with a check. Path names the field in the
// words of the check file ("request.url", "steps[2].click").
type Fault struct {
	Path, Message string
}

func (f Fault) Error() string { return f.Path + ": " + f.Message }

// Validate lists everything that is wrong with c, nil where nothing is. It
// does not look inside expressions; package assert does.
func (c Check) Validate() []Fault {
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{path, fmt.Sprintf(format, args...)})
	}
	if !ValidID(c.ID) {
		add("id", "%q is not an id; use 1 to 63 of a-z, 0-9, '-' and '_', starting with a letter or digit", c.ID)
	}
	if n := utf8.RuneCountInString(c.Name); n == 0 || n > 200 {
		add("name", "has %d characters; use 1 to 200", n)
	}
	if n := utf8.RuneCountInString(c.Description); n > 500 {
		add("description", "has %d characters; at most 500", n)
	}
	if c.Every < MinEvery || c.Every > MaxEvery {
		add("every", "%s is out of range; use %s to %s", c.Every, MinEvery, MaxEvery)
	}
	if c.Timeout < MinTimeout || c.Timeout > MaxTimeout {
		add("timeout", "%s is out of range; use %s to %s", c.Timeout, MinTimeout, MaxTimeout)
	}
	if len(c.Locations) == 0 {
		add("locations", "is empty; name at least one location")
	}
	for i, l := range c.Locations {
		if !ValidID(l) {
			add(fmt.Sprintf("locations[%d]", i), "%q is not a location; use 1 to 63 of a-z, 0-9, '-' and '_'", l)
		}
		if slices.Contains(c.Locations[:i], l) {
			add(fmt.Sprintf("locations[%d]", i), "%q is named twice", l)
		}
	}
	for i, t := range c.Tags {
		if strings.TrimSpace(t) == "" {
			add(fmt.Sprintf("tags[%d]", i), "is empty; write a word or take it away")
		}
	}
	fs = append(fs, c.Retry.faults()...)
	fs = append(fs, c.alarmFaults()...)
	fs = append(fs, c.heartbeatFaults()...)
	texts := []text{{"name", c.Name}, {"description", c.Description}, {"group", c.Group}}
	texts = append(texts, list("tags", c.Tags)...)
	texts = append(texts, c.alarmTexts()...)
	if c.Spec == nil {
		add("kind", "is missing; use one of %q", Kinds)
	} else {
		fs = append(fs, c.Spec.faults()...)
		texts = append(texts, c.Spec.texts()...)
	}
	for _, t := range texts {
		if !utf8.ValidString(t.value) || strings.ContainsRune(t.value, 0) {
			add(t.path, "holds a NUL or bytes that are not UTF-8; neither can be sent or stored")
		}
	}
	return fs
}

// text is a string of a check and its path.
type text struct{ path, value string }

func list(path string, values []string) []text {
	ts := make([]text, len(values))
	for i, v := range values {
		ts[i] = text{fmt.Sprintf("%s[%d]", path, i), v}
	}
	return ts
}

func pairs(path string, values map[string]string) []text {
	var ts []text
	for _, k := range slices.Sorted(maps.Keys(values)) {
		ts = append(ts, text{fmt.Sprintf("%s[%q]", path, k), k + "\n" + values[k]})
	}
	return ts
}
