package promotion

import (
	"fmt"
	"strings"
	"time"
)

// Short is the beginning of a commit's id, as people say it.
func Short(commit string) string {
	if len(commit) > 10 {
		return commit[:10]
	}
	return commit
}

func join(words []string) string { return strings.Join(words, "; ") }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// span is a duration without what does not matter.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= time.Hour && d%time.Minute == 0 && d%time.Hour != 0:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return d.String()
}

func detail(words string) string {
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

// worse is the answer that holds more.
func worse(a, b Answer) Answer {
	rank := map[Answer]int{Pass: 0, Wait: 1, Unknown: 2, Fail: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
