package sqsqueue_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/sqslocal"
)

// serve starts a local SQS server and a client of it.
func serve(t *testing.T) (*sqsqueue.Client, *httptest.Server) {
	t.Helper()
	s := sqslocal.New(sqslocal.Options{})
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		_ = s.Close()
		h.Close()
	})
	return at(t, h.URL), h
}

// overhear answers the bodies of the requests of a kind that the server has had
// since.
func overhear(h *httptest.Server, action string) func() []string {
	var mu sync.Mutex
	var said []string
	inner := h.Config.Handler
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+action) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			mu.Lock()
			said = append(said, string(body))
			mu.Unlock()
		}
		inner.ServeHTTP(w, r)
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(said)
	}
}

func at(t *testing.T, endpoint string) *sqsqueue.Client {
	t.Helper()
	c, err := sqsqueue.NewAt(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ensure(t *testing.T, c *sqsqueue.Client, name string, s sqsqueue.Settings) *sqsqueue.Queue {
	t.Helper()
	if err := c.Ensure(t.Context(), name, s); err != nil {
		t.Fatal(err)
	}
	q, err := c.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func send(t *testing.T, q *sqsqueue.Queue, ms ...queue.Outgoing) []error {
	t.Helper()
	errs, err := q.SendBatch(t.Context(), ms)
	if err != nil {
		t.Fatal(err)
	}
	if len(errs) != len(ms) {
		t.Fatalf("%d results for %d messages", len(errs), len(ms))
	}
	return errs
}

func receive(t *testing.T, q *sqsqueue.Queue, want int) []queue.Message {
	t.Helper()
	ms, err := q.Receive(t.Context(), queue.MaxBatch, time.Second, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(ms) != want {
		t.Fatalf("received %d messages, want %d", len(ms), want)
	}
	return ms
}

func depth(t *testing.T, q *sqsqueue.Queue) sqsqueue.Depth {
	t.Helper()
	d, err := q.Depth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	c, h := serve(t)
	asked := overhear(h, "ChangeMessageVisibilityBatch")
	q := ensure(t, c, "jobs", sqsqueue.Settings{})
	began := time.Now()
	for i, err := range send(t, q,
		queue.Outgoing{Body: `{"n":1}`, Attributes: map[string]string{"type": "job", "version": "1"}},
		queue.Outgoing{Body: "later", Delay: 14*time.Minute + 1500*time.Millisecond},
	) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if d := cmp.Diff(sqsqueue.Depth{Visible: 1, Delayed: 1}, depth(t, q)); d != "" {
		t.Errorf("depth after sending:\n%s", d)
	}
	m := receive(t, q, 1)[0]
	want := queue.Message{Body: `{"n":1}`, Attributes: map[string]string{"type": "job", "version": "1"}, Receives: 1, SentAt: began, ReceivedAt: time.Now()}
	if d := cmp.Diff(want, m, cmpopts.EquateApproxTime(30*time.Second), cmpopts.IgnoreFields(m, "ID", "Handle")); d != "" || m.ID == "" || m.Handle == "" {
		t.Errorf("received:\n%s", d)
	}
	errs, err := q.ExtendBatch(t.Context(), []queue.Extension{{Message: m, Visibility: 0}})
	if err != nil || len(errs) != 1 || errs[0] != nil {
		t.Fatalf("releasing: %v, %v", errs, err)
	}
	again := receive(t, q, 1)[0]
	if again.ID != m.ID || again.Receives != 2 || again.Handle == m.Handle {
		t.Errorf("received again %+v, want receipt 2 of %s", again, m.ID)
	}
	errs, err = q.ExtendBatch(t.Context(), []queue.Extension{{Message: again, Visibility: 500 * time.Millisecond}})
	if err != nil || errs[0] != nil {
		t.Fatalf("extending: %v, %v", errs, err)
	}
	if said := asked(); len(said) != 2 || !strings.Contains(said[0], `"VisibilityTimeout":0`) || !strings.Contains(said[1], `"VisibilityTimeout":1`) {
		t.Errorf("released, then extended by half a second, which is a whole one: %q", said)
	}
	errs, err = q.DeleteBatch(t.Context(), []queue.Message{{Handle: "bogus"}, again})
	if err != nil || len(errs) != 2 || errs[1] != nil {
		t.Fatalf("deleting: %v, %v", errs, err)
	}
	var refused *sqsqueue.EntryError
	if !errors.As(errs[0], &refused) || refused.Code != "ReceiptHandleIsInvalid" || !refused.Sender || !strings.Contains(errs[0].Error(), `"jobs"`) {
		t.Errorf("deleting by a made-up handle: %v", errs[0])
	}
	if d := depth(t, q); d.Visible+d.InFlight != 0 {
		t.Errorf("%+v after deleting", d)
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	c, _ := serve(t)
	for _, s := range []sqsqueue.Settings{{}, {}, {MaxReceives: 1, Visibility: 10 * time.Second, Retention: time.Hour}} {
		if err := c.Ensure(t.Context(), "jobs", s); err != nil {
			t.Fatalf("ensuring %+v: %v", s, err)
		}
	}
	q := ensure(t, c, "jobs", sqsqueue.Settings{MaxReceives: 1})
	send(t, q, queue.Outgoing{Body: "x"})
	m := receive(t, q, 1)[0]
	if _, err := q.ExtendBatch(t.Context(), []queue.Extension{{Message: m}}); err != nil {
		t.Fatal(err)
	}
	receive(t, q, 0)
	dead, err := c.Open(t.Context(), queue.DeadLetterName("jobs"))
	if err != nil {
		t.Fatal(err)
	}
	if got := receive(t, dead, 1)[0]; got.ID != m.ID || got.Receives != 2 {
		t.Errorf("the dead letter is %+v, want %s in receipt 2", got, m.ID)
	}
	err = c.Ensure(t.Context(), "jobs", sqsqueue.Settings{Retention: time.Second})
	if err == nil || !strings.Contains(err.Error(), `"jobs"`) || !strings.Contains(err.Error(), "MessageRetentionPeriod") {
		t.Errorf("ensuring a retention of a second: %v", err)
	}
}

func TestOpenOfNoQueue(t *testing.T) {
	c, h := serve(t)
	_, err := c.Open(t.Context(), "jobs")
	var missing *types.QueueDoesNotExist
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), `queue "jobs" does not exist at `+h.URL+`; create it and its dead-letter queue "jobs-dlq"`) {
		t.Errorf("opening a queue that does not exist: %v", err)
	}
	// One that went away later.
	q := ensure(t, c, "gone", sqsqueue.Settings{})
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.URL, strings.NewReader(`{"QueueUrl":"gone"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonSQS.DeleteQueue")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, err := q.Receive(t.Context(), 1, 0, time.Minute); !errors.As(err, &missing) || !strings.Contains(err.Error(), `receiving from queue "gone"`) {
		t.Errorf("receiving from a queue that went away: %v", err)
	}
}

func TestSendBatchRefuses(t *testing.T) {
	c, _ := serve(t)
	q := ensure(t, c, "results", sqsqueue.Settings{})
	full := strings.Repeat("x", queue.MaxBytes)
	errs := send(t, q,
		queue.Outgoing{Body: "good"},
		queue.Outgoing{Body: full + "x"},
		queue.Outgoing{Body: full, Attributes: map[string]string{"a": "b"}},
		queue.Outgoing{Body: ""},
		queue.Outgoing{Body: "not \xff UTF-8"},
		queue.Outgoing{Body: "a\x00b"},
		queue.Outgoing{Body: "x", Attributes: map[string]string{"a": "b\x01"}},
		queue.Outgoing{Body: "x", Delay: 901 * time.Second},
		queue.Outgoing{Body: "x", Attributes: map[string]string{"a b": "c"}}, // refused by SQS itself
		queue.Outgoing{Body: "good too"},
	)
	for i, says := range []string{"", "1048577 bytes", "1048584 bytes", "no body", "not UTF-8", "U+0000", "U+0001", "15m1s", "InvalidParameterValue", ""} {
		switch {
		case says == "" && errs[i] != nil:
			t.Errorf("message %d: %v", i, errs[i])
		case says != "" && (errs[i] == nil || !strings.Contains(errs[i].Error(), says) || !strings.Contains(errs[i].Error(), `"results"`)):
			t.Errorf("message %d: error is %v, want it to say %q", i, errs[i], says)
		}
	}
	receive(t, q, 2)

	half := full[:queue.MaxBytes/2]
	_, err := q.SendBatch(t.Context(), []queue.Outgoing{{Body: half}, {Body: half}, {Body: "y"}})
	if err == nil || !strings.Contains(err.Error(), "3 messages have 1048577 bytes together") {
		t.Errorf("1 MiB and a byte: %v", err)
	}
	if errs := send(t, q, queue.Outgoing{Body: half}, queue.Outgoing{Body: half}); errs[0] != nil || errs[1] != nil {
		t.Errorf("1 MiB: %v", errs)
	}
	if _, err := q.SendBatch(t.Context(), make([]queue.Outgoing, 11)); err == nil || !strings.Contains(err.Error(), "11 entries") {
		t.Errorf("eleven messages: %v", err)
	}
	if errs, err := q.SendBatch(t.Context(), nil); err != nil || len(errs) != 0 {
		t.Errorf("no messages: %v, %v", errs, err)
	}
	if _, err := q.Receive(t.Context(), 11, 0, time.Minute); err == nil {
		t.Error("receiving eleven is not refused")
	}
}

func TestReceiveStopsAtOnce(t *testing.T) {
	c, h := serve(t)
	q := ensure(t, c, "jobs", sqsqueue.Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	began := time.Now()
	go func() {
		_, err := q.Receive(ctx, 1, queue.MaxWait, time.Minute)
		ended <- err
	}()
	polls(t, h, "1")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(began) > queue.MaxWait-time.Second {
		t.Errorf("the poll ended with %v after %s", err, time.Since(began))
	}
	polls(t, h, "0")
	send(t, q, queue.Outgoing{Body: "x"})
	if m := receive(t, q, 1)[0]; m.Receives != 1 {
		t.Errorf("receipt %d, want the first: the poll was cancelled", m.Receives)
	}
}

// polls waits until the queue "jobs" has so many long polls waiting.
func polls(t *testing.T, h *httptest.Server, want string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		resp, err := http.Get(h.URL)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 4 && f[0] == "jobs" && f[4] == want {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are never %s polls:\n%s", want, b)
		}
	}
}

// Many polls at once keep their connections from one to the next.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const pollers, rounds = 60, 8
	var made atomic.Int64
	h := httptest.NewUnstartedServer(sqslocal.New(sqslocal.Options{}))
	h.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			made.Add(1)
		}
	}
	h.Start()
	defer h.Close()
	q := ensure(t, at(t, h.URL), "jobs", sqsqueue.Settings{})
	for range rounds {
		var all sync.WaitGroup
		for range pollers {
			all.Go(func() {
				if _, err := q.Receive(t.Context(), 1, 0, time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := made.Load(); n > 2*pollers {
		t.Errorf("%d polls in %d rounds took %d connections", pollers, rounds, n)
	}
}

// A response need not speak of every entry, and a server may stumble.
func TestStumblingServer(t *testing.T) {
	t.Parallel()
	var fails, calls atomic.Int64
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetQueueUrl") {
			_, _ = io.WriteString(w, `{"QueueUrl":"http://x/jobs"}`)
			return
		}
		calls.Add(1)
		if fails.Add(-1) >= 0 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, `{"Successful":[{"Id":"1"},{"Id":"7"},{"Id":"x"}],"Failed":[{"Id":"2","Code":"InternalError","Message":"later","SenderFault":false}]}`)
	}))
	defer h.Close()
	q, err := at(t, h.URL).Open(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	fails.Store(2)
	errs, err := q.DeleteBatch(t.Context(), make([]queue.Message, 3))
	if err != nil || calls.Load() != 3 {
		t.Fatalf("with two failures: %v after %d calls, want success at the third", err, calls.Load())
	}
	var refused *sqsqueue.EntryError
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "try again") || errs[1] != nil || !errors.As(errs[2], &refused) || refused.Sender {
		t.Errorf("results: %v", errs)
	}
	fails.Store(100)
	calls.Store(0)
	if _, err := q.DeleteBatch(t.Context(), make([]queue.Message, 1)); err == nil || calls.Load() != 3 {
		t.Errorf("with failures only: %v after %d calls, want an error after 3", err, calls.Load())
	}
}

// A connection that died without a word is given up for another, and long
// polls are not taken for dead.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	s := sqslocal.New(sqslocal.Options{})
	var deletes atomic.Int64
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "DeleteMessageBatch") && deletes.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer h.Close()
	c, err := sqsqueue.NewImpatient(t.Context(), h.URL, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	q := ensure(t, c, "jobs", sqsqueue.Settings{})
	if ms, err := q.Receive(t.Context(), 1, 2*time.Second, time.Minute); err != nil || len(ms) > 0 {
		t.Fatalf("a poll of 2 s: %v, %v", ms, err)
	}
	send(t, q, queue.Outgoing{Body: "x"})
	errs, err := q.DeleteBatch(t.Context(), receive(t, q, 1))
	if err != nil || errs[0] != nil || deletes.Load() < 2 {
		t.Errorf("deleting: %v, %v after %d calls, want success after 2", errs, err, deletes.Load())
	}
}

func TestNew(t *testing.T) {
	h := httptest.NewServer(sqslocal.New(sqslocal.Options{}))
	defer h.Close()
	none := func(t *testing.T) { // an environment that names nothing
		for _, name := range []string{
			"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY",
			"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_WEB_IDENTITY_TOKEN_FILE",
			"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		} {
			t.Setenv(name, "")
		}
		t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	}
	for i, name := range []string{"AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"} {
		t.Run(name, func(t *testing.T) {
			none(t)
			t.Setenv(name, strings.Replace(h.URL, "127.0.0.1", "localhost", i))
			c, err := sqsqueue.New(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ensure(t, c, "jobs-"+strconv.Itoa(i), sqsqueue.Settings{})
		})
	}
	t.Run("no region", func(t *testing.T) {
		none(t)
		if _, err := sqsqueue.New(t.Context()); err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
			t.Errorf("without a region: %v", err)
		}
	})
	t.Run("no credentials elsewhere", func(t *testing.T) {
		none(t)
		t.Setenv("AWS_REGION", "eu-west-1")
		t.Setenv("AWS_ENDPOINT_URL_SQS", "http://sqs.invalid")
		c, err := sqsqueue.New(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(t.Context(), "jobs"); err == nil || !strings.Contains(err.Error(), "credentials") {
			t.Errorf("made-up credentials went to another host: %v", err)
		}
	})
	t.Run("no URL", func(t *testing.T) {
		if _, err := sqsqueue.NewAt(t.Context(), "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "http://HOST:PORT") {
			t.Errorf("an endpoint without scheme: %v", err)
		}
	})
}
