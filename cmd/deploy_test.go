package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/dashboardcmd"
	"github.com/probefleet/probefleet/cmd/internal/recordercmd"
	"github.com/probefleet/probefleet/cmd/internal/schedulercmd"
	"github.com/probefleet/probefleet/cmd/internal/workercmd"
)

// variables are what each command reads of its environment, as its -h says.
func variables(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	for name, run := range map[string]func(context.Context, daemon.Process) error{
		"scheduler": schedulercmd.Run, "worker": workercmd.Run, "recorder": recordercmd.Run,
		"console": consolecmd.Run, "dashboard": dashboardcmd.Run,
	} {
		var out bytes.Buffer
		err := run(t.Context(), daemon.Process{Args: []string{"-h"}, Getenv: func(string) string { return "" }, Stdout: &out, Stderr: io.Discard})
		if !errors.Is(err, flag.ErrHelp) {
			t.Fatalf("%s -h: %v", name, err)
		}
		said[name] = out.String()
	}
	return said
}

// object is as much of a manifest as is looked at.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Replicas *int
		Strategy struct {
			RollingUpdate struct {
				MaxUnavailable any `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		}
		Template struct {
			Metadata struct{ Annotations map[string]string }
			Spec     podSpec
		}
		ScaleTargetRef  struct{ Name string } `yaml:"scaleTargetRef"`
		MinReplicaCount int                   `yaml:"minReplicaCount"`
		Fallback        any
		Triggers        []struct{ Metadata map[string]string }
		Selector        struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
	}
}

type podSpec struct {
	Grace           int  `yaml:"terminationGracePeriodSeconds"`
	Token           bool `yaml:"automountServiceAccountToken"`
	SecurityContext struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []struct {
		Name    string
		Command []string
		Env     []struct{ Name, Value string }
		EnvFrom []struct {
			ConfigMapRef struct{ Name string } `yaml:"configMapRef"`
		} `yaml:"envFrom"`
		SecurityContext struct {
			Escalation   *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities struct{ Drop []string }
		} `yaml:"securityContext"`
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
	}
}

const manifests = "../deploy/kubernetes"

func objects(t *testing.T) []object {
	t.Helper()
	files, err := filepath.Glob(manifests + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	var all []object
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
			var o object
			if err := d.Decode(&o); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, o)
		}
	}
	return all
}

// Whatever a manifest tells a command, the command knows; pods are closed, and
// have the time to drain.
func TestKubernetes(t *testing.T) {
	said, all := variables(t), objects(t)
	settings := map[string]map[string]string{}
	budgets := map[string]bool{}
	for _, o := range all {
		switch o.Kind {
		case "ConfigMap":
			settings[o.Metadata.Name] = o.Data
		case "PodDisruptionBudget":
			budgets[o.Spec.Selector.MatchLabels["app"]] = true
		}
	}
	seen := map[string]bool{}
	for _, o := range all {
		if o.Kind != "Deployment" {
			continue
		}
		name, pod := o.Metadata.Name, o.Spec.Template.Spec
		seen[name] = true
		if len(pod.Containers) != 1 || pod.Token || !pod.SecurityContext.RunAsNonRoot || !budgets[name] {
			t.Errorf("%s: %d containers, token %v, non-root %v, budget %v", name, len(pod.Containers), pod.Token, pod.SecurityContext.RunAsNonRoot, budgets[name])
			continue
		}
		c := pod.Containers[0]
		if name != "worker" && (len(c.Command) != 1 || said[c.Command[0]] == "") {
			t.Errorf("%s runs %q, which is no command of ours", name, c.Command)
		}
		if e := c.SecurityContext.Escalation; e == nil || *e || !c.SecurityContext.ReadOnly || !slices.Equal(c.SecurityContext.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%s may more than it needs: %+v", name, c.SecurityContext)
		}
		if o.Spec.Strategy.RollingUpdate.MaxUnavailable != 0 {
			t.Errorf("%s stops before its successor is there", name)
		}
		env := map[string]string{}
		for _, from := range c.EnvFrom {
			for k, v := range settings[from.ConfigMapRef.Name] {
				env[k] = v
			}
		}
		for _, e := range c.Env {
			env[e.Name] = e.Value
		}
		// Who keeps pictures, and who shows them, know where.
		if _, told := env["PROBEFLEET_ARTIFACTS"]; told != (name == "worker" || name == "console") {
			t.Errorf("%s is told of artifacts: %v", name, told)
		}
		for k := range env {
			if !strings.HasPrefix(k, "AWS_") && !strings.Contains(said[name], "["+k+"]") && !strings.Contains(said[name], "  "+k+" ") {
				t.Errorf("%s is told %s, and knows no such variable", name, k)
			}
		}
		port := ""
		for _, p := range c.Ports {
			if p.Name == "admin" {
				port = ":" + o.Spec.Template.Metadata.Annotations["prometheus.io/port"]
			}
		}
		if !strings.HasSuffix(env["PROBEFLEET_ADMIN"], port) || port == "" {
			t.Errorf("%s serves metrics at %s, and is asked at %q", name, env["PROBEFLEET_ADMIN"], port)
		}
		drain, err := time.ParseDuration(env["PROBEFLEET_DRAIN"])
		if err != nil {
			drain = 25 * time.Second
		}
		if name != "console" && name != "dashboard" && pod.Grace < int(drain.Seconds())+20 {
			t.Errorf("%s drains for %s and is killed after %d s", name, drain, pod.Grace)
		}
	}
	for name := range said {
		if !seen[name] {
			t.Errorf("no deployment of %s", name)
		}
	}
}

// KEDA follows a metric that the scheduler has, holds where it has none, and
// shares the number of workers with nobody.
func TestKEDA(t *testing.T) {
	metrics, err := os.ReadFile("../internal/scheduler/capacitymetrics.go")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, o := range objects(t) {
		if o.Kind == "Deployment" && o.Metadata.Name == "worker" && o.Spec.Replicas != nil {
			t.Error("the deployment sets the number of workers too")
		}
		if o.Kind != "ScaledObject" {
			continue
		}
		found = true
		m := o.Spec.Triggers[0].Metadata
		name, ok := strings.CutPrefix(regexp.MustCompile(`probefleet_\w+`).FindString(m["query"]), "probefleet_scheduler_")
		if !ok || !strings.Contains(string(metrics), `"`+name+`"`) {
			t.Errorf("%q asks for a metric that no scheduler has", m["query"])
		}
		if m["ignoreNullValues"] != "false" || o.Spec.Fallback != nil {
			t.Error("where the number is not known, another one is taken for it")
		}
		if o.Spec.ScaleTargetRef.Name != "worker" || o.Spec.MinReplicaCount < 1 || m["threshold"] != "1" {
			t.Errorf("the number is not that of the workers: %+v", o.Spec)
		}
	}
	if !found {
		t.Error("no ScaledObject")
	}
}

// Terraform tells commands only what they know.
func TestTerraformsEnvironment(t *testing.T) {
	var known strings.Builder
	for _, text := range variables(t) {
		known.WriteString(text)
	}
	// Those of an instance are read by its own script.
	script, err := os.ReadFile("../deploy/terraform/modules/location/files/probefleet-lifecycle")
	if err != nil {
		t.Fatal(err)
	}
	known.Write(script)
	name := regexp.MustCompile(`PROBEFLEET_[A-Z_]+`)
	n := 0
	for _, dir := range []string{"../deploy/terraform", "../deploy/ecs"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".tf" {
				return err
			}
			data, err := os.ReadFile(path)
			for _, v := range name.FindAllString(string(data), -1) {
				n++
				if !strings.Contains(known.String(), v) {
					t.Errorf("%s sets %s, which nobody reads", path, v)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 20 {
		t.Errorf("only %d variables found", n)
	}
}
