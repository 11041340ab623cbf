package ecsdriver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/probefleet/probefleet/internal/driver"
)

type m = map[string]any

// cloud is as much of ECS as we use: one service, and its task definitions.
type cloud struct {
	mu      sync.Mutex
	tasks   []m
	current int // task of the primary deployment
	old     bool
	rollout string
	config  m
	calls   []string
}

func newCloud(t *testing.T) (*cloud, *Driver) {
	c := &cloud{rollout: "COMPLETED", tasks: []m{task("worker:1", "one")}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.URL), Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
		RetryMaxAttempts: 1,
	}
	return c, New(cfg, "fleet", "worker", "worker")
}

func task(image, commit string) m {
	return m{
		"taskDefinition": m{
			"family": "worker", "cpu": "512", "taskRoleArn": "arn:role", "containerDefinitions": []any{
				m{"name": "log", "image": "log:1"}, m{"name": "worker", "image": image, "environment": []any{m{"name": "A", "value": "b"}}},
			},
		},
		"tags": []any{m{"key": "probefleet:release", "value": commit}, m{"key": "team", "value": "shop"}},
	}
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in m
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.calls = append(c.calls, call)
	var out any
	switch call {
	case "DescribeServices":
		deployments := []any{m{"status": "PRIMARY", "taskDefinition": fmt.Sprint("task:", c.current), "rolloutState": c.rollout, "createdAt": 1.7640e9, "desiredCount": 3, "runningCount": 3}}
		if c.old {
			deployments = append(deployments, m{"status": "ACTIVE", "taskDefinition": "task:0"})
		}
		out = m{"services": []any{m{"serviceName": "worker", "status": "ACTIVE", "deployments": deployments, "deploymentConfiguration": m{"minimumHealthyPercent": 50, "maximumPercent": 100}}}}
	case "DescribeTaskDefinition":
		var n int
		fmt.Sscanf(in["taskDefinition"].(string), "task:%d", &n)
		out = c.tasks[n]
	case "RegisterTaskDefinition":
		tags := in["tags"]
		delete(in, "tags")
		c.tasks = append(c.tasks, m{"taskDefinition": in, "tags": tags})
		out = m{"taskDefinition": m{"taskDefinitionArn": fmt.Sprint("task:", len(c.tasks)-1)}}
	case "UpdateService":
		fmt.Sscanf(in["taskDefinition"].(string), "task:%d", &c.current)
		c.config, c.rollout, c.old = in["deploymentConfiguration"].(m), "IN_PROGRESS", true
		out = m{"service": m{}}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

func TestDeploy(t *testing.T) {
	c, d := newCloud(t)
	ctx, two := t.Context(), driver.Release{Commit: "two", Image: "worker:2"}
	if got, err := d.Running(ctx); err != nil || got.Commit != "one" || got.Mixed || got.Since.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := d.Deploy(ctx, two); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c.tasks[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"image":"worker:2"`, `"image":"log:1"`, `"cpu":"512"`, `"value":"two"`, `"value":"shop"`, `"taskRoleArn":"arn:role"`, `"name":"A"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the new task lacks %s: %s", want, data)
		}
	}
	if c.config["minimumHealthyPercent"] != 100.0 || c.config["maximumPercent"] != 200.0 {
		t.Errorf("deployment configuration: %v", c.config)
	}
	if got, err := d.Running(ctx); err != nil || !got.Mixed {
		t.Errorf("while it is under way: %+v, %v", got, err)
	}
	if err := d.Deploy(ctx, two); err != nil || len(c.tasks) != 2 {
		t.Errorf("the same again makes another task: %v", err)
	}
	for _, row := range []struct {
		rollout string
		old     bool
		want    driver.State
	}{{"IN_PROGRESS", true, driver.Pending}, {"COMPLETED", true, driver.Pending}, {"COMPLETED", false, driver.Ready}, {"FAILED", true, driver.Failed}} {
		c.rollout, c.old = row.rollout, row.old
		if p, err := d.Ready(ctx, two); err != nil || p.State != row.want {
			t.Errorf("%+v: %+v, %v", row, p, err)
		}
	}
	c.current = 0 // the circuit breaker of ECS has put the old one back
	if p, err := d.Ready(ctx, two); err != nil || p.State != driver.Failed {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	c, d := newCloud(t)
	c.tasks[0]["tags"] = []any{}
	if got, err := d.Running(t.Context()); err == nil || !strings.Contains(err.Error(), "bears no tag") {
		t.Errorf("%+v, %v", got, err)
	}
	d.container = "other"
	if err := d.Deploy(t.Context(), driver.Release{Commit: "two", Image: "x"}); err == nil || len(c.tasks) != 1 {
		t.Errorf("a container that is not there: %v", err)
	}
}
