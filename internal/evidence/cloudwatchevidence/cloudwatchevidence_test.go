package cloudwatchevidence

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/probefleet/probefleet/internal/promotion"
)

// cloud answers DescribeAlarms with a list of metric alarms; nil for a fault.
func cloud(t *testing.T, alarms cbor.List) aws.Config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/operation/DescribeAlarms") || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		if alarms == nil {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(cbor.Encode(cbor.Map{"__type": cbor.String("AccessDenied"), "message": cbor.String("not for you")}))
			return
		}
		_, _ = w.Write(cbor.Encode(cbor.Map{"MetricAlarms": alarms, "CompositeAlarms": cbor.List{}}))
	}))
	t.Cleanup(s.Close)
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.URL), Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
		RetryMaxAttempts: 1,
	}
}

func TestRead(t *testing.T) {
	since := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	alarm := func(name, state string) cbor.List {
		return cbor.List{cbor.Map{
			"AlarmName": cbor.String(name), "StateValue": cbor.String(state),
			"StateTransitionedTimestamp": &cbor.Tag{ID: 1, Value: cbor.Uint(uint64(since.Unix()))},
		}}
	}
	for name, row := range map[string]struct {
		alarms cbor.List
		want   promotion.AlarmState
	}{
		"ok": {alarm("age", "OK"), promotion.Quiet}, "alarm": {alarm("age", "ALARM"), promotion.Firing},
		"no data": {alarm("age", "INSUFFICIENT_DATA"), ""}, "another one": {alarm("old-age", "OK"), ""},
		"none": {cbor.List{}, ""}, "refused": {nil, ""},
	} {
		got, err := New(cloud(t, row.alarms), "age").Read(t.Context())
		if got.State != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%s: %+v, %v; want %q", name, got, err, row.want)
		}
		if row.want != "" && !got.Since.Equal(since) {
			t.Errorf("%s: since %s, want %s", name, got.Since, since)
		}
	}
}
