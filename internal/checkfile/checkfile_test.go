package checkfile

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/probefleet/probefleet/internal/check"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference")

// Good files decode to what lies beside them.
func TestGood(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		cs, err := Load([]string{file}, Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := json.MarshalIndent(cs, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, ".yaml") + ".json"
		if *update {
			if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.TrimSpace(string(want)), string(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
		for _, c := range cs {
			if fs := c.Validate(); fs != nil {
				t.Errorf("%s: %s: %v", file, c.ID, fs)
			}
		}
	}
}

// testdata/faults.txtar and its like have a file "name" and its faults
// "name.faults", the file's name left out, for every fault there is.
func TestFaults(t *testing.T) {
	archives, err := filepath.Glob("testdata/*faults.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, archive := range archives {
		testFaults(t, archive)
	}
}

func testFaults(t *testing.T, archive string) {
	t.Helper()
	parts := readArchive(t, archive)
	var out strings.Builder
	for i, f := range parts {
		if strings.HasSuffix(f.name, ".faults") {
			continue
		}
		cs, err := Parse(f.name, []byte(f.data), Options{})
		var faults Faults
		if !errors.As(err, &faults) || cs != nil {
			t.Errorf("%s: no faults, %d checks", f.name, len(cs))
			continue
		}
		got := strings.ReplaceAll("\n"+faults.Error()+"\n", "\n"+f.name+":", "\n")[1:]
		out.WriteString("-- " + f.name + " --\n" + f.data + "-- " + f.name + ".faults --\n" + got)
		if *update {
			continue
		}
		if i+1 == len(parts) || parts[i+1].name != f.name+".faults" {
			t.Errorf("%s has no .faults behind it", f.name)
		} else if d := cmp.Diff(parts[i+1].data, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, d)
		}
	}
	if *update {
		if err := os.WriteFile(archive, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// part is one file of an archive in txtar form.
type part struct{ name, data string }

func readArchive(t testing.TB, path string) []part {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var parts []part
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			parts = append(parts, part{name: strings.TrimSuffix(name, " --\n")})
			continue
		}
		parts[len(parts)-1].data += line
	}
	return parts
}

// What cannot stand in an archive.
func TestOddFiles(t *testing.T) {
	for _, tt := range []struct {
		name, data, want string
	}{
		{"empty", "", "f: is empty; write `checks:` and a list of checks below it"},
		{"null", "~\n", "f: is empty; write `checks:` and a list of checks below it"},
		{"not UTF-8", "checks:\n  - é\xff", "f:2:6: is not UTF-8; save the file in that encoding"},
		{"UTF-16", "\xff\xfec\x00h\x00", "f:1:1: is not UTF-8; save the file in that encoding"},
		{"control", "checks: a\x01", "f:1:10: a control character; remove it, or write it as an escape in a text in double quotes"},
		{"large", strings.Repeat("#\n", MaxFile), "f: is larger than 1048576 bytes; split it into several files"},
		{"deep", "checks: " + strings.Repeat("[", 500), "f:1:109: not valid YAML: values are nested too deeply"},
		{"carriage returns", "checks:\r\n  - id: a\r\n    request: x\r\n", `f:3:14: request.url: "x" does not start with http:// or https://`},
		{"byte order mark", "\ufeffchecks: {}\n", "f:1:9: checks wants a list, not keys and values; begin each item with a dash"},
	} {
		_, err := Parse("f", []byte(tt.data), Options{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got  %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

// Aliases can make a small file large: that is refused, and soon.
func TestAliasesAreBounded(t *testing.T) {
	laughs := "vars: {a: b}\nchecks:\n  - id: a\n    request:\n      url: https://a.example/\n      method: POST\n      json:\n        a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		ref := "*a" + itoa(i)
		laughs += "        a" + itoa(i+1) + ": &a" + itoa(i+1) + " [" + strings.Repeat(ref+", ", 9) + ref + "]\n"
	}
	checks := "checks:\n  - &c\n    id: a\n    request: https://a.example/\n    tags: [" + strings.Repeat("x, ", 500) + "x]\n" + strings.Repeat("  - *c\n", 2_000)
	long := "vars: {a: \"" + strings.Repeat("x", 200_000) + "\"}\nchecks: [{id: a, request: {url: \"https://a.example/\", query: &q {" +
		strings.Repeat("b: \"{{ vars.a }}\", ", 1) + "c: \"{{ vars.a }}\"}}}\n" + strings.Repeat(", {request: {query: *q}}", 1_000) + "]\n"
	lines := "checks:\n  - id: a\n    request: https://a.example/\n    expect: [&a \"" + strings.Repeat("(", 1000) + "nope" + strings.Repeat(")", 1000) + "\"" +
		strings.Repeat(", *a", 20_000) + "]\n"
	itself := "checks:\n  - id: a\n    request: {url: \"https://a.example/\", json: &a [*a]}\n"
	for name, tt := range map[string]struct{ data, want string }{
		"laughs": {laughs, "the file has more than 500000 values"},
		"checks": {checks, "the file has more than 500000 values"},
		"long":   {long, "bytes with their variables filled in"},
		"lines":  {lines, "there is no nope"},
		"bad":    {"checks: [{id: \"" + strings.Repeat("{{x}} ", 30_000) + "\"}]", "{{ x }} is not known"},
		"good":   {"vars: {x: y}\nchecks: [{id: \"" + strings.Repeat("{{vars.x}} ", 30_000) + "\"}]", "id: \"y y"},
		"tags":   {"defaults: {tags: [" + strings.Repeat("x, ", 20_000) + "]}\nchecks: [{id: a}]", "at most 100"},
		"itself": {itself, "an alias contains itself"},
	} {
		_, err := Parse("f", []byte(tt.data), Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %.300v, want …%s…", name, err, tt.want)
		}
	}
}

// BenchmarkParse reads 2000 checks with two assertions each.
func BenchmarkParse(b *testing.B) {
	file := "vars: {base: \"https://a.example\"}\nchecks:\n"
	for i := range 2000 {
		file += "  - id: check-" + itoa(i) + "\n    request: {url: \"{{ vars.base }}/" + itoa(i) + "\"}\n    expect: [status == 200, time.total < " + itoa(i+1) + "ms]\n"
	}
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", []byte(file), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	_, err := Parse("f", []byte("checks:\n"+strings.Repeat("  - {}\n", 500)), Options{})
	var fs Faults
	if !errors.As(err, &fs) || len(fs) != 1000 {
		t.Fatalf("%d faults", len(fs))
	}
	if s := err.Error(); strings.Count(s, "\n") != 200 || !strings.HasSuffix(s, "and 800 more faults; correct these first") {
		t.Errorf("…%s", s[len(s)-200:])
	}
	if s := make(Faults, 201).Error(); !strings.HasSuffix(s, "and 1 more fault; correct these first") {
		t.Errorf("one more: %q", s[len(s)-60:])
	}
}

func TestOptionsOverrideVars(t *testing.T) {
	const file = "vars: {base: \"https://a.example\"}\nchecks: [{id: a, request: \"{{ vars.base }}{{ vars.path }}\"}]\n"
	cs, err := Parse("f", []byte(file), Options{Vars: map[string]string{"base": "https://b.example", "path": "/x"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := cs[0].Spec.(*check.API).Steps[0].Request.URL; got != "https://b.example/x" {
		t.Error(got)
	}
	_, err = Parse("f", []byte(file), Options{Vars: map[string]string{"base": "no url", "path": ""}})
	if want := `f:2:27: request.url: "no url" does not start with http:// or https://`; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func one(id string) string { return "checks: [{id: " + id + ", request: \"https://a.example/\"}]\n" }

func TestLoadFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.yaml": one("b"), "a.yml": one("a"), "sub/c.yaml": one("c"), ".git/x.yaml": "broken: [", ".hidden.yaml": "broken: [", "notes.txt": "broken: [",
	})
	cs, err := Load([]string{dir, filepath.Join(dir, "b.yaml")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range cs {
		ids = append(ids, c.ID)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, ids); d != "" {
		t.Error(d)
	}
}

func TestLoadReportsEveryFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"1.yaml": one("same"), "2.yaml": one("same"), "3.yaml": "checks: [", "4.yaml": "check: []\n", "empty/x.txt": "",
	})
	_, err := Load([]string{dir, filepath.Join(dir, "nope.yaml"), filepath.Join(dir, "empty")}, Options{})
	if err == nil {
		t.Fatal("no fault")
	}
	got := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
	want := strings.Join([]string{
		`2.yaml:1:15: id "same" is taken: the first is at 1.yaml:1:15; ids are unique over all files`,
		`3.yaml:2:1: not valid YAML: did not find expected node content while parsing a flow node that begins at line 2; check indentation, brackets and quotes`,
		"4.yaml:1:1: a file has no key \"check\"; did you mean checks? (keys: vars, environments, groups, defaults, channels, pages, checks)",
		"4.yaml:1:1: has no `checks:`; write `checks:` and a list of checks below it",
		`empty: the folder has no *.yaml or *.yml file`,
		`nope.yaml: there is no such file or folder; check the path`,
	}, "\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Load(nil, Options{}); err == nil {
		t.Error("nothing to load is no fault")
	}
}

// breaks counts the line breaks that YAML knows.
func breaks(data []byte) int {
	return strings.Count(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(data)), "\n")
}

// FuzzParse: whatever the file, there are checks that are valid or faults that
// have a place, no panic, and an end.
func FuzzParse(f *testing.F) {
	for _, p := range readArchive(f, "testdata/faults.txtar") {
		f.Add([]byte(p.data))
	}
	files, _ := filepath.Glob("testdata/good/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		file, err := ParseAll("f", data, Options{Vars: map[string]string{"x": "y"}, ReadFile: func(string) ([]byte, error) {
			return nil, os.ErrNotExist // a fuzzer reads nobody's files
		}})
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
		if err != nil {
			for _, fault := range err.(Faults) {
				if fault.File != "f" || fault.Message == "" || fault.Line < 0 || (fault.Line == 0) != (fault.Column == 0) || fault.Line > breaks(data)+2 {
					t.Errorf("%+v", fault)
				}
			}
			return
		}
		if len(file.Checks)+len(file.Channels)+len(file.Pages) == 0 {
			t.Error("neither checks, channels or pages nor faults")
		}
		for _, c := range file.Checks {
			if fs := c.Validate(); fs != nil {
				t.Errorf("%v", fs)
			}
		}
	})
}
