package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Wire stands before a local SQS server. It notes in its ledger what the
// queues accept, delivers some messages twice, and measures how soon released
// messages are received again.
type Wire struct {
	Server http.Handler
	Ledger *Ledger
	// Twice is the share of received messages that become visible again at
	// once, so that somebody else receives them too.
	Twice float64

	mu         sync.Mutex
	draws      *rand.Rand
	released   map[string]time.Time // by message id
	handles    map[string]string    // receipt handle → message id
	duplicated int
	slowest    time.Duration
	releases   int
	polls      int
}

// NewWire draws the messages that are delivered twice from seed.
func NewWire(server http.Handler, l *Ledger, seed uint64) *Wire {
	return &Wire{
		Server: server, Ledger: l, draws: rand.New(rand.NewPCG(seed, 7)),
		released: map[string]time.Time{}, handles: map[string]string{},
	}
}

// Polls is the number of calls so far that ask for messages, of any queue.
func (w *Wire) Polls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.polls
}

// Duplicated is the number of messages that were delivered twice on purpose.
func (w *Wire) Duplicated() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.duplicated
}

// Redelivery is the number of messages that consumers released, and the
// longest time from a release to the next receipt.
func (w *Wire) Redelivery() (releases int, slowest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slowest = w.slowest
	for _, at := range w.released {
		slowest = max(slowest, time.Since(at))
	}
	return w.releases, slowest
}

// request is what of a request is of interest here.
type request struct {
	QueueURL      string `json:"QueueUrl"`
	MessageBody   string
	ReceiptHandle string
	// A pointer tells 0 from nothing.
	VisibilityTimeout *int
	Entries           []struct {
		ID                string `json:"Id"`
		MessageBody       string
		ReceiptHandle     string
		VisibilityTimeout *int
	}
}

// Message is a received message.
type Message struct {
	MessageID, ReceiptHandle, Body string
}

// ServeHTTP implements [http.Handler].
func (w *Wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Server.ServeHTTP(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSQS.ChangeMessageVisibilityBatch":
		w.release(body) // before somebody who waits for the message has it
	case "AmazonSQS.ReceiveMessage":
		w.mu.Lock()
		w.polls++
		w.mu.Unlock()
	}
	answer := httptest.NewRecorder()
	w.Server.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		w.note(r.Header.Get("X-Amz-Target"), body, answer.Body.Bytes())
	}
	for k, v := range answer.Header() {
		rw.Header()[k] = v
	}
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes()) // who has gone away will ask again
}

func (w *Wire) note(target string, body, answer []byte) {
	var in request
	if json.Unmarshal(body, &in) != nil {
		return
	}
	switch target {
	case "AmazonSQS.SendMessage":
		w.Ledger.Accept(in.MessageBody)
	case "AmazonSQS.SendMessageBatch":
		ok := succeeded(answer)
		for _, e := range in.Entries {
			if ok[e.ID] {
				w.Ledger.Accept(e.MessageBody)
			}
		}
	case "AmazonSQS.ReceiveMessage":
		w.received(in.QueueURL, answer)
	}
}

func succeeded(answer []byte) map[string]bool {
	var out struct {
		Successful []struct {
			ID string `json:"Id"`
		}
	}
	_ = json.Unmarshal(answer, &out) // what cannot be read succeeded with nothing
	ok := map[string]bool{}
	for _, e := range out.Successful {
		ok[e.ID] = true
	}
	return ok
}

// release notes the messages that a request makes visible at once.
func (w *Wire) release(body []byte) {
	var in request
	if json.Unmarshal(body, &in) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range in.Entries {
		id := w.handles[e.ReceiptHandle]
		if id != "" && e.VisibilityTimeout != nil && *e.VisibilityTimeout == 0 {
			w.releases++
			w.released[id] = time.Now()
		}
	}
}

func (w *Wire) received(queueURL string, answer []byte) {
	var out struct{ Messages []Message }
	if json.Unmarshal(answer, &out) != nil {
		return
	}
	var again []string
	w.mu.Lock()
	for _, m := range out.Messages {
		w.handles[m.ReceiptHandle] = m.MessageID
		if at, ok := w.released[m.MessageID]; ok {
			w.slowest = max(w.slowest, time.Since(at))
			delete(w.released, m.MessageID)
		}
		if w.draws.Float64() < w.Twice {
			w.duplicated++
			again = append(again, m.ReceiptHandle)
		}
	}
	w.mu.Unlock()
	for _, handle := range again {
		_ = w.Call("ChangeMessageVisibility", map[string]any{"QueueUrl": queueURL, "ReceiptHandle": handle, "VisibilityTimeout": 0}, nil)
	}
}

// Call asks the server itself.
func (w *Wire) Call(operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	answer := httptest.NewRecorder()
	w.Server.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		return fmt.Errorf("%s: %d %s", operation, answer.Code, answer.Body)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Body.Bytes(), out)
}

// Held counts the messages of a queue, hidden or not.
func (w *Wire) Held(queueName string) (int, error) {
	var out struct{ Attributes map[string]string }
	err := w.Call("GetQueueAttributes", map[string]any{"QueueUrl": "http://local/000000000000/" + queueName, "AttributeNames": []string{"All"}}, &out)
	n := 0
	for _, a := range []string{"", "NotVisible", "Delayed"} {
		var more int
		_, _ = fmt.Sscan(out.Attributes["ApproximateNumberOfMessages"+a], &more)
		n += more
	}
	return n, err
}

// Drain receives every visible message of a queue and leaves them hidden.
func (w *Wire) Drain(queueName string) (bodies []string, err error) {
	for {
		var out struct{ Messages []Message }
		err := w.Call("ReceiveMessage", map[string]any{
			"QueueUrl": "http://local/000000000000/" + queueName, "MaxNumberOfMessages": 10, "VisibilityTimeout": 3600, "WaitTimeSeconds": 0,
		}, &out)
		if err != nil || len(out.Messages) == 0 {
			return bodies, err
		}
		for _, m := range out.Messages {
			bodies = append(bodies, m.Body)
		}
	}
}
