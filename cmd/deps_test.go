// Package cmd_test holds the direction of imports: which technology may be in
// which binary.
package cmd_test

import (
	"os/exec"
	"strings"
	"testing"
)

const (
	pgx      = "github.com/jackc/pgx"
	aws      = "github.com/aws/aws-sdk-go-v2"
	chromedp = "github.com/chromedp/chromedp"
	module   = "github.com/probefleet/probefleet/internal/"
)

func TestWhatABinaryHolds(t *testing.T) {
	for command, forbidden := range map[string][]string{
		"scheduler": {chromedp, module + "runner", module + "dashboard", module + "sqslocal"},
		"worker":    {pgx, module + "localpg", module + "store", module + "dashboard", module + "sqslocal", "go.yaml.in/yaml"},
		"recorder":  {chromedp, module + "runner", module + "dashboard", module + "sqslocal"},
		"dashboard": {aws, chromedp, module + "queue", module + "runner", module + "codec/", "github.com/expr-lang/expr"},
		// The console sees to dead letters, hence the queues; it runs nothing.
		"console": {chromedp, module + "runner", module + "sqslocal", module + "dashboard"},
		// The deployer knows the fleet by the console's API alone.
		"deployer":   {pgx, chromedp, module + "runner", module + "store", module + "queue", module + "console", module + "dashboard", module + "sqslocal", module + "codec", "go.yaml.in/yaml"},
		"probefleet": {},
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			for _, dep := range deps(t, "./"+command) {
				for _, f := range append(forbidden, "testing", module+"chaos", module+"queue/queuetest") {
					if dep == f || strings.HasPrefix(dep, f) && f != "testing" {
						t.Errorf("cmd/%s holds %s; run `go mod why` or `go list -deps` to see through whom", command, dep)
					}
				}
			}
		})
	}
}

func TestLayers(t *testing.T) {
	nouns := []string{"check", "jobs"}
	ruled := []string{
		"codec", "assert", "recording", "schedule", "status", "rollout", "redact", "template",
		"access", "people", "plan", "kept", "ping", "heartbeat", "promotion", "alert", "alert/alertbody", "backtest", "prose", "statuspage", "subscription", "origin", "shadow", "simulate", "capacity", "numeral",
	}
	rules := append(append([]string{"nearest"}, ruled...), nouns...)
	for layer, l := range map[string]struct{ rooms, may []string }{
		"nouns": {nouns, nouns},
		"rules": {ruled, rules},
		"services": {
			[]string{"scheduler", "worker", "recorder", "console", "dashboard", "deployer", "subscribe"},
			append([]string{"queue", "failpoint", "tracing", "driver"}, rules...),
		},
		// The frame of the console's pages knows no room that does anything; the
		// pages do everything through the console.
		"frames": {[]string{"console/web"}, rules},
		"pages":  {[]string{"console/pages", "console/login"}, append([]string{"console", "console/web"}, rules...)},
	} {
		for _, room := range l.rooms {
			t.Run(layer+"/"+room, func(t *testing.T) {
				t.Parallel()
				for _, imported := range imports(t, "../internal/"+room) {
					name, ours := strings.CutPrefix(imported, module)
					if ours && !contains(l.may, name) {
						t.Errorf("internal/%s, one of the %s, imports internal/%s", room, layer, name)
					}
				}
			})
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func deps(t *testing.T, pkg string) []string {
	t.Helper()
	return list(t, "-deps", "-f", "{{.ImportPath}}", pkg)
}

func imports(t *testing.T, pkg string) []string {
	t.Helper()
	return list(t, "-f", `{{join .Imports "\n"}}`, pkg)
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}
