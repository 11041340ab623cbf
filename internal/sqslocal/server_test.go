package sqslocal_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/probefleet/probefleet/internal/sqslocal"
)

func TestOverLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, server := local(t)
		server.LimitInFlight(2)
		url := w.queue(t, nil)
		for range 3 {
			w.send(t, url, "x")
		}
		ms := w.receive(t, url, 10, 0)
		if len(ms) != 2 {
			t.Fatalf("received %d, want the 2 that may be in flight", len(ms))
		}
		_, err := w.ReceiveMessage(t.Context(), receiving(url, 10, 0))
		fails[*types.OverLimit](t, "a third", err)
		c := w.later(t, url, 10, 20)
		time.Sleep(time.Second)
		w.remove(t, url, ms[0])
		w.got(t, c, time.Second) // a delete makes room
	})
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := local(t)
		url := w.queue(t, map[string]string{"MessageRetentionPeriod": "3600"})
		w.send(t, url, "a")
		time.Sleep(30 * time.Minute)
		w.send(t, url, "b")
		w.send(t, url, "c")
		time.Sleep(25 * time.Minute)
		in := receiving(url, 3600, 0)
		in.MaxNumberOfMessages = 2
		if out, err := w.ReceiveMessage(t.Context(), in); err != nil || len(out.Messages) != 2 {
			t.Fatalf("received %v, %v", out, err)
		}
		time.Sleep(5 * time.Minute) // an hour after a, which is in flight
		visible := w.attribute(t, url, types.QueueAttributeNameApproximateNumberOfMessages)
		hidden := w.attribute(t, url, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
		if visible != "1" || hidden != "1" {
			t.Errorf("%s visible, %s in flight; want 1 and 1", visible, hidden)
		}
		if _, err := w.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"MessageRetentionPeriod": "60"}}); err != nil {
			t.Fatal(err)
		}
		w.none(t, url, "a shorter retention holds for what is there")
	})
}

// A dead letter's retention counts from its first sending.
func TestRetentionOfDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := local(t)
		url, dead := w.pair(t, "%d", 1)
		w.send(t, url, "x")
		time.Sleep(95 * time.Hour)
		w.kill(t, url, dead, 1)
		time.Sleep(time.Hour + time.Second)
		w.none(t, dead, "sent 4 days ago")
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, server := local(t)
		url, dead := w.pair(t, "%d", 1)
		w.send(t, dead, "x")
		source := w.arn(t, dead)
		if _, err := w.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{SourceArn: &source, MaxNumberOfMessagesPerSecond: aws.Int32(1)}); err != nil {
			t.Fatal(err)
		}
		c := w.later(t, url, 30, 20)
		time.Sleep(500 * time.Millisecond)
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if p := <-c; p.err != nil || len(p.messages) != 0 || p.took != 500*time.Millisecond {
			t.Errorf("the poll ended with %v, %v after %s; want nothing, at once", p.messages, p.err, p.took)
		}
		_, err := w.ReceiveMessage(t.Context(), receiving(url, 30, 20))
		failsWith(t, "receiving from a closed server", "ServiceUnavailable", err)
		if err := server.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
}

// A clock of one's own decides; the timers only wake.
func TestNow(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	h := httptest.NewServer(sqslocal.New(sqslocal.Options{Now: func() time.Time { return now }}))
	defer h.Close()
	w := &world{client(h.URL, h.Client()), "t", true}
	url := w.queue(t, nil)
	w.send(t, url, "x")
	m := w.one(t, url, 3600, 0)
	if got := m.Attributes["SentTimestamp"]; got != "1893456000000" {
		t.Errorf("SentTimestamp is %s", got)
	}
	now = now.Add(time.Hour)
	w.one(t, url, 3600, 0)
}

func TestPages(t *testing.T) {
	h := httptest.NewServer(sqslocal.New(sqslocal.Options{}))
	defer h.Close()
	w := &world{client(h.URL, h.Client()), "t", true}
	url, dead := w.pair(t, "%d", 5)
	w.send(t, url, "x")
	if !strings.HasPrefix(*url, h.URL+"/") {
		t.Errorf("the queue's URL is %s, want it under %s", *url, h.URL)
	}
	get := func(path string) (int, string) {
		resp, err := h.Client().Get(h.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, body := get("/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	name := func(url *string) string { return (*url)[strings.LastIndex(*url, "/")+1:] }
	status, body := get("/")
	lines := strings.Split(body, "\n")
	if status != http.StatusOK || len(lines) < 5 || strings.Join(strings.Fields(lines[4]), " ") != name(url)+" 1 0 0 0 "+name(dead)+" after 5" {
		t.Errorf("/: %d\n%s", status, body)
	}
	if status, _ := get("/favicon.ico"); status != http.StatusNotFound {
		t.Errorf("another page: %d, want 404", status)
	}
}

// What no SDK sends.
func TestBadRequests(t *testing.T) {
	server := sqslocal.New(sqslocal.Options{})
	do := func(method, target string, body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", body)
		r.Header.Set("X-Amz-Target", target)
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, r)
		return rec
	}
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		says                       string
	}{
		{"the query protocol", "POST", "", "Action=ListQueues", 400, "AWS JSON 1.0"},
		{"another service", "POST", "AmazonSNS.Publish", "{}", 400, "not an operation"},
		{"an unknown operation", "POST", "AmazonSQS.Fly", "{}", 400, "not an operation"},
		{"a permission", "POST", "AmazonSQS.AddPermission", "{}", 400, "no permissions"},
		{"not JSON", "POST", "AmazonSQS.ListQueues", "{", 400, "not the JSON"},
		{"a wrong type", "POST", "AmazonSQS.ReceiveMessage", `{"QueueUrl":"x","MaxNumberOfMessages":"many"}`, 400, "MaxNumberOfMessages"},
		{"not UTF-8", "POST", "AmazonSQS.SendMessage", "{\"MessageBody\":\"\xff\"}", 400, "UTF-8"},
		{"no queue", "POST", "AmazonSQS.ReceiveMessage", "{}", 400, "QueueUrl"},
		{"no visibility", "POST", "AmazonSQS.ChangeMessageVisibility", `{"QueueUrl":"q","ReceiptHandle":"x"}`, 400, "VisibilityTimeout"},
		{"a body too long", "POST", "AmazonSQS.SendMessage", strings.Repeat(" ", 9<<20), 413, "longer than"},
		{"another method", "PUT", "", "", 405, "POST"},
	} {
		if c.name == "no visibility" {
			do("POST", "AmazonSQS.CreateQueue", strings.NewReader(`{"QueueName":"q"}`))
		}
		rec := do(c.method, c.target, strings.NewReader(c.body))
		if rec.Code != c.status || !strings.Contains(rec.Body.String(), c.says) {
			t.Errorf("%s: %d %s; want %d and %q", c.name, rec.Code, rec.Body, c.status, c.says)
		}
		if c.method == "POST" && (!strings.HasSuffix(rec.Header().Get("X-Amzn-Query-Error"), ";Sender") || !bytes.Contains(rec.Body.Bytes(), []byte(`"__type":"com.`))) {
			t.Errorf("%s: %v %s; want an error as SQS tells it", c.name, rec.Header(), rec.Body)
		}
	}
}
