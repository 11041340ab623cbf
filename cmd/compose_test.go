package cmd_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/dashboardcmd"
	"github.com/probefleet/probefleet/cmd/internal/recordercmd"
	"github.com/probefleet/probefleet/cmd/internal/schedulercmd"
	"github.com/probefleet/probefleet/cmd/internal/workercmd"
)

const composeFile = "../deploy/compose/compose.yaml"

// compose is what is looked at of the file.
type compose struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		Volumes     []string          `yaml:"volumes"`
		Networks    []string          `yaml:"networks"`
		SecurityOpt []string          `yaml:"security_opt"`
		CapDrop     []string          `yaml:"cap_drop"`
		CapAdd      []string          `yaml:"cap_add"`
		ReadOnly    bool              `yaml:"read_only"`
		Privileged  bool              `yaml:"privileged"`
		MemLimit    string            `yaml:"mem_limit"`
		PidsLimit   int               `yaml:"pids_limit"`
		Ports       []string          `yaml:"ports"`
		Profiles    []string          `yaml:"profiles"`
		Healthcheck struct {
			Test []string `yaml:"test"`
		} `yaml:"healthcheck"`
		DependsOn map[string]any `yaml:"depends_on"`
	} `yaml:"services"`
	Networks map[string]struct {
		Internal bool `yaml:"internal"`
	} `yaml:"networks"`
	Volumes map[string]any `yaml:"volumes"`
}

// TestCompose: every command, flag and variable that the file names is there,
// every daemon is in it with a health check, and none can do more than it needs.
func TestCompose(t *testing.T) {
	data, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	daemons := map[string]func(context.Context, daemon.Process) error{
		"scheduler": schedulercmd.Run, "worker": workercmd.Run, "recorder": recordercmd.Run, "console": consolecmd.Run, "dashboard": dashboardcmd.Run,
	}
	for name, run := range daemons {
		s, ok := c.Services[name]
		if !ok {
			t.Errorf("%s is not in the file", name)
			continue
		}
		args := s.Command
		if name != "worker" { // whose image has an entry point
			if len(args) == 0 || args[0] != name {
				t.Errorf("%s runs %v", name, args)
				continue
			}
			args = args[1:]
		}
		usage := help(t, run)
		for _, word := range args {
			if word[0] == '-' && !strings.Contains(usage, "\n  "+word+" ") {
				t.Errorf("%s has no flag %s", name, word)
			}
		}
		// What a server other than AWS needs, with the SDK's own variables.
		sdk := []string{"AWS_ENDPOINT_URL_SQS", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
		for _, variable := range sdk {
			if name != "dashboard" && s.Environment[variable] == "" {
				t.Errorf("%s lacks %s", name, variable)
			}
		}
		for variable := range s.Environment {
			if !slices.Contains(sdk, variable) && !strings.Contains(usage, "["+variable+"]") && !strings.Contains(usage, "\n  "+variable+" ") {
				t.Errorf("%s knows no variable %s", name, variable)
			}
		}
		if want := []string{"CMD", name, "health"}; !slices.Equal(s.Healthcheck.Test, want) {
			t.Errorf("the health check of %s is %v, want %v", name, s.Healthcheck.Test, want)
		}
	}
	for name, s := range c.Services {
		if !s.ReadOnly || s.Privileged || len(s.CapAdd) > 0 || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs: %+v", name, s)
		}
		if s.MemLimit == "" || s.PidsLimit == 0 {
			t.Errorf("%s has no limits", name)
		}
		for _, n := range s.Networks {
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s is in the network %s, which is not there", name, n)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[source]; !ok && !strings.HasPrefix(source, ".") {
				t.Errorf("%s has the volume %s, which is not there", name, source)
			} else if !ok {
				if _, err := os.Stat("../deploy/compose/" + source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		for other := range s.DependsOn {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s waits for %s, which is not there", name, other)
			}
		}
		database := s.Environment["DATABASE_URL"] != "" || name == "postgres"
		if slices.Contains(s.Networks, "database") != database {
			t.Errorf("%s is in %v: only those that read the database reach it", name, s.Networks)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "${") || !strings.Contains(port, ":-127.0.0.1:") {
				t.Errorf("%s is open to everybody by %s", name, port)
			}
		}
	}
	if w := c.Services["worker"]; !slices.Contains(w.SecurityOpt, "seccomp:../docker/seccomp.json") {
		t.Error("the worker has not the profile in which its browser has a sandbox")
	}
	for _, n := range []string{"database", "queue"} {
		if !c.Networks[n].Internal {
			t.Errorf("the network %s leads outside", n)
		}
	}
	example, err := os.ReadFile("../deploy/compose/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(string(data), -1) {
		if !regexp.MustCompile(`(?m)^#?` + m[1] + `=`).Match(example) {
			t.Errorf(".env.example does not say %s", m[1])
		}
	}
}

