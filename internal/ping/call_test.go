package ping

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// noon is where the minutes of these tests begin.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time {
	return noon.Add(time.Duration(minutes * float64(time.Minute)))
}

func TestParse(t *testing.T) {
	type call struct {
		Signal Signal
		Code   int
		OK     bool
	}
	for word, want := range map[string]call{
		"": {Ended, 0, true}, "start": {Started, 0, true}, "fail": {Failed, 1, true}, "0": {Ended, 0, true}, "255": {Ended, 255, true}, "007": {Ended, 7, true},
		"256": {}, "-1": {}, "+1": {}, "stop": {}, "1.5": {}, "START": {}, " 1": {},
	} {
		s, code, ok := Parse(word)
		if d := cmp.Diff(want, call{s, code, ok}); d != "" {
			t.Errorf("%q (-want +got):\n%s", word, d)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"ok, 7 files":                              "ok, 7 files",
		`{"files": 7, "password": "hunter22"}`:     `{"files": 7, "password": "(redacted)"}`,
		"DB_PASSWORD=hunter22 pg_dump":             "DB_PASSWORD=(redacted) pg_dump",
		"curl: Authorization: Bearer abc.def":      "curl: Authorization: Bearer (redacted)",
		"dump of postgres://me:hunter22@db/shop":   "dump of postgres://(redacted)@db/shop",
		"pf_ABCDEFGHIJKLMNOPQRSTUVWXYZ234567":      "(redacted)",
		"api-key: k123, next":                      "api-key: (redacted), next",
		"a\x00b\xff":                               "a\uFFFDb\uFFFD",
		"the token ring was shut at http://a.b:80": "the token ring was shut at http://a.b:80",
	} {
		if got := Clean([]byte(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	long := Clean([]byte(strings.Repeat("é", MaxBody)))
	if len(long) > MaxBody || !utf8.ValidString(long) {
		t.Errorf("%d bytes, valid: %t", len(long), utf8.ValidString(long))
	}
}

func TestAbsences(t *testing.T) {
	span := func(from, to float64) Span { return Span{at(from), at(to)} }
	for name, c := range map[string]struct{ here, away []Span }{
		"nobody ever":             {nil, []Span{span(0, 100)}},
		"always":                  {[]Span{span(-5, 200)}, nil},
		"one after the other":     {[]Span{span(-5, 50), span(51, 100)}, []Span{span(50, 51)}},
		"two at a time":           {[]Span{span(-5, 50), span(30, 60), span(40, 45), span(60, 100)}, nil},
		"in no order":             {[]Span{span(70, 90), span(10, 20)}, []Span{span(0, 10), span(20, 70), span(90, 100)}},
		"out of what is asked of": {[]Span{span(-9, -5), span(200, 300)}, []Span{span(0, 100)}},
	} {
		if d := cmp.Diff(c.away, Absences(c.here, at(0), at(100))); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestKnown(t *testing.T) {
	now := at(60)
	for name, c := range map[string]struct {
		here []Span
		want float64 // minutes
	}{
		"nobody is there":            {nil, 59.5},
		"it has just said so":        {[]Span{{at(0), at(59.99)}}, 60 - 5.0/60},
		"it has said so a while ago": {[]Span{{at(0), at(59.75)}, {at(0), at(30)}}, 59.75},
		"it has gone":                {[]Span{{at(0), at(59)}}, 59.5},
	} {
		if got := Known(c.here, now); !got.Equal(at(c.want)) {
			t.Errorf("%s: %s, want %s", name, got, at(c.want))
		}
	}
}
