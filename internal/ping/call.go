package ping

import (
	"regexp"
	"strconv"
	"strings"
)

// Parse reads what stands behind an address: nothing, start, fail, or an exit
// code of 0 to 255.
func Parse(word string) (s Signal, exitCode int, ok bool) {
	switch word {
	case "":
		return Ended, 0, true
	case "start":
		return Started, 0, true
	case "fail":
		return Failed, 1, true
	}
	code, err := strconv.ParseUint(word, 10, 8)
	if err != nil || word[0] == '+' {
		return "", 0, false
	}
	return Ended, int(code), true
}

// mark stands where something was hidden.
const mark = "(redacted)"

var (
	ourTokens   = regexp.MustCompile(`\bpf_[A-Z2-7]{20,}`)
	inURL       = regexp.MustCompile(`(://)[^/\s:@"'<>]+:[^/\s@"'<>]+@`)
	credentials = regexp.MustCompile(`(?i)\b((?:[a-z0-9]+[-_])*(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|authorization)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)([^\s"',;&}]+)`)
)

// Clean is the start of a body as it is kept: valid UTF-8 of at most [MaxBody]
// bytes, without what looks like credentials. Jobs send what they print, and
// nobody has told us their secrets.
func Clean(body []byte) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(string(body), "\uFFFD"), "\x00", "\uFFFD")
	s = ourTokens.ReplaceAllString(s, mark)
	s = inURL.ReplaceAllString(s, "${1}"+mark+"@")
	s = credentials.ReplaceAllString(s, "${1}"+mark)
	if len(s) > MaxBody {
		s = strings.ToValidUTF8(s[:MaxBody], "")
	}
	return s
}
