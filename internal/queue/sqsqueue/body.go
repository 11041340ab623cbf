package sqsqueue

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// WholeBodies is an HTTP client for the SDK that sends each request's body
// from memory.
//
// The SDK closes the body that it built as soon as the response's headers are
// there. net/http may then still be about to look whether the body has come
// to its end; the SDK's closed reader answers that with an error, net/http
// closes the connection, and a response that was not read to its end is lost:
// "use of closed network connection" with status 200 (aws-sdk-go-v2 #1825,
// #2737). The larger the response the likelier: about one in 25 of 1 MiB here.
// A message that was received in it stays hidden and has used up a delivery.
// A body of our own is not closed by the SDK; and as net/http knows that it is
// in memory, headers and body leave in one piece.
func WholeBodies(next aws.HTTPClient) aws.HTTPClient { return wholeBodies{next} }

type wholeBodies struct{ next aws.HTTPClient }

func (c wholeBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.next.Do(r)
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request's body: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return nil, fmt.Errorf("closing the request's body: %w", err)
	}
	whole := r.Clone(r.Context())
	whole.Body = io.NopCloser(bytes.NewReader(data))
	whole.ContentLength = int64(len(data))
	whole.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return c.next.Do(whole)
}
