package browserrunner

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// scrubber hides what was typed. What went into a field that hides its value
// is hidden wherever it appears; other values are hidden in errors only, as
// pages repeat them rightly ("results for shoes").
type scrubber struct {
	secrets, values []string
	// unseen are the secrets that fields were given: no picture shows a field
	// that has one.
	unseen []string
	// redact hides the secrets of the job; nil hides none.
	redact func(string) string
}

// secret reports whether there is something of a secret in value, and
// remembers it for pictures.
func (s *scrubber) secret(value string) bool {
	if s.redact == nil || value == "" || s.redact(value) == value {
		return false
	}
	s.hide(value)
	return true
}

func (s *scrubber) hide(value string) {
	if !slices.Contains(s.unseen, value) {
		s.unseen = append(s.unseen, value)
	}
}

const hidden = "•••"

// minValue is the number of characters from which an ordinary value is told
// apart from chance: hiding "1" would garble every figure.
const minValue = 4

func (s *scrubber) typed(value string, secret bool) {
	switch {
	case value == "":
	case secret:
		s.hide(value)
		s.secrets = append(s.secrets, value, url.QueryEscape(value), url.PathEscape(value))
	case utf8.RuneCountInString(value) >= minValue:
		s.values = append(s.values, value, url.QueryEscape(value), url.PathEscape(value))
	}
}

// text hides secrets in s.
func (s *scrubber) text(text string) string {
	if s.redact != nil {
		text = s.redact(text)
	}
	return replace(text, s.secrets)
}

// error hides everything that was typed.
func (s *scrubber) error(text string) string { return replace(s.text(text), s.values) }

func replace(text string, values []string) string {
	for _, v := range values {
		text = strings.ReplaceAll(text, v, hidden)
	}
	return text
}
