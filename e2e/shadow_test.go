package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/queue"
)

// TestShadowRuns has a candidate run copies of all jobs: what it finds comes to
// be compared, and to nothing that counts.
func TestShadowRuns(t *testing.T) {
	f := newFleet(t)
	f.scheduler.stop(t)
	f.scheduler = f.daemon(t, "scheduler", "-shadow", "local/api=1")
	f.recorder.stop(t)
	f.recorder = f.daemon(t, "recorder", "-shadow")
	shop := f.shop(t)
	counts := f.worker(t, "counts", "-browser-slots", "0")
	candidate := f.worker(t, "candidate", "-browser-slots", "0", "-shadow")
	file := filepath.Join(folder(t), "checks.yaml")
	if err := os.WriteFile(file, []byte("checks:\n  - {id: shop, every: 1s, request: \""+shop+"/api/health\", expect: [\"status == 200\"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, file)
	var found console.Shadows
	eventually(t, 2*time.Minute, func() error {
		p := start(t, f.env, "probefleet", "shadow", "-console", f.consoleURL, "-o", "json")
		<-p.done
		if p.err != nil {
			t.Fatalf("probefleet shadow: %v\n%s", p.err, p.log)
		}
		if err := json.Unmarshal([]byte(p.log.String()), &found); err != nil {
			return err
		}
		return expectf(len(found.Reports) == 1 && found.Reports[0].Pairs >= 10, "reports: %+v", found.Reports)
	})
	if r := found.Reports[0]; r.Worse+r.Better > 0 || r.Ratio <= 0 || r.RatioLow > r.Ratio || r.RatioHigh < r.Ratio {
		t.Errorf("the same release beside itself: %+v", r)
	}
	// The database keeps no worker of a candidate, and no run of its own.
	if n := f.count(t, `SELECT count(*) FROM runs r JOIN shadow_runs s ON s.id = r.id AND s.slot = r.slot`); n < 10 {
		t.Errorf("%d pairs in the database", n)
	}
	if n := f.count(t, `SELECT count(DISTINCT worker) FROM runs`); n != 1 {
		t.Errorf("%d workers made runs that count, want 1", n)
	}
	// One that comes after the scheduler leaves the queue as that wants it.
	late := f.worker(t, "late", "-browser-slots", "0", "-shadow")
	if kept := f.retention(t, queue.ShadowName(queue.JobsName("probefleet", "local", "api"))); kept != queue.ShadowRetention {
		t.Errorf("copies are kept for %s, want %s", kept, queue.ShadowRetention)
	}
	f.stopAll(t, counts, candidate, late)
	if said := candidate.log.String(); !strings.Contains(said, "a candidate keeps no artifacts") {
		t.Errorf("the candidate has an object store, and would write over what counts:\n%s", said)
	}
}

// retention is how long a queue keeps its messages.
func (f *fleet) retention(t *testing.T, name string) time.Duration {
	t.Helper()
	c := sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(f.sqsURL),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	found, err := c.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: found.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameMessageRetentionPeriod},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := time.ParseDuration(a.Attributes["MessageRetentionPeriod"] + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
