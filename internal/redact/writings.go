package redact

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxSlashes is the number of backslashes before a character that count as one
// escape: JSON within JSON doubles them.
const maxSlashes = 8

// writings adds to ends where r ends, in each of the ways in which it may be
// written at a place of text.
func writings(text string, at int, r rune, ends []int) []int {
	rest := text[at:]
	if rest == "" {
		return ends
	}
	add := func(n int) {
		if end := at + n; n > 0 && !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
	}
	got, n := utf8.DecodeRuneInString(rest)
	if got == r && n > 0 || r < utf8.RuneSelf && got < utf8.RuneSelf && lower(byte(got)) == lower(byte(r)) {
		add(n)
	}
	switch rest[0] {
	case '+':
		if r == ' ' {
			add(1)
		}
	case '%':
		add(percent(rest, r))
		switch r {
		case ' ': // a plus that was encoded once more
			add(percent(rest, '+'))
		case '%':
			for n := 1; strings.HasPrefix(rest[n:], "25"); n += 2 {
				add(n + 2)
			}
		}
	case '&':
		add(entity(rest, r))
	case '\\':
		for k := 1; k <= maxSlashes && k < len(rest) && rest[k-1] == '\\'; k++ {
			if m := escape(rest[k:], r); m > 0 {
				add(k + m)
			}
		}
	case '\r':
		if r == '\n' && strings.HasPrefix(rest, "\r\n") {
			add(2)
		}
	}
	return ends
}

// percent is the length of r in percent-encoding, also where that was encoded
// once more, 0 where it is not there.
func percent(rest string, r rune) int {
	var bytes [utf8.UTFMax]byte
	total := 0
	for _, b := range bytes[:utf8.EncodeRune(bytes[:], r)] {
		if !strings.HasPrefix(rest[total:], "%") {
			return 0
		}
		total++
		for strings.HasPrefix(rest[total:], "25") && !digits(rest[total:], 2, uint64(b)) {
			total += 2
		}
		if !digits(rest[total:], 2, uint64(b)) && (r >= utf8.RuneSelf || !folded(rest[total:], r)) {
			return 0
		}
		total += 2
	}
	return total
}

// folded reports whether two hex digits are r in the other letter case.
func folded(rest string, r rune) bool {
	return digits(rest, 2, uint64(lower(byte(r)))) || digits(rest, 2, uint64(upper(byte(r))))
}

// digits reports whether s begins with n hex digits that are worth v.
func digits(s string, n int, v uint64) bool {
	if len(s) < n {
		return false
	}
	got, err := strconv.ParseUint(s[:n], 16, 32)
	return err == nil && got == v
}

var letters = map[rune]byte{'\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f', '\a': 'a', '\v': 'v'}

// escape is the length of what stands behind a backslash for r, 0 where
// nothing does.
func escape(rest string, r rune) int {
	switch c := rest[0]; {
	case letters[r] != 0 && c == letters[r]:
		return 1
	case strings.ContainsRune(`"\/'<>&=`+"`$", r) && rune(c) == r:
		return 1
	case c == 'x' && r < 256 && digits(rest[1:], 2, uint64(r)):
		return 3
	case c == 'U' && digits(rest[1:], 8, uint64(r)):
		return 9
	case c != 'u':
	case r < 0x10000 && (digits(rest[1:], 4, uint64(r)) || r < utf8.RuneSelf &&
		(digits(rest[1:], 4, uint64(lower(byte(r)))) || digits(rest[1:], 4, uint64(upper(byte(r)))))):
		return 5
	case r >= 0x10000:
		high, low := utf16.EncodeRune(r)
		if !digits(rest[1:], 4, uint64(high)) {
			return 0
		}
		tail := strings.TrimLeft(rest[5:], `\`)
		if strings.HasPrefix(tail, "u") && digits(tail[1:], 4, uint64(low)) {
			return len(rest) - len(tail) + 5
		}
	}
	return 0
}

var named = map[rune][]string{
	'&': {"&amp;"}, '<': {"&lt;"}, '>': {"&gt;"}, '"': {"&quot;"}, '\'': {"&apos;"}, ' ': {"&nbsp;"},
}

// entity is the length of r as an entity of HTML, 0 where it is none.
func entity(rest string, r rune) int {
	for _, name := range named[r] {
		if strings.HasPrefix(rest, name) {
			return len(name)
		}
	}
	number, ok := strings.CutPrefix(rest, "&#")
	end := strings.IndexByte(number, ';')
	if !ok || end < 1 || end > 10 {
		return 0
	}
	base, figures := 10, number[:end]
	if figures[0] == 'x' || figures[0] == 'X' {
		base, figures = 16, figures[1:]
	}
	got, err := strconv.ParseUint(figures, base, 32)
	if err != nil || rune(got) != r {
		return 0
	}
	return len("&#") + end + 1
}
