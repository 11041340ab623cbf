// Package nearest finds the known word that somebody probably meant. It owns
// the measure of likeness only. It refuses to word the question: whoever asks
// knows what the words name.
package nearest

import "unicode/utf8"

// Word is the known word that differs from word by the fewest insertions,
// deletions, replacements and swaps of neighbours, or "" where none is close:
// one change in up to four letters, two in up to seven, three in longer words.
// Upper and lower case count as equal. Of equally close words the first wins.
func Word(word string, known []string) string {
	if utf8.RuneCountInString(word) > 64 {
		return ""
	}
	best, closest := "", 0
	for _, k := range known {
		d := distance(fold(word), fold(k))
		if d <= allowed(min(utf8.RuneCountInString(word), utf8.RuneCountInString(k))) && (best == "" || d < closest) {
			best, closest = k, d
		}
	}
	return best
}

func allowed(letters int) int {
	switch {
	case letters <= 2:
		return 0
	case letters <= 4:
		return 1
	case letters <= 7:
		return 2
	}
	return 3
}

// fold makes words comparable: lower case, '-' as '_'.
func fold(s string) []rune {
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case 'A' <= r && r <= 'Z':
			rs[i] = r - 'A' + 'a'
		case r == '-':
			rs[i] = '_'
		}
	}
	return rs
}

// distance is the optimal string alignment distance.
func distance(a, b []rune) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range b {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+change)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
