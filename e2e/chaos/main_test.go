package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestTold reads the events of two tests that ran side by side, in the form
// of `go test -json`: the line of a bar goes to the reader, all goes to the
// log, and of the one that failed its own last lines are kept.
func TestTold(t *testing.T) {
	var in strings.Builder
	output := func(test, text string) {
		fmt.Fprintf(&in, `{"Action":"output","Test":%q,"Output":%q}`+"\n", test, text)
	}
	in.WriteString("# a line of the build\n")
	for i := range wordsKept + 5 {
		output("TestBad", fmt.Sprintf("    bad %d\n", i))
		output("TestGood", "    good\n")
	}
	output("TestBad/part", "        part\n")
	output("TestGood", "bar: PASS good\n")
	in.WriteString(`{"Action":"fail","Test":"TestBad/part"}` + "\n" + `{"Action":"pass","Test":"TestGood"}` + "\n" + `{"Action":"fail","Test":"TestBad"}` + "\n")

	var stdout, log strings.Builder
	got := told(strings.NewReader(in.String()), &stdout, &log)
	if want := "PASS good\n"; stdout.String() != want {
		t.Errorf("printed %q, want %q", stdout.String(), want)
	}
	if got.ends["TestBad"] != "fail" || got.ends["TestGood"] != "pass" {
		t.Errorf("ends are %v", got.ends)
	}
	words := got.words["TestBad"]
	if len(words) != wordsKept || words[0] != "    bad 6" || words[wordsKept-1] != "        part" || slices.Contains(words, "    good") {
		t.Errorf("the last words of the one that failed: %d lines, %q", len(words), words)
	}
	for _, want := range []string{"# a line of the build\n", "    bad 0\n", "    good\n"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}
