package sqsqueue_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
)

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// What the SDK does to its request's body once the headers of a response are
// there does not reach the body that is being sent.
func TestBodyOutlivesTheSDKs(t *testing.T) {
	const text = `{"QueueUrl": "x"}`
	theirs := io.NopCloser(strings.NewReader(text))
	r, err := http.NewRequest(http.MethodPost, "http://sqs.test/", theirs)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqsqueue.WholeBodies(doFunc(func(sent *http.Request) (*http.Response, error) {
		if sent.Body == theirs || sent.ContentLength != int64(len(text)) {
			t.Errorf("the SDK's body is sent, or %d bytes instead of %d", sent.ContentLength, len(text))
		}
		for range 2 { // once for the transport, once for its retry
			got, err := io.ReadAll(sent.Body)
			if err != nil || string(got) != text {
				t.Errorf("sent %q, %v", got, err)
			}
			if sent.Body, err = sent.GetBody(); err != nil {
				t.Fatal(err)
			}
		}
		return nil, nil
	})).Do(r)
	if err != nil {
		t.Fatal(err)
	}
}

// tardy is a connection whose Write returns some time after the bytes have
// left, as on a busy machine.
type tardy struct{ net.Conn }

func (c tardy) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	time.Sleep(50 * time.Millisecond)
	return n, err
}

// A response is read to its end also where it begins before net/http has seen
// the end of the request's body. The SDK alone loses every one of these.
func TestResponseOvertakesTheRequestsEnd(t *testing.T) {
	const answer = `{"Messages": []}`
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)+1))
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(200 * time.Millisecond)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(h.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return tardy{c}, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	c := sqs.New(sqs.Options{
		Region: "local", BaseEndpoint: &h.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:  sqsqueue.WholeBodies(&http.Client{Transport: transport}),
	})
	if _, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(h.URL + "/q")}); err != nil {
		t.Error(err)
	}
}
