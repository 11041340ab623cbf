package nearest

import "testing"

func TestWord(t *testing.T) {
	known := []string{"status", "headers", "body", "json", "url", "timeout", "follow_redirects"}
	for _, tt := range []struct{ word, want string }{
		{"stauts", "status"},
		{"Status", "status"},
		{"header", "headers"},
		{"jsno", "json"},
		{"ulr", "url"},
		{"follow-redirect", "follow_redirects"},
		{"timout", "timeout"},
		{"retry", ""},
		{"x", ""},
		{"", ""},
		{"日本語です", ""},
	} {
		if got := Word(tt.word, known); got != tt.want {
			t.Errorf("Word(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
