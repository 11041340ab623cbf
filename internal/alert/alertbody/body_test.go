package alertbody

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
)

func TestFill(t *testing.T) {
	m := alert.TestMessage("ops", "k", time.Date(2026, 3, 14, 15, 9, 0, 0, time.UTC))
	m.Title = `he said "no"` + "\n"
	got, err := Fill(`{"text": {{ toJSON(title) }}, "first": {{ toJSON(items[0].name) }}, "n": {{ len(items) }}}`, m)
	if want := `{"text": "he said \"no\"\n", "first": "test", "n": 1}`; err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestCheck(t *testing.T) {
	for body, good := range map[string]bool{
		"": true, `{"text": {{ toJSON(title) }}}`: true, "{{ nothing }}": false, "{{ title": false, "{{ secrets.token }}": false,
	} {
		if err := Check(body); (err == nil) != good {
			t.Errorf("%q: %v", body, err)
		}
	}
}
