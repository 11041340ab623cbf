package cloudwatch

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/probefleet/probefleet/internal/capacity"
	"github.com/probefleet/probefleet/internal/jobs"
)

// cloud stands in for CloudWatch in every region: it notes each value that it
// is told, as REGION NAMESPACE METRIC{FLEET,LOCATION,CLASS}=VALUE.
type cloud struct {
	url string

	mu    sync.Mutex
	told  []string
	calls int
	away  string // region that answers with a fault
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.hear(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		_, _ = w.Write(cbor.Encode(cbor.Map{}))
	}))
	t.Cleanup(h.Close)
	c.url = h.URL
	return c
}

func (c *cloud) hear(r *http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if !strings.HasSuffix(r.URL.Path, "/operation/PutMetricData") {
		return fmt.Errorf("%s is not PutMetricData", r.URL.Path)
	}
	_, region, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(region, "/") // KEY/DATE/REGION/SERVICE/…
	if len(parts) < 4 || parts[3] != "monitoring" {
		return fmt.Errorf("signed by %q", r.Header.Get("Authorization"))
	}
	if region = parts[2]; region == c.away {
		return errors.New("not here")
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			return err
		}
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	in, err := cbor.Decode(data)
	if err != nil {
		return err
	}
	call := in.(cbor.Map)
	for _, d := range call["MetricData"].(cbor.List) {
		datum := d.(cbor.Map)
		var dims []string
		for _, dim := range datum["Dimensions"].(cbor.List) {
			dims = append(dims, string(dim.(cbor.Map)["Value"].(cbor.String)))
		}
		c.told = append(c.told, fmt.Sprintf("%s %s %s{%s}=%v", region, call["Namespace"].(cbor.String), datum["MetricName"].(cbor.String), strings.Join(dims, ","), number(datum["Value"])))
	}
	return nil
}

func number(v cbor.Value) float64 {
	switch v := v.(type) {
	case cbor.Float64:
		return float64(v)
	case cbor.Float32:
		return float64(v)
	case cbor.Uint:
		return float64(v)
	}
	return math.NaN()
}

func (c *cloud) publisher(regions Regions) *Publisher {
	return with(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &c.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}, "Probefleet", "fleet-a", regions)
}

func report(location string, class jobs.Class) capacity.Report {
	return capacity.Report{
		Place: capacity.Place{Location: location, Class: class}, Wanted: 3, Live: 2,
		Reading: capacity.Reading{Rate: 4, Service: 1.5, Waiting: 7}, Age: 2.5,
	}
}

// Each location is told of in its own region, by the real SDK over HTTP.
func TestPublish(t *testing.T) {
	c := newCloud(t)
	p := c.publisher(Regions{"paris": "eu-west-3"})
	unknown := report("home", jobs.ClassBrowser)
	unknown.Reading, unknown.Age = capacity.Unknown, math.NaN()
	if err := p.Publish(t.Context(), []capacity.Report{report("paris", jobs.ClassAPI), unknown}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"eu-central-1 Probefleet LiveWorkers{fleet-a,home,browser}=2",
		"eu-central-1 Probefleet WantedWorkers{fleet-a,home,browser}=3",
		"eu-west-3 Probefleet LiveWorkers{fleet-a,paris,api}=2",
		"eu-west-3 Probefleet QueueAge{fleet-a,paris,api}=2.5",
		"eu-west-3 Probefleet QueueDepth{fleet-a,paris,api}=7",
		"eu-west-3 Probefleet ServiceTime{fleet-a,paris,api}=1.5",
		"eu-west-3 Probefleet WantedWorkers{fleet-a,paris,api}=3",
	}
	slices.Sort(c.told)
	if !slices.Equal(c.told, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(c.told, "\n"), strings.Join(want, "\n"))
	}
}

// A call holds a thousand values, and 250 locations have more.
func TestPublishMany(t *testing.T) {
	c := newCloud(t)
	var reports []capacity.Report
	for i := range 250 {
		reports = append(reports, report(fmt.Sprintf("l%d", i), jobs.ClassAPI))
	}
	if err := c.publisher(nil).Publish(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
	if c.calls != 2 || len(c.told) != 1250 {
		t.Errorf("%d values in %d calls, want 1250 in 2", len(c.told), c.calls)
	}
}

// A region that does not answer is named, and keeps nobody else waiting.
func TestRegionAway(t *testing.T) {
	c := newCloud(t)
	c.away = "ap-northeast-1"
	p := c.publisher(Regions{"tokyo": "ap-northeast-1", "paris": "eu-west-3"})
	err := p.Publish(t.Context(), []capacity.Report{report("tokyo", jobs.ClassAPI), report("paris", jobs.ClassAPI)})
	if err == nil || !strings.Contains(err.Error(), "in ap-northeast-1") || strings.Contains(err.Error(), "eu-west-3") {
		t.Errorf("the fault is %v", err)
	}
	if len(c.told) != 5 {
		t.Errorf("the other region was told %q", c.told)
	}
}

func TestParseRegions(t *testing.T) {
	r, err := ParseRegions("paris=eu-west-3, tokyo=ap-northeast-1")
	if err != nil || len(r) != 2 || r["tokyo"] != "ap-northeast-1" {
		t.Errorf("parsed %v, %v", r, err)
	}
	if r, err := ParseRegions(""); len(r) != 0 || err != nil {
		t.Errorf("of nothing %v, %v", r, err)
	}
	for _, bad := range []string{"paris", "=eu-west-3", "paris=", "paris=a,paris=b", ","} {
		if _, err := ParseRegions(bad); err == nil || !strings.Contains(err.Error(), "LOCATION=REGION") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Without a region nobody would know where to publish.
func TestNewWithoutRegion(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if _, err := New(t.Context(), "Probefleet", "fleet-a", nil); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("New without a region: %v", err)
	}
}
