package codec

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// ReceivedResultData is the data of a result's message as it was received, with
// every field that this build does not know, at whatever depth, and the version
// in which this build reads it. ok is false where it should be written anew by
// [EncodeResultData]: where body is no result, or its data is not what JSONB
// takes. Fields of the envelope are not kept.
func ReceivedResultData(body []byte) (version int, data []byte, ok bool) {
	body, err := readable(TypeResult, body, MaxBytes)
	if err != nil {
		return 0, nil, false
	}
	p, e, err := open(TypeResult, body)
	if err != nil || e.check(TypeResult) != nil || p.found || !storable(p.data) {
		return 0, nil, false
	}
	var out bytes.Buffer
	if json.Compact(&out, p.data) != nil {
		return 0, nil, false
	}
	return min(e.V, ResultVersion), out.Bytes(), e.Min <= ResultVersion
}

const (
	// maxNesting is far below what Postgres parses, and above what anyone
	// sends.
	maxNesting = 1000
	// maxNumber is the longest number that is kept as it is: with an exponent
	// of three digits it is far below the end of Postgres' numeric.
	maxNumber = 100
)

// storable reports whether JSONB takes data, a valid JSON text, for sure. What
// this build writes anew it always takes.
func storable(data []byte) bool {
	if len(data) == 0 || !utf8.Valid(data) || bytes.Contains(data, []byte(`\ud`)) || bytes.Contains(data, []byte(`\uD`)) {
		return false // an escape of a surrogate, of which one may be alone
	}
	nesting, number, exponent := 0, 0, 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			number, exponent = 0, 0
		case c == '{' || c == '[':
			nesting++
		case c == 'e' || c == 'E':
			exponent = 1 // or the end of true, which no digit follows
		case c >= '0' && c <= '9':
			number++
			if exponent > 0 {
				exponent++
			}
			if number > maxNumber || exponent > 4 {
				return false
			}
		case c == '.' || c == '+' || c == '-':
		default:
			number, exponent = 0, 0
		}
	}
	return nesting < maxNesting
}
