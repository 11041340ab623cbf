package redact

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
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
	if got, n := utf8.DecodeRuneInString(rest); same(got, r) {
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
	switch rest[0] { // an encoding of an encoding
	case '&':
		add(entity(rest, r))
		add(nested(rest, r))
	case '%', '\\':
		add(nested(rest, r))
	}
	return ends
}

// same reports whether two characters are the same but for their case.
func same(a, b rune) bool {
	return a == b && a != utf8.RuneError || unicode.ToLower(a) == unicode.ToLower(b) && a != utf8.RuneError
}

// nested is the length of r in an encoding whose own characters are encoded
// once more: HTML within JSON, JSON within a URL, and so on. It is 0 where there
// is none.
func nested(rest string, r rune) int {
	for _, word := range spellings(r) {
		if n := spelled(rest, word); n > 0 {
			return n
		}
	}
	return 0
}

// spellings are the usual encodings of a character, in lower case.
func spellings(r rune) []string {
	code := strconv.FormatInt(int64(r), 16)
	all := append(slices.Clone(named[r]), "&#"+strconv.Itoa(int(r))+";", "&#x"+code+";")
	if r < 0x10000 {
		all = append(all, `\u`+strings.Repeat("0", 4-len(code))+code)
	}
	if l := letters[r]; l != 0 {
		all = append(all, `\`+string(rune(l)))
	}
	if r == '"' || r == '\\' || r == '/' {
		all = append(all, `\`+string(r))
	}
	return all
}

// spelled is the length of a word of ASCII whose characters may each be
// percent-encoded, escaped as in JSON, or stand for themselves; 0 where it is
// not there.
func spelled(rest, word string) int {
	total := 0
	for _, c := range word {
		tail := rest[total:]
		if tail == "" {
			return 0
		}
		n := 0
		switch {
		case rune(lower(tail[0])) == c:
			n = 1
		case tail[0] == '%':
			n = percent(tail, c)
		case tail[0] == '\\':
			for k := 1; n == 0 && k <= maxSlashes && k < len(tail) && tail[k-1] == '\\'; k++ {
				if m := escape(tail[k:], c); m > 0 {
					n = k + m
				}
			}
		}
		if n == 0 {
			return 0
		}
		total += n
	}
	return total
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
