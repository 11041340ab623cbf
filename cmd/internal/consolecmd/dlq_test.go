package consolecmd

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/sqslocal"
)

// Two installations in one account, the name of one of which begins as that of
// the other: each looks at its own queues alone, as it has no right to others.
func TestQueuesOfThisInstallation(t *testing.T) {
	server := sqslocal.New(sqslocal.Options{})
	h := httptest.NewServer(server)
	t.Cleanup(func() {
		_ = server.Close()
		h.Close()
	})
	t.Setenv("AWS_ENDPOINT_URL_SQS", h.URL)
	client, err := sqsqueue.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"pf", "pf-stg"} {
		for _, name := range []string{prefix + "-jobs-here-api", prefix + "-jobs-here-api-shadow", prefix + "-results", prefix + "-results-shadow"} {
			if err := client.Ensure(t.Context(), name, sqsqueue.Settings{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := &deadQueues{client: client, prefix: "pf"}
	found, err := d.depths(t.Context())
	var names []string
	for _, q := range found {
		names = append(names, q.Name)
	}
	if want := []string{"pf-jobs-here-api", "pf-jobs-here-api-shadow", "pf-results", "pf-results-shadow"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("queues: %v, %v; want %v", names, err, want)
	}
	dead, err := d.Names(t.Context())
	slices.Sort(dead)
	if want := []string{"pf-jobs-here-api-dlq", "pf-jobs-here-api-shadow-dlq", "pf-results-dlq"}; err != nil || !slices.Equal(dead, want) {
		t.Errorf("dead-letter queues: %v, %v; want %v", dead, err, want)
	}
}
