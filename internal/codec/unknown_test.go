package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// again reads a message or a check and writes it, in the newest version.
var again = map[string]func(version int, body []byte) ([]byte, error){
	"job": func(_ int, body []byte) ([]byte, error) {
		j, err := DecodeJob(body)
		if err != nil {
			return nil, err
		}
		return EncodeJob(j)
	},
	"worker": func(_ int, body []byte) ([]byte, error) {
		a, err := DecodeAnnouncement(body)
		if err != nil {
			return nil, err
		}
		return EncodeAnnouncement(a)
	},
	"check": func(version int, body []byte) ([]byte, error) {
		c, err := DecodeCheck(version, body)
		if err != nil {
			return nil, err
		}
		_, data, err := EncodeCheck(c)
		return data, err
	},
}

var newestShapes = map[string]*shape{"job": jobShapes[2], "worker": announcementShape, "check": checkShapes[2]}

// treeOf is a JSON object with exact numbers. The version of the writer is
// left out: it is the one thing that changes.
func treeOf(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := plant(body, &tree); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	delete(tree, "v")
	return tree
}

// Whatever members a newer release adds, wherever it adds them: who reads a
// message and writes it again loses none.
func TestUnknownFieldsAreKept(t *testing.T) {
	for kind := range again {
		files, err := filepath.Glob("testdata/v2/" + kind + "/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("no corpus: %v", err)
		}
		for _, file := range files {
			for seed := range uint64(30) {
				r := rand.New(rand.NewPCG(seed, 7))
				tree := treeOf(t, read(t, file))
				s := newestShapes[kind]
				if kind != "check" {
					tree["v"] = json.Number("2")
					s = &shape{names: map[string]*shape{"data": s}}
				}
				grown := grow(r, s, tree)
				body, err := json.Marshal(tree)
				if err != nil {
					t.Fatal(err)
				}
				out, err := again[kind](2, body)
				if err != nil {
					t.Fatalf("%s, seed %d: %v\n%s", file, seed, err, body)
				}
				if d := cmp.Diff(treeOf(t, body), treeOf(t, out)); d != "" {
					t.Fatalf("%s, seed %d, %d members added (-in +out):\n%s", file, seed, grown, d)
				}
			}
		}
	}
}

// grow adds members to the objects of a tree, except where the names are
// somebody's values, and returns how many.
func grow(r *rand.Rand, s *shape, v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if inner, _ := s.member(name); inner != nil {
				n += grow(r, inner, value)
			}
		}
		for s.names != nil && r.IntN(3) == 0 {
			v[fmt.Sprintf("new-%d é\"", n)] = randomValue(r, 0)
			n++
		}
	case []any:
		for _, value := range v {
			n += grow(r, s.elem, value)
		}
	}
	return n
}

func randomValue(r *rand.Rand, depth int) any {
	switch k := r.IntN(7); {
	case k == 0:
		return nil
	case k == 1:
		return json.Number([]string{"9007199254740993", "1.0", "-0", "1e300", "18446744073709551615"}[r.IntN(5)])
	case k == 2:
		return r.IntN(2) == 0
	case k == 3 && depth < 4:
		list := make([]any, r.IntN(3))
		for i := range list {
			list[i] = randomValue(r, depth+1)
		}
		return list
	case k == 4 && depth < 4:
		object := map[string]any{}
		for i := range r.IntN(3) {
			object[fmt.Sprint(i)] = randomValue(r, depth+1)
		}
		return object
	}
	return "text \u2028 <&>"
}

