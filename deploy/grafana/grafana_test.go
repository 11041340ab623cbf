// Package grafana_test holds the dashboards and the alert rules of this folder
// against the language in which they are written, and against the catalogue of
// metrics.
package grafana_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v4"
)

// metric is what the catalogue says of one.
type metric struct {
	kind   string
	labels []string
	help   string
}

var row = regexp.MustCompile("(?m)^\\| `(probefleet_[a-z_]+)` \\| ([a-z]+) \\| ([a-z, ]*) \\| [^|]* \\| (.*) \\|$")

func catalogue(t *testing.T) map[string]metric {
	t.Helper()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]metric{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		known[m[1]] = metric{m[2], strings.Split(m[3], ", "), m[4]}
	}
	if len(known) < 50 {
		t.Fatalf("the catalogue has only %d metrics that this test can read", len(known))
	}
	return known
}

// anywhere are labels that Prometheus itself adds.
var anywhere = []string{"instance", "job", "le"}

// faults are what is wrong with an expression.
func faults(known map[string]metric, expression string) (found []string) {
	e, err := parser.ParseExpr(expression)
	if err != nil {
		return []string{err.Error()}
	}
	var has []string // labels of the metrics of the expression
	bad := func(form string, args ...any) { found = append(found, fmt.Sprintf(form, args...)) }
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		name := v.Name
		m, ok := known[name]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, cut := strings.CutSuffix(name, suffix); !ok && cut && known[base].kind == "histogram" {
				m, ok = known[base], true
			}
		}
		if !ok || m.kind == "histogram" && name == v.Name && known[name].kind == "histogram" {
			bad("%s is not in the catalogue", name)
			return nil
		}
		has = append(has, m.labels...)
		for _, l := range v.LabelMatchers {
			switch {
			case l.Name == model.MetricNameLabel:
			case !slices.Contains(m.labels, l.Name):
				bad("%s has no label %s", name, l.Name)
			case l.Type == labels.MatchEqual && slices.Contains([]string{"fate", "state", "outcome", "reason"}, l.Name) && !strings.Contains(m.help+", operational, degraded, outage, not_measured", l.Value):
				bad("%s is never %s=%q, by its help", name, l.Name, l.Value)
			}
		}
		return nil
	})
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok && !a.Without {
			for _, l := range a.Grouping {
				if !slices.Contains(has, l) && !slices.Contains(anywhere, l) {
					bad("nothing in it has the label %s", l)
				}
			}
		}
		return nil
	})
	return found
}

func TestFaultsAreFound(t *testing.T) {
	known := catalogue(t)
	for expression, want := range map[string]string{
		"sum(rate(probefleet_scheduler_jobs_sent_total[5m])": "unclosed",
		"probefleet_scheduler_job_sent_total":                "not in the catalogue",
		`probefleet_check_up{chek="x"}`:                      "no label chek",
		"sum by (locaton) (probefleet_check_up)":             "label locaton",
		`probefleet_recorder_results_total{fate="stroed"}`:   "never",
		"probefleet_recorder_lag_seconds":                    "not in the catalogue", // without _bucket, _sum or _count
	} {
		if found := faults(known, expression); !strings.Contains(strings.Join(found, "; "), want) {
			t.Errorf("%s: %v, want %q", expression, found, want)
		}
	}
}

func TestAlertRules(t *testing.T) {
	type rule struct {
		Alert, Expr, For string
		Labels           map[string]string
		Annotations      map[string]string
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	text, err := os.ReadFile("rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	known, seen := catalogue(t), map[string]bool{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			for _, fault := range faults(known, r.Expr) {
				t.Errorf("%s: %s\n%s", r.Alert, fault, r.Expr)
			}
			if r.For != "" {
				if _, err := model.ParseDuration(r.For); err != nil {
					t.Errorf("%s: %v", r.Alert, err)
				}
			}
			if seen[r.Alert] || !model.UTF8Validation.IsValidLabelName(r.Alert) || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: the name twice or no name, or no severity, summary or description", r.Alert)
			}
			seen[r.Alert] = true
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d rules were read", len(seen))
	}
}

// filled puts something in the place of what Grafana fills in.
var filled = strings.NewReplacer("$__rate_interval", "5m", "$group", "x", "$check", "x", "$location", "x")

var labelValues = regexp.MustCompile(`^label_values\((.*), ([a-z]+)\)$`)

func TestDashboards(t *testing.T) {
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	known := catalogue(t)
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var board struct {
				UID, Title    string
				SchemaVersion int
				Panels        []struct {
					ID          int
					Type, Title string
					GridPos     struct{ H, W, X, Y int }
					Targets     []struct{ Expr, RefID string }
				}
				Templating struct {
					List []struct{ Name, Type, Definition string }
				}
			}
			if err := json.Unmarshal(text, &board); err != nil {
				t.Fatal(err)
			}
			if board.UID == "" || board.Title == "" || board.SchemaVersion == 0 {
				t.Error("no uid, title or version: Grafana would not know it again")
			}
			ids := map[int]bool{}
			taken := map[[2]int]string{}
			for _, p := range board.Panels {
				if ids[p.ID] || p.Type != "row" && len(p.Targets) == 0 {
					t.Errorf("panel %q: its id twice, or nothing asked", p.Title)
				}
				ids[p.ID] = true
				for x := range p.GridPos.W {
					for y := range p.GridPos.H {
						at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
						if at[0] >= 24 || taken[at] != "" {
							t.Fatalf("panel %q lies on %q, or beyond the edge", p.Title, taken[at])
						}
						taken[at] = p.Title
					}
				}
				for _, q := range p.Targets {
					for _, fault := range faults(known, filled.Replace(q.Expr)) {
						t.Errorf("panel %q: %s\n%s", p.Title, fault, q.Expr)
					}
				}
			}
			for _, v := range board.Templating.List {
				if v.Type != "query" {
					continue
				}
				m := labelValues.FindStringSubmatch(v.Definition)
				if m == nil {
					t.Errorf("variable %s: %s is not label_values(metric, label)", v.Name, v.Definition)
					continue
				}
				for _, fault := range faults(known, fmt.Sprintf("count by (%s) (%s)", m[2], filled.Replace(m[1]))) {
					t.Errorf("variable %s: %s", v.Name, fault)
				}
			}
		})
	}
}
