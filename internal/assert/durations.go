package assert

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// columns maps positions in a rewritten line to positions in the line that a
// person wrote, both counted in characters from 0.
type columns []edit

// edit says that the characters from `from` up to `to` of the rewritten line
// stand for those of the original from `origin` on, size of them.
type edit struct{ from, to, origin, size int }

func (cs columns) original(at int) int {
	shift := 0
	for _, e := range cs {
		switch {
		case at < e.from:
			return at - shift
		case at < e.to:
			return e.origin
		}
		shift = e.to - (e.origin + e.size)
	}
	return at - shift
}

var durationLiteral = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+`)

// rewriteDurations writes every bare duration (800ms, 1.5s, 1m30s) outside
// strings and comments as duration("…"): expr's lexer does not know them.
func rewriteDurations(src string) (string, columns) {
	if !strings.ContainsAny(src, "0123456789") {
		return src, nil
	}
	var out strings.Builder
	var cols columns
	in, written := 0, 0 // characters so far
	copyText := func(s string) {
		out.WriteString(s)
		n := utf8.RuneCountInString(s)
		in, written = in+n, written+n
	}
	wordy := false // the character before belongs to a word or number
	for i := 0; i < len(src); {
		rest := src[i:]
		n := opaque(rest)
		if n == 0 && !wordy {
			if lit := durationLiteral.FindString(rest); lit != "" && !startsWordy(rest[len(lit):]) {
				text := `duration("` + lit + `")`
				out.WriteString(text)
				size := utf8.RuneCountInString(lit)
				length := utf8.RuneCountInString(text)
				cols = append(cols, edit{written, written + length, in, size})
				in, written = in+size, written+length
				i += len(lit)
				wordy = true
				continue
			}
		}
		if n == 0 {
			_, n = utf8.DecodeRuneInString(rest)
			wordy = startsWordy(rest)
		} else {
			wordy = false
		}
		copyText(rest[:n])
		i += n
	}
	return out.String(), cols
}

func startsWordy(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && (r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// opaque is the number of bytes at the start of s that are a string or a
// comment, 0 where it starts with neither. One that does not end reaches to
// the end of s.
func opaque(s string) int {
	var end string
	switch {
	case strings.HasPrefix(s, "//"):
		end = "\n"
	case strings.HasPrefix(s, "/*"):
		end = "*/"
	case s[0] == '`':
		end = "`"
	case s[0] == '"' || s[0] == '\'':
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case s[0]:
				return i + 1
			}
		}
		return len(s)
	default:
		return 0
	}
	start := min(len(s), 2)
	if end == "`" {
		start = 1
	}
	if i := strings.Index(s[start:], end); i >= 0 {
		return start + i + len(end)
	}
	return len(s)
}