// What version 1 did not know stays beside what it knew, which may have moved.
func TestUnknownFieldsOfVersionOne(t *testing.T) {
	body := jobBytes(t, "api")
	for _, at := range []string{`"type":`, `"run_id":`, `"every_us":`, `"request":`, `"method":`, `"user":"demo","password"`} {
		body = edit(t, body, at, `"new":"`+at[1:4]+`",`+at)
	}
	// Names that version 2 uses for something else give way to it.
	body = edit(t, body, `"request":`, `"steps":[{"x":1},{"x":2}],"request":`)
	body = edit(t, body, `"run_id":`, `"reply":"soon","run_id":`)
	got, err := DecodeJob(body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"data":{"new":"run"},"new":"typ"}`; got.Unknown != want {
		t.Errorf("of the job: %s\nwant %s", got.Unknown, want)
	}
	want := `{"api":{"new":"req","steps":[{"request":{"auth":{"new":"use"},"new":"met"}}]},"new":"eve"}`
	if got.Check.Unknown != want {
		t.Errorf("of the check: %s\nwant %s", got.Check.Unknown, want)
	}
	out, err := EncodeJobAt(2, got)
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeJob(out)
	if d := cmp.Diff(got, back); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// A version that has no room for them is not written.
func TestUnknownFieldsAreNotDowncast(t *testing.T) {
	ofCheck, ofJob, many := sampleJob(sampleAPI()), sampleJob(sampleAPI()), sampleJob(sampleAPI())
	ofCheck.Check.Unknown = `{"api":{"steps":[{"request":{"cert":{"a":1}}}]},"retry":{"max":2}}`
	ofJob.Unknown = `{"data":{"budget":1},"later":{}}`
	many.Unknown = `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}`
	for _, c := range []struct {
		j    any
		err  error
		lost string
	}{
		{ofCheck, errOf(EncodeJobAt(1, ofCheck)), "fields of a newer release (data.check.api.steps, data.check.retry.max)"},
		{ofJob, errOf(EncodeJobAt(1, ofJob)), "fields of a newer release (data.budget, later)"},
		{many, errOf(EncodeJobAt(1, many)), "fields of a newer release (a, b, c, d, e, 1 more)"},
	} {
		e, ok := errors.AsType[*CannotDowncastError](c.err)
		if !ok || e.Lost != c.lost || e.Version != 1 {
			t.Errorf("got %v, want that it would lose %s", c.err, c.lost)
		}
	}
	if v := JobVersionOf(ofCheck.Check); v != 2 {
		t.Errorf("jobs of the check need version %d, want 2", v)
	}
	if v := ResultVersionOf(ofCheck.Check); v != 1 {
		t.Errorf("results of the check need version %d, want 1", v)
	}
	version, data, err := EncodeCheck(ofCheck.Check)
	if err != nil || version != 2 || !strings.Contains(string(data), `"cert":{"a":1}`) {
		t.Errorf("the check is written in version %d, %v: %s", version, err, data)
	}
}

func errOf[T any](_ T, err error) error { return err }

// They belong to what they were read with.
func TestUnknownFieldsThatDoNotFit(t *testing.T) {
	c := sampleSteps()
	c.Unknown = `{"api":{"steps":[{"x":1}]}}`
	_, _, err := EncodeCheck(c)
	want := `encoding probefleet.check "shop-orders": its unknown fields: api: steps: the list has another length; they fit only what they were read with`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	c.Unknown = `{`
	if _, _, err := EncodeCheck(c); err == nil {
		t.Error("what is no JSON was written")
	}
}

// JSONB takes what is kept.
func TestUnknownFieldsAreStorable(t *testing.T) {
	_, body, err := EncodeCheck(sampleAPI())
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", 3000) + strings.Repeat("]", 3000)
	body = edit(t, body, `"every_us"`, `"a":1e99999,"b":"\ud800\u0000","c":`+deep+`,"every_us"`)
	c, err := DecodeCheck(1, body)
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := EncodeCheck(c)
	if err != nil || bytes.Contains(out, []byte(strings.Repeat("[", maxNesting+1))) || !bytes.Contains(out, []byte("\"a\":null,")) || !bytes.Contains(out, []byte("\"b\":\"\ufffd\ufffd\"")) {
		t.Errorf("%v: %.200s", err, out)
	}
}
