package browserrunner

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// scrubber hides what was typed. What went into a field that hides its value
// is hidden wherever it appears; other values are hidden in errors only, as
// pages repeat them rightly ("results for shoes").
type scrubber struct {
	secrets, values []string
	// redact hides the secrets of the job; nil hides none.
	redact func(string) string
}

const hidden = "•••"

// minValue is the number of characters from which an ordinary value is told
// apart from chance: hiding "1" would garble every figure.
const minValue = 4

func (s *scrubber) typed(value string, secret bool) {
	switch {
	case value == "":
	case secret:
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
