package codec

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// encoding/json replaces invalid UTF-8 and lone surrogates by U+FFFD in both
// directions. That leaves NUL, which JSON can only hold as an escape.
var (
	escapedNUL     = []byte(`\u0000`)
	escapedReplace = []byte(`\ufffd`)
)

// replaceNUL replaces each NUL inside the strings of a JSON text by U+FFFD. It
// returns b itself where there is none, else a copy.
func replaceNUL(b []byte) []byte {
	if !bytes.Contains(b, escapedNUL) {
		return b
	}
	out := bytes.Clone(b)
	for i := 0; i < len(out); i++ {
		if out[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(out[i:], escapedNUL) {
			copy(out[i:], escapedReplace)
		}
		i++ // what follows a backslash starts no escape
	}
	return out
}

// distinctKeys makes the keys of m fit to be written: where sanitising would
// make two of them equal, the later ones, in the order of their bytes, get
// U+FFFD appended. It returns m itself where all keys are sane.
func distinctKeys(m map[string]string) map[string]string {
	sane := func(k string) bool { return utf8.ValidString(k) && strings.IndexByte(k, 0) < 0 }
	all := true
	for k := range m {
		all = all && sane(k)
	}
	if all {
		return m
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		if sane(k) {
			out[k] = v
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if sane(k) {
			continue
		}
		name := strings.ReplaceAll(sanitise(k), "\x00", "\uFFFD")
		for _, taken := out[name]; taken; _, taken = out[name] {
			name += "\uFFFD"
		}
		out[name] = m[k]
	}
	return out
}

// sanitise replaces each invalid byte by U+FFFD, as encoding/json does.
func sanitise(s string) string { return string([]rune(s)) }