// TestElasticMQKeepsWhatItHolds: queues and messages lie in a volume, and it
// listens where the commands ask. Its image is not there to say so itself.
func TestElasticMQKeepsWhatItHolds(t *testing.T) {
	data, err := os.ReadFile("../deploy/compose/elasticmq.conf")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if text, err := os.ReadFile(composeFile); err != nil {
		t.Fatal(err)
	} else if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(c.Services["queue"].Volumes, "./elasticmq.conf:/opt/elasticmq.conf:ro") {
		t.Errorf("the queue has %v, and not its settings", c.Services["queue"].Volumes)
	}
	for storage, key := range map[string]string{"queues-storage": "path", "messages-storage": "uri"} {
		block := regexp.MustCompile(`(?s)\n` + storage + ` \{\n(.*?)\n\}`).FindSubmatch(data)
		if block == nil || !strings.Contains(string(block[1]), "enabled = true") {
			t.Errorf("%s is not enabled", storage)
			continue
		}
		at := regexp.MustCompile(key + ` = "(?:jdbc:h2:)?(/[^/"]+)/[^"]+"`).FindSubmatch(block[1])
		if at == nil || !slices.ContainsFunc(c.Services["queue"].Volumes, func(v string) bool {
			source, target, _ := strings.Cut(v, ":")
			_, named := c.Volumes[source]
			return named && target == string(at[1])
		}) {
			t.Errorf("%s lies in no volume: %s", storage, block[1])
		}
	}
	port := regexp.MustCompile(`bind-port = (\d+)`).FindSubmatch(data)
	if port == nil || c.Services["worker"].Environment["AWS_ENDPOINT_URL_SQS"] != "http://queue:"+string(port[1]) {
		t.Errorf("the worker asks %q, the queue listens on port %s", c.Services["worker"].Environment["AWS_ENDPOINT_URL_SQS"], port)
	}
}

// TestComposeItself has each program that is installed judge the files, alone
// and together.
func TestComposeItself(t *testing.T) {
	judged := false
	for _, program := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		run := func(args ...string) ([]byte, error) {
			cmd := exec.Command(program[0], slices.Concat(program[1:], args)...)
			cmd.Dir = filepath.Dir(composeFile)
			cmd.Env = append(os.Environ(), "POSTGRES_PASSWORD=x", "PROBEFLEET_CONSOLE_TOKEN=x", "PROBEFLEET_CANDIDATE_IMAGE=x")
			return cmd.CombinedOutput()
		}
		if _, err := run("version"); err != nil {
			continue
		}
		judged = true
		for _, more := range [][]string{nil, {"-f", "own-queue.yaml"}, {"-f", "shadow.yaml"}, {"-f", "own-queue.yaml", "-f", "shadow.yaml"}} {
			if out, err := run(slices.Concat([]string{"-f", "compose.yaml"}, more, []string{"--profile", "tools", "config", "--quiet"})...); err != nil {
				t.Errorf("%v, compose.yaml %v: %v\n%s", program, more, err, out)
			}
		}
	}
	if !judged {
		t.Skip("neither docker compose nor docker-compose is installed; TestCompose has read the file")
	}
}

// help is what a command says of itself.
func help(t *testing.T, run func(context.Context, daemon.Process) error) string {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), daemon.Process{Args: []string{"-h"}, Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &out})
	if !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	return out.String()
}
