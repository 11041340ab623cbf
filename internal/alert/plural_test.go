package alert

import (
	"strings"
	"testing"
	"time"
)

// One of something is told as one.
func TestOneIsToldAsOne(t *testing.T) {
	now := time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)
	if m := Dead(now, map[string]int{"q": 1}, nil)[0].Facts.Message; !strings.HasPrefix(m, "1 message;") {
		t.Errorf("a dead letter: %q", m)
	}
	if m := Uncovered(now, []Measured{{SaidNothing: 1, Fresh: time.Minute}})[0].Facts.Message; !strings.HasPrefix(m, "1 attempt since") {
		t.Errorf("an attempt: %q", m)
	}
}
