package codec

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// The corpus, testdata/v1 and its successors, holds messages as they were
// shipped, and beside each, as NAME.golden, the value that it decodes to;
// testdata/v2/upcast has those of version 1 in today's words. It
// is append-only: a message that was ever written may still lie in a
// dead-letter queue or a column. SUMS lists every file with its SHA-256, in
// the order in which they came; sealed, below, keeps its lines.
var update = flag.Bool("update", false, "add new samples, golden values and sums to the corpus; nothing that is there changes")

// sealed is, per version, how many lines of SUMS have been shipped, and the
// SHA-256 of these lines. Raise it with each release; never otherwise.
var sealed = map[string]struct {
	lines int
	sum   string
}{
	"v1": {46, "b03a4fb73c73cf8693cf6ae0f4e0eb246bb899e3f918dd547d2c179cdfc9040e"},
	"v2": {65, "bee512e3cc2e0a151db413bee581d61e1775af4dc7a2e6da0281f97a86883e4d"},
}

// decoders read a file of the corpus; the folder names the type, the version
// folder the version of what has no envelope.
var decoders = map[string]func(version int, data []byte) (any, error){
	"job":    func(_ int, data []byte) (any, error) { return DecodeJob(data) },
	"result": func(_ int, data []byte) (any, error) { return DecodeResult(data) },
	"check":  func(v int, data []byte) (any, error) { return DecodeCheck(v, data) },

	"deadletter": func(_ int, data []byte) (any, error) { return DecodeDeadLetter(data) },
	"worker":     func(_ int, data []byte) (any, error) { return DecodeAnnouncement(data) },
}

// What is written today in a version is what the corpus of that version holds:
// a shape changes by a new version only, or by new optional fields.
func TestTodaysBytesAreInTheCorpus(t *testing.T) {
	write := func(kind string, version int, name string, body []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s %s: %v", kind, name, err)
		}
		file := fmt.Sprintf("testdata/v%d/%s/%s.json", version, kind, name)
		var lines bytes.Buffer
		if err := json.Indent(&lines, body, "", "\t"); err != nil {
			t.Fatal(err)
		}
		add(t, file, append(lines.Bytes(), '\n'))
		var want bytes.Buffer
		if err := json.Compact(&want, read(t, file)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if d := cmp.Diff(want.String(), string(body)); d != "" {
			t.Errorf("%s: is now written differently (-corpus +got):\n%s", file, d)
		}
	}
	for version, samples := range [][]map[string]jobs.Job{1: {jobSamples()}, 2: {jobSamples(), newJobSamples()}} {
		for _, of := range samples {
			for _, name := range sorted(of) {
				body, err := EncodeJobAt(version, of[name])
				write("job", version, name, body, err)
			}
		}
	}
	for version, samples := range [][]map[string]jobs.Result{1: {resultSamples()}, 2: {resultSamples(), newResultSamples()}} {
		for _, of := range samples {
			for _, name := range sorted(of) {
				body, err := EncodeResultAt(version, of[name])
				write("result", version, name, body, err)
			}
		}
	}
	for _, name := range sorted(announcementSamples()) {
		body, err := EncodeAnnouncement(announcementSamples()[name])
		write("worker", 2, name, body, err) // came with version 2 of the others
	}
	for _, of := range []map[string]check.Check{checkSamples(), newCheckSamples()} {
		for _, name := range sorted(of) {
			version, body, err := EncodeCheck(of[name])
			write("check", version, name, body, err)
		}
	}
	for _, name := range sorted(deadLetterSamples()) {
		body, err := EncodeDeadLetter(deadLetterSamples()[name])
		write("deadletter", DeadLetterVersion, name, body, err)
	}
}

func TestCorpusDecodes(t *testing.T) {
	files, err := filepath.Glob("testdata/v?/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
			data := read(t, file)
			var version int
			if _, err := fmt.Sscanf(file, "testdata/v%d/", &version); err != nil {
				t.Fatal(err)
			}
			v, err := decoders[path.Base(path.Dir(file))](version, data)
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			// Notes on dead letters have one version so far.
			if version == 1 && path.Base(path.Dir(file)) != "deadletter" {
				compare(t, golden, printedAsV1(v))
				golden = strings.Replace(golden, "testdata/v1/", "testdata/v2/upcast/", 1)
				compare(t, golden, printedUpcast(v))
				return
			}
			compare(t, golden, printed(v))
		})
	}
}

func compare(t *testing.T, golden string, got []byte) {
	t.Helper()
	add(t, golden, got)
	if d := cmp.Diff(string(read(t, golden)), string(got)); d != "" {
		t.Errorf("%s: decodes to another value than it did (-golden +got):\n%s", golden, d)
	}
}

// TestCorpusIsAppendOnly runs last of the three: with -update it lists what
// the others have added.
func TestCorpusIsAppendOnly(t *testing.T) {
	versions, err := filepath.Glob("testdata/v*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range versions {
		sums := read(t, dir+"/SUMS")
		listed := map[string]bool{}
		for line := range strings.Lines(string(sums)) {
			sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			if !ok || listed[name] {
				t.Fatalf("%s/SUMS: bad line %q", dir, line)
			}
			listed[name] = true
			switch data, err := os.ReadFile(path.Join(dir, name)); {
			case err != nil:
				t.Errorf("the corpus has lost a file: %v; restore it", err)
			case digest(data) != sum:
				t.Errorf("%s/%s has changed; restore it, and add a new file instead", dir, name)
			}
		}
		for _, name := range corpusFiles(t, dir) {
			if listed[name] {
				continue
			}
			if !*update {
				t.Errorf("%s/%s is not in SUMS; run the tests of this package with -update", dir, name)
				continue
			}
			sums = fmt.Appendf(sums, "%s  %s\n", digest(read(t, path.Join(dir, name))), name)
		}
		if *update {
			save(t, dir+"/SUMS", sums)
		}
		lines := slices.Collect(strings.Lines(string(sums)))
		s, known := sealed[path.Base(dir)]
		if !known || len(lines) < s.lines || digest([]byte(strings.Join(lines[:s.lines], ""))) != s.sum {
			t.Errorf("%s/SUMS is not what was sealed: its first %d lines may never change; restore it, or seal a new version", dir, s.lines)
		}
	}
}

func corpusFiles(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && name != "SUMS" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && (!*update || path.Base(file) != "SUMS") {
		t.Fatal(err)
	}
	return b
}

// add writes a file of the corpus that is not there yet, with -update only.
func add(t *testing.T, file string, data []byte) {
	t.Helper()
	if _, err := os.Stat(file); err == nil || !*update {
		return
	}
	save(t, file, data)
}

func save(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(path.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
