package codec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestDuplicateName(t *testing.T) {
	many := make([]string, 0, 40)
	for i := range 40 {
		many = append(many, fmt.Sprintf(`"k%d":%d`, i, i))
	}
	for _, c := range []struct{ text, name string }{
		{`{}`, ""}, {`[]`, ""}, {`7`, ""}, {`"a"`, ""}, {`null`, ""}, {` [ ] `, ""},
		{`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}`, ""},
		{`{"a":"}","b":"\"a\":","c":"\\"}`, ""},
		{`{"a":1,"A":2}`, ""},
		{`{"a":1,"a":1}`, "a"},
		{` { "a" : -1.5e3 , "b" : true , "a" : null } `, "a"},
		{`[1,[2,{"x":[{"a":0,"a":{}}]}],{"b":1,"b":1}]`, "a"},
		{`{"\u0061":1,"a":2}`, "a"},
		{`{"\"":1,"\u0022":2}`, `"`},
		{`{"` + "\xff" + `":1,"` + "\xfe" + `":2}`, "\ufffd"},
		{`{"":1,"":2}`, ""},
		{`{` + strings.Join(many, ",") + `}`, ""},
		{`{` + strings.Join(many, ",") + `,"k39":0}`, "k39"},
		{`{` + strings.Join(many, ",") + `,"k3":0}`, "k3"},
	} {
		if !json.Valid([]byte(c.text)) {
			t.Fatalf("%s is not JSON", c.text)
		}
		p := split([]byte(c.text))
		if p.twice != c.name || p.found != (c.name != "" || c.text == `{"":1,"":2}`) || p.broken {
			t.Errorf("%s: got %q, %v, broken %v; want %q", c.text, p.twice, p.found, p.broken, c.name)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ text, head, data string }{
		{`{"a":1}`, `{"a":1}`, ""},
		{`{"a":{"data":2}}`, `{"a":{"data":2}}`, ""},
		{`[{"data":2}]`, `[{"data":2}]`, ""},
		{`{"a":1,"data":2}`, `{"a":1,"data":null}`, "2"},
		{`{"data":{"data":[]},"a":1}`, `{"data":null,"a":1}`, `{"data":[]}`},
		{` { "data" : "}\\" , "a":"" } `, ` { "data" : null , "a":"" } `, `"}\\"`},
		{`{"d\u0061ta":false}`, `{"d\u0061ta":null}`, "false"},
	} {
		p := split([]byte(c.text))
		if string(p.head) != c.head || string(p.data) != c.data || p.broken {
			t.Errorf("%s: got head %s, data %s, broken %v", c.text, p.head, p.data, p.broken)
		}
	}
}

// The walk judges no text, but a valid one is never broken, and if head and
// data are valid, so is the text.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,{"b":"\\\""}],"data":{"x":null}}`, `{"data":,"x":1}`, `{"data":1 2}`, `{"data" "x"}`, `{"a":tr"ue,"data":1}`, `"data":1`, "",
		`{"data":[}`, `[1 2]`, `{"data":1,"data":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, valid := split(b), json.Valid(b)
		if valid && p.broken {
			t.Fatalf("broken, though valid: %q", b)
		}
		if p.broken || p.data == nil {
			return
		}
		if v := json.Valid(p.head) && json.Valid(p.data); v != valid {
			t.Fatalf("head %q and data %q: valid %v, the text %q: %v", p.head, p.data, v, b, valid)
		}
	})
}

// The walk goes as deep as the parser does, and no deeper: its stack is
// bounded.
func TestDepth(t *testing.T) {
	for depth, deep := range map[int]bool{maxDepth: false, maxDepth + 1: true, MaxBytes / 2: true} {
		text := []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		if json.Valid(text) == deep {
			t.Fatalf("the parser judges a depth of %d otherwise", depth)
		}
		if p := split(text); p.broken != deep {
			t.Errorf("depth %d: broken is %v", depth, p.broken)
		}
	}
}
