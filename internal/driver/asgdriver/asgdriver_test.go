package asgdriver

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/probefleet/probefleet/internal/driver"
)

// cloud is as much of Auto Scaling as we use: one group of three instances.
type cloud struct {
	mu       sync.Mutex
	tag      string
	versions []string // of the instances
	refresh  string   // status of the newest refresh, "" for none
	version  string   // that it brings
	calls    []url.Values
}

func newCloud(t *testing.T) (*cloud, *Driver) {
	c := &cloud{tag: "one 1", versions: []string{"1", "1", "1"}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.URL), Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
		RetryMaxAttempts: 1,
	}
	d := New(cfg, "worker-eu", func(_ context.Context, r driver.Release) (string, error) {
		return map[string]string{"one": "1", "two": "2", "three": "3"}[r.Commit], nil
	}, 90*time.Second)
	d.look = time.Millisecond
	return c, d
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var body string
	action := r.PostForm.Get("Action")
	switch action {
	case "DescribeAutoScalingGroups":
		var instances string
		for i, v := range c.versions {
			instances += fmt.Sprintf("<member><InstanceId>i-%d</InstanceId><LaunchTemplate><Version>%s</Version></LaunchTemplate></member>", i, v)
		}
		tags := ""
		if c.tag != "" {
			tags = "<Tags><member><Key>probefleet:release</Key><Value>" + c.tag + "</Value></member></Tags>"
		}
		body = "<AutoScalingGroups><member><LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId></LaunchTemplate>" + tags + "<Instances>" + instances + "</Instances></member></AutoScalingGroups>"
	case "DescribeInstanceRefreshes":
		if c.refresh == "Cancelling" {
			c.refresh = "Cancelled" // at the next look
			body = c.describe("Cancelling")
			break
		}
		body = c.describe(c.refresh)
	default:
		c.calls = append(c.calls, r.PostForm)
		switch action {
		case "StartInstanceRefresh":
			c.refresh, c.version = "InProgress", r.PostForm.Get("DesiredConfiguration.LaunchTemplate.Version")
		case "CancelInstanceRefresh":
			c.refresh = "Cancelling"
		case "CreateOrUpdateTags":
			c.tag = r.PostForm.Get("Tags.member.1.Value")
		}
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<%[1]sResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, body)
}

func (c *cloud) describe(status string) string {
	if status == "" {
		return "<InstanceRefreshes></InstanceRefreshes>"
	}
	return "<InstanceRefreshes><member><Status>" + status + "</Status><StatusReason>because</StatusReason><PercentageComplete>33</PercentageComplete><EndTime>2026-11-24T10:00:00Z</EndTime><DesiredConfiguration><LaunchTemplate><Version>" + c.version + "</Version></LaunchTemplate></DesiredConfiguration></member></InstanceRefreshes>"
}

func (c *cloud) actions() []string {
	var list []string
	for _, v := range c.calls {
		list = append(list, v.Get("Action"))
	}
	return list
}

func TestDeploy(t *testing.T) {
	c, d := newCloud(t)
	ctx, two := t.Context(), driver.Release{Commit: "two"}
	if got, err := d.Running(ctx); err != nil || got.Commit != "one" || got.Mixed || !got.Since.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := d.Deploy(ctx, two); err != nil {
		t.Fatal(err)
	}
	start := c.calls[len(c.calls)-1]
	for key, want := range map[string]string{
		"Action": "StartInstanceRefresh", "AutoScalingGroupName": "worker-eu", "DesiredConfiguration.LaunchTemplate.LaunchTemplateId": "lt-1",
		"DesiredConfiguration.LaunchTemplate.Version": "2", "Preferences.MinHealthyPercentage": "100", "Preferences.MaxHealthyPercentage": "110",
		"Preferences.SkipMatching": "true", "Preferences.AutoRollback": "false", "Preferences.ScaleInProtectedInstances": "Wait", "Preferences.InstanceWarmup": "90",
	} {
		if got := start.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if c.tag != "two 2" {
		t.Errorf("the group's tag is %q", c.tag)
	}
	c.versions[0] = "2"
	if got, err := d.Running(ctx); err != nil || !got.Mixed || !strings.Contains(got.Detail, "2 of 3 instances do not run version 2") {
		t.Errorf("while it is under way: %+v, %v", got, err)
	}
	if err := d.Deploy(ctx, two); err != nil || len(c.calls) != 2 {
		t.Errorf("the same again does something: %v, %v", c.actions(), err)
	}
	for status, want := range map[string]driver.State{
		"Pending": driver.Pending, "InProgress": driver.Pending, "Baking": driver.Pending, "Successful": driver.Ready,
		"Failed": driver.Failed, "Cancelled": driver.Failed, "RollbackSuccessful": driver.Failed,
	} {
		c.refresh = status
		if p, err := d.Ready(ctx, two); err != nil || p.State != want {
			t.Errorf("%s: %+v, %v; want %s", status, p, err, want)
		}
	}
	c.refresh, c.versions = "Successful", []string{"2", "2", "2"}
	if got, err := d.Running(ctx); err != nil || got.Commit != "two" || got.Mixed || got.Since.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestARollbackCancelsWhatIsUnderWay and waits until it is cancelled.
func TestARollbackCancelsWhatIsUnderWay(t *testing.T) {
	c, d := newCloud(t)
	if err := d.Deploy(t.Context(), driver.Release{Commit: "two"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Rollback(t.Context(), driver.Release{Commit: "one"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"CreateOrUpdateTags", "StartInstanceRefresh", "CancelInstanceRefresh", "CreateOrUpdateTags", "StartInstanceRefresh"}
	if got := c.actions(); !slices.Equal(got, want) || c.version != "1" || c.tag != "one 1" {
		t.Errorf("%v, version %s, tag %q", got, c.version, c.tag)
	}
	if p, err := d.Ready(t.Context(), driver.Release{Commit: "two"}); err != nil || p.State != driver.Failed {
		t.Errorf("what was cancelled: %+v, %v", p, err)
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	c, d := newCloud(t)
	c.tag = ""
	if got, err := d.Running(t.Context()); err == nil || !strings.Contains(err.Error(), "bears no tag") {
		t.Errorf("%+v, %v", got, err)
	}
}
