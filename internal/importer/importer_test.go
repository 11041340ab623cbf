package importer_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/importer"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What is imported is a check file that is taken, and what is not is listed:
// both are in golden files, to be read.
func TestImport(t *testing.T) {
	for form, files := range map[string][]string{
		"gatus": {"gatus.yaml"}, "blackbox": {"blackbox.yml", "prometheus.yml"}, "checkly": {"checkly.json"},
		"curl": {"curl.sh"}, "openapi": {"openapi.yaml"}, "har": {"shop.har"},
	} {
		t.Run(form, func(t *testing.T) {
			var sources []importer.Source
			for _, f := range files {
				data, err := os.ReadFile(filepath.Join("testdata", f))
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, importer.Source{Name: f, Data: data})
			}
			checks, lost, err := importer.Forms[form](sources)
			if err != nil {
				t.Fatal(err)
			}
			written, err := checkfile.Write(checks)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			b.Write(written[0])
			for _, l := range lost {
				b.WriteString("# not carried over: " + l.String() + "\n")
			}
			golden := filepath.Join("testdata", form+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), b.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if strings.Contains(b.String(), "geheim") {
				t.Error("a credential came along")
			}
		})
	}
}

// No key of a file goes unseen: one that nobody has heard of is listed, wherever
// it stands.
func TestNothingIsDroppedSilently(t *testing.T) {
	for form, text := range map[string]string{
		"gatus":    `{later: 1, endpoints: [{name: a, url: "https://a.example", later: 1, client: {later: 1}}]}`,
		"blackbox": `{modules: {m: {prober: http, later: 1, http: {later: 1, tls_config: {later: 1}}}}, scrape_configs: [{job_name: j, later: 1, params: {module: [m]}, static_configs: [{targets: ["https://a.example"], later: 1}]}]}`,
		"checkly":  `[{checkType: API, name: a, later: 1, request: {url: "https://a.example", later: 1}}]`,
		"curl":     `curl --later 'https://a.example'`,
	} {
		checks, lost, err := importer.Forms[form]([]importer.Source{{Name: "f", Data: []byte(text)}})
		if err != nil || len(checks) != 1 {
			t.Fatalf("%s: %d checks, %v, %v", form, len(checks), lost, err)
		}
		var said []string
		for _, l := range lost {
			said = append(said, l.String())
		}
		if want, got := strings.Count(text, "later"), strings.Count(strings.Join(said, "\n"), "later"); got != want {
			t.Errorf("%s: %d of %d keys are listed:\n%s", form, got, want, strings.Join(said, "\n"))
		}
	}
}

func TestFilesOfAnotherSort(t *testing.T) {
	for form, read := range importer.Forms {
		for _, text := range []string{"", "{", "a: b", "[1, 2]", "'", "\x00", "{endpoints: 3}", "{log: {entries: [3]}}", "{openapi: 3, servers: [3], paths: 3}", "[{request: 3}]", "{modules: 3, scrape_configs: [3]}"} {
			checks, lost, err := read([]importer.Source{{Name: "f", Data: []byte(text)}})
			if err == nil && len(checks) > 0 {
				t.Errorf("%s makes %d checks of %q, %v", form, len(checks), text, lost)
			}
		}
	}
}

func FuzzImport(f *testing.F) {
	files, err := filepath.Glob("testdata/*.[yjsh]*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		for form, read := range importer.Forms {
			checks, _, err := read([]importer.Source{{Name: "f", Data: data}})
			if err != nil {
				continue
			}
			for _, c := range checks {
				if faults := c.Validate(); len(faults) > 0 {
					t.Errorf("%s: %v", form, faults)
				}
			}
		}
	})
}
