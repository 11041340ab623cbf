package alert

import (
	"fmt"
	"time"
)

// Span is a duration that is written 90s or 1h30m, in JSON too.
type Span time.Duration

// Of is the duration.
func (s Span) Of() time.Duration { return time.Duration(s) }

func (s Span) String() string { return time.Duration(s).String() }

// MarshalText writes the span.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write a number and a unit, such as 30s or 2h", text)
	}
	*s = Span(d)
	return nil
}
