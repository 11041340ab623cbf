package schedule

import (
	"slices"
	"testing"
)

func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		name       string
		locations  []string
		own, avoid string
		sick       []string
		want       string
	}{
		{"the only one", []string{"a"}, "a", "a", nil, "a"},
		{"the only one is sick", []string{"a"}, "a", "a", []string{"a"}, "a"},
		{"another", []string{"a", "b", "c"}, "a", "a", nil, "b"},
		{"the next in the circle", []string{"a", "b", "c"}, "c", "c", nil, "a"},
		{"not a sick one", []string{"a", "b", "c"}, "a", "a", []string{"b"}, "c"},
		{"all others are sick", []string{"a", "b", "c"}, "a", "a", []string{"b", "c"}, "a"},
		{"not where it was tried last", []string{"a", "b", "c"}, "a", "b", nil, "c"},
		{"back home rather than there again", []string{"a", "b"}, "a", "b", nil, "a"},
		{"there again rather than to a sick home", []string{"a", "b"}, "a", "b", []string{"a"}, "b"},
		{"the same is asked for", []string{"a", "b"}, "a", "", nil, "a"},
		{"no longer one of the check's", []string{"b"}, "a", "a", nil, "b"},
		{"no locations", nil, "a", "a", nil, "a"},
	} {
		got := Elsewhere(c.locations, c.own, c.avoid, func(l string) bool { return slices.Contains(c.sick, l) })
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
