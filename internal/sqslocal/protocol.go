package sqslocal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	contentType  = "application/x-amz-json-1.0"
	targetPrefix = "AmazonSQS."
	// maxRequest caps a request's body. A megabyte of message grows to six in
	// JSON where every character is written as \u003c, as Go's encoder does
	// with some.
	maxRequest = 8 << 20
)

// An operation decodes a request, does it, and returns what to encode.
type operation func(s *Server, r *http.Request, body []byte) (any, error)

func does[In, Out any](f func(*Server, *http.Request, *In) (Out, error)) operation {
	return func(s *Server, r *http.Request, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, serialization(err)
		}
		return f(s, r, in)
	}
}

// nothing is the answer of an operation that has none.
type nothing struct{}

var operations = map[string]operation{
	"CreateQueue":                  does((*Server).createQueue),
	"GetQueueUrl":                  does((*Server).getQueueURL),
	"ListQueues":                   does((*Server).listQueues),
	"DeleteQueue":                  does((*Server).deleteQueue),
	"PurgeQueue":                   does((*Server).purgeQueue),
	"GetQueueAttributes":           does((*Server).getQueueAttributes),
	"SetQueueAttributes":           does((*Server).setQueueAttributes),
	"TagQueue":                     does((*Server).tagQueue),
	"UntagQueue":                   does((*Server).untagQueue),
	"ListQueueTags":                does((*Server).listQueueTags),
	"ListDeadLetterSourceQueues":   does((*Server).listDeadLetterSourceQueues),
	"SendMessage":                  does((*Server).sendMessage),
	"SendMessageBatch":             does((*Server).sendMessageBatch),
	"ReceiveMessage":               does((*Server).receiveMessage),
	"DeleteMessage":                does((*Server).deleteMessage),
	"DeleteMessageBatch":           does((*Server).deleteMessageBatch),
	"ChangeMessageVisibility":      does((*Server).changeMessageVisibility),
	"ChangeMessageVisibilityBatch": does((*Server).changeMessageVisibilityBatch),
	"StartMessageMoveTask":         does((*Server).startMessageMoveTask),
	"ListMessageMoveTasks":         does((*Server).listMessageMoveTasks),
	"CancelMessageMoveTask":        does((*Server).cancelMessageMoveTask),
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		s.serveAPI(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "use POST for SQS requests", http.StatusMethodNotAllowed)
	case r.URL.Path == "/healthz":
		s.serveHealth(w)
	case r.URL.Path == "/":
		s.serveIndex(w)
	default:
		http.Error(w, "not found; see / for the queues", http.StatusNotFound)
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// release gives a buffer back, unless it grew so large that it should not be
// kept.
func release(b *bytes.Buffer) {
	if b.Cap() <= 1<<18 {
		b.Reset()
		buffers.Put(b)
	}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	out, err := s.perform(w, r)
	if err != nil {
		if r.Context().Err() != nil {
			return // nobody is listening any more
		}
		s.answerFault(w, r, err)
		return
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer release(buf)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		s.answerFault(w, r, fmt.Errorf("encoding the response: %w", err))
		return
	}
	answer(w, http.StatusOK, buf.Bytes())
}

func (s *Server) perform(w http.ResponseWriter, r *http.Request) (any, error) {
	if s.closed() {
		return nil, &fault{generic + "ServiceUnavailableException", "ServiceUnavailable", http.StatusServiceUnavailable, "The server is shutting down."}
	}
	target := r.Header.Get("X-Amz-Target")
	if target == "" {
		return nil, newFault(generic+"UnknownOperationException", "InvalidAction",
			"The request has no X-Amz-Target; this server speaks the AWS JSON 1.0 protocol only, so use an SDK of 2024 or later.")
	}
	name, ok := strings.CutPrefix(target, targetPrefix)
	do := operations[name]
	switch {
	case ok && (name == "AddPermission" || name == "RemovePermission"):
		return nil, unsupported("%s is refused: this server knows no permissions.", name)
	case !ok || do == nil:
		return nil, newFault(generic+"UnknownOperationException", "InvalidAction", "%q is not an operation of this server.", clip(target))
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer release(buf)
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, maxRequest)); err != nil {
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			f := newFault(generic+"RequestEntityTooLargeException", "RequestEntityTooLarge", "The body of the request is longer than %d bytes.", maxRequest)
			f.status = http.StatusRequestEntityTooLarge
			return nil, f
		}
		return nil, serialization(err)
	}
	if !utf8.Valid(buf.Bytes()) {
		return nil, serialization(errors.New("it is not valid UTF-8"))
	}
	return do(s, r, buf.Bytes())
}

func (s *Server) answerFault(w http.ResponseWriter, r *http.Request, err error) {
	f := (*fault)(nil)
	if !errors.As(err, &f) {
		f = &fault{generic + "InternalFailure", "InternalFailure", http.StatusInternalServerError, err.Error()}
	}
	blame := "Sender"
	if f.status >= 500 {
		blame = "Receiver"
	}
	s.log.Debug("request refused", "operation", strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix), "err", f)
	w.Header().Set("X-Amzn-Query-Error", f.code+";"+blame)
	body, err := json.Marshal(map[string]string{"__type": f.shape, "message": f.message})
	if err != nil { // a map of strings always encodes
		panic(err)
	}
	answer(w, f.status, body)
}

func answer(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", newID())
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client that went away will not be told
}

// newID draws a UUID of version 4 (RFC 9562, section 5.4).
func newID() string {
	var u [16]byte
	_, _ = io.ReadFull(rand.Reader, u[:]) // never fails, see crypto/rand
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// baseURL is where the client reached this server.
func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
