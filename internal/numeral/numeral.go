// Package numeral says how many of something there are, in words that agree with
// the number: "1 check", "2 checks". It knows regular English nouns and refuses
// to know others; how large numbers are grouped is the reader's business.
package numeral

import "strconv"

// Of is a number with its noun, which is given for one: "1 check", "0 checks".
func Of(n int, noun string) string { return strconv.Itoa(n) + " " + Noun(n, noun) }

// Noun is the noun, given for one, as it stands behind n.
func Noun(n int, noun string) string { return Pick(n, noun, noun+"s") }

// Pick is one where n is 1, else many: a verb as it stands behind a number.
func Pick(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
