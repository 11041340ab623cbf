package codec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was received is kept whole, and reads as it did.
func TestReceivedResultData(t *testing.T) {
	for name, want := range resultSamples() {
		for at := 1; at <= ResultVersion; at++ {
			body, err := EncodeResultAt(at, want)
			if err != nil {
				t.Fatal(err)
			}
			version, data, ok := ReceivedResultData(body)
			if name == "unicode" { // what looks like a surrogate is written anew
				continue
			}
			if !ok || version != at || !strings.HasSuffix(string(body), `"data":`+string(data)+"}") {
				t.Errorf("%s: version %d, ok %t, %s", name, version, ok, data)
			}
			got, err := DecodeResultData(version, data)
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
			}
		}
	}
	later := edit(t, resultBytes(t, "passed"), `"verdicts":[{`, `"new":{"deep":[1e3]}, "verdicts":[{"why":"é",`)
	later = edit(t, later, `"v":1`, `"v":9`)
	version, data, ok := ReceivedResultData(later)
	if !ok || version != ResultVersion || !strings.Contains(string(data), `"new":{"deep":[1e3]},"verdicts":[{"why":"é",`) {
		t.Errorf("version %d, ok %t, %s", version, ok, data)
	}
	for _, c := range []struct{ old, new string }{
		{`"type":"probefleet.result"`, `"type":"probefleet.job"`},
		{`"min":1`, `"min":3`},
		{`"outcome":`, `"x":"\ud800","outcome":`},
		{`"outcome":`, "\"x\":\"\xff\",\"outcome\":"},
		{`"outcome":`, `"x":1e99999,"outcome":`},
		{`"outcome":`, `"x":` + strings.Repeat("9", 2000) + `,"outcome":`},
		{`"outcome":`, `"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `,"outcome":`},
		{`"outcome":`, `"x":1,"x":2,"outcome":`},
		{`"data":`, `"date":`},
	} {
		body := []byte(strings.Replace(string(edit(t, resultBytes(t, "passed"), c.old, c.new)), `"v":1`, `"v":3`, 1))
		if _, _, ok := ReceivedResultData(body); ok {
			t.Errorf("%.60s: to be stored as it is", c.new)
		}
	}
	// NUL is replaced, as everywhere.
	body := edit(t, resultBytes(t, "passed"), `"outcome":`, `"x":"\u0000","outcome":`)
	if _, data, ok := ReceivedResultData(body); !ok || strings.Contains(string(data), `\u0000`) {
		t.Errorf("%t %s", ok, data)
	}
}
