package check

import "strings"

// Fault says what is wrong with a window that stands by itself, "" where
// nothing is.
func (m Maintenance) Fault() string {
	fs := m.faults("")
	if len(fs) == 0 {
		return ""
	}
	return strings.TrimSpace(strings.TrimPrefix(fs[0].Path, ".") + " " + fs[0].Message)
}
