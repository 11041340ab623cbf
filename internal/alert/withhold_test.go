package alert

import (
	"slices"
	"testing"
)

func TestWithout(t *testing.T) {
	m := Message{Title: "all", Open: 2, Items: []Item{
		{What: TellOpened, AlertID: "a", Name: "A", Line: "A is down"}, {What: TellReminder, AlertID: "b", Name: "B", Line: "B is down, still"},
		{What: TellClosed, AlertID: "c", Name: "C", Line: "C is up again"}, {What: TellOpened, AlertID: "d", Name: "D", Line: "D is down"}, {What: TellClosed, AlertID: "d", Name: "D", Line: "D is up again"},
	}}
	all := map[string]string{"a": "muted", "b": "muted", "c": "muted", "d": "muted"}
	for _, c := range []struct {
		hushed map[string]string
		tried  bool
		want   []string // what is left
		title  string
		open   int
	}{
		{nil, true, []string{"opened a", "reminder b", "closed c", "opened d", "closed d"}, "2 new, 1 still open, 2 over: A, D", 2},
		{all, true, []string{"closed c", "closed d"}, "2 over", 0},
		{all, false, []string{"closed c"}, "C is up again", 0},
		{map[string]string{"d": "muted", "a": ""}, false, []string{"opened a", "reminder b", "closed c"}, "1 new, 1 still open, 1 over: A", 1},
	} {
		rest, left := m.Without(c.hushed, c.tried)
		var got []string
		for _, i := range rest.Items {
			got = append(got, string(i.What)+" "+i.AlertID)
		}
		if !slices.Equal(got, c.want) || len(left)+len(got) != len(m.Items) || rest.Title != c.title || rest.Open != c.open {
			t.Errorf("hushed %v, tried %t: %q, %q, %d open, %d left out", c.hushed, c.tried, got, rest.Title, rest.Open, len(left))
		}
	}
}
