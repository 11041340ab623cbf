package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/queuetest"
)

const (
	deadAPI     = "pf-jobs-here-api-dlq"
	deadResults = "pf-results-dlq"
)

// yard is an installation's dead-letter queues, notes and refused results.
type yard struct {
	mu     sync.Mutex // held by whoever changes it while a console counts
	queues map[string]*box
	notes  []jobs.DeadLetter
	rows   []DeadRow
	away   error // of the queues
	dbAway error
}

// box is a dead-letter queue with its source.
type box struct {
	queuetest.Queue
	source queuetest.Queue
	move   Move
}

func (y *yard) Names(context.Context) ([]string, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	var names []string
	for name := range y.queues {
		names = append(names, name)
	}
	return names, y.away
}

func (y *yard) Open(_ context.Context, name string) (DeadQueue, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.queues[name], y.away
}

func (b *box) Source(context.Context) (queue.Sender, error) { return &b.source, nil }

func (b *box) Depth(context.Context) (visible, hidden int, err error) {
	visible, hidden = b.Len()
	return visible, hidden, nil
}

func (b *box) StartMove(ctx context.Context, rate int) error {
	b.move = Move{Moved: rate}
	_, err := queue.Scan(ctx, b, 1000, func(m queue.Message) (remove, more bool) {
		b.source.Put(m.Body)
		return true, true
	})
	return err
}

func (b *box) LastMove(context.Context) (Move, error) { return b.move, nil }

func (y *yard) DeadLetterNotes(_ context.Context, queue string, ids []string) ([]jobs.DeadLetter, error) {
	var found []jobs.DeadLetter
	for _, n := range y.notes {
		if n.Queue == queue && slices.Contains(ids, n.MessageID) {
			found = append(found, n)
		}
	}
	return found, y.dbAway
}

func (y *yard) DeadRows(_ context.Context, limit int) ([]DeadRow, int, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return slices.Clone(y.rows[:min(limit, len(y.rows))]), len(y.rows), y.dbAway
}

func (y *yard) DeadRowsByID(_ context.Context, ids []string) ([]DeadRow, error) {
	return slices.DeleteFunc(slices.Clone(y.rows), func(r DeadRow) bool { return !slices.Contains(ids, r.ID) }), y.dbAway
}

func (y *yard) DropDeadResults(_ context.Context, ids []string) (int, error) {
	before := len(y.rows)
	y.rows = slices.DeleteFunc(y.rows, func(r DeadRow) bool { return slices.Contains(ids, r.ID) })
	return before - len(y.rows), y.dbAway
}

// newYard has a jobs queue and the results queue, and their console.
func newYard() (*yard, *Console, *prometheus.Registry) {
	y := &yard{queues: map[string]*box{deadAPI: {}, deadResults: {}}}
	reg := prometheus.NewRegistry()
	return y, New(Options{
		Store: &shelf{checks: map[string]check.Check{}}, Tokens: newRing(), Logger: slog.New(slog.DiscardHandler),
		Ready:      func(context.Context) error { return nil },
		DeadQueues: y, DeadRows: y, QueuePrefix: "pf", Metrics: NewMetrics(reg),
	}), reg
}

// api calls the console and reads its answer.
func api[T any](t *testing.T, c *Console, status int, method, path, body string) (v T) {
	t.Helper()
	w := ask(c.Handler(), method, path, testToken, body)
	if w.Code != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return v
}

func apiJob(t *testing.T, id, location string) string {
	t.Helper()
	now := time.Now()
	body, err := codec.EncodeJob(jobs.New(check.Check{
		ID: id, Name: id, Every: time.Minute, Timeout: time.Second, Locations: []string{location}, Active: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "http://example.com/", MaxBody: 1}, nil, nil),
	}, location, now, 1, now, now.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// newer makes a message one of a version that nobody knows yet.
func newer(body string) string {
	h, err := codec.Peek([]byte(body))
	if err != nil {
		panic(err)
	}
	was := fmt.Sprintf(`"v":%d,"min":%d`, h.Version, h.MinReader)
	return strings.Replace(body, was, `"v":99,"min":99`, 1)
}

func aResult(t *testing.T, id string) string {
	t.Helper()
	j, err := codec.DecodeJob([]byte(apiJob(t, id, "here")))
	if err != nil {
		t.Fatal(err)
	}
	r := jobs.ResultFor(j)
	r.Conclude()
	body, err := codec.EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func rowID(n int) string { return fmt.Sprintf("%064x", n) }

// Each letter tells why it is there, by itself or by what a worker said, and
// to look changes nothing.
func TestListOfDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, c, _ := newYard()
		y.queues[deadAPI].Put(
			apiJob(t, "silent", "here"),      // m1
			newer(apiJob(t, "new", "here")),  // m2
			apiJob(t, "lost", "there"),       // m3
			"no JSON",                        // m4
			apiJob(t, "broken", "here"),      // m5
			newer(apiJob(t, "then", "here")), // m6: an older worker's words come first
			aResult(t, "stray"),              // m7
		)
		y.queues[deadResults].Put(
			aResult(t, "r"), "{}", // m1, m2
			`{"type":"probefleet.unheard","v":1,"min":1,"id":"x","data":{}}`, // m3
			apiJob(t, "astray", "here"),                                      // m4
		)
		given := time.Now().UTC()
		y.notes = []jobs.DeadLetter{
			{Queue: "pf-jobs-here-api", MessageID: "m5", Reason: jobs.DeadPanic, Error: "nil map", Worker: "w1", At: given},
			{Queue: "pf-jobs-here-api", MessageID: "m6", Reason: jobs.DeadHandler, Error: "disk full", Worker: "w1", At: given},
			{Queue: "pf-results", MessageID: "m1", Reason: jobs.DeadDecode, Error: "of another queue's m1"},
		}
		y.rows = []DeadRow{{ID: rowID(1), Reason: "22P05: no", Body: aResult(t, "poison"), ReceivedAt: given.Add(-time.Hour)}}
		for range 7 { // more looks than any queue allows deliveries
			got := api[DeadLetters](t, c, 200, "GET", "/api/v1/dlq", "")
			var lines []string
			for _, l := range got.Letters {
				lines = append(lines, fmt.Sprintf("%s %s %s %s@%s %s readable=%t", l.Queue, l.ID[:2], l.Type, l.Check, l.Location, l.Reason, l.Readable))
				if (l.Detail == "") != (l.Reason == jobs.DeadMaxReceives) || l.Body != "" || l.Bytes == 0 {
					t.Errorf("%s: detail %q, body %q, %d bytes", l.ID, l.Detail, l.Body, l.Bytes)
				}
			}
			slices.Sort(lines)
			if d := cmp.Diff([]string{
				"dead_results 00 probefleet.result poison@here refused readable=true",
				"pf-jobs-here-api-dlq m1 probefleet.job silent@here max_receives readable=true",
				"pf-jobs-here-api-dlq m2 probefleet.job new@here unsupported_version readable=false",
				"pf-jobs-here-api-dlq m3 probefleet.job lost@there location readable=false",
				"pf-jobs-here-api-dlq m4  @ decode readable=false",
				"pf-jobs-here-api-dlq m5 probefleet.job broken@here panic readable=true",
				"pf-jobs-here-api-dlq m6 probefleet.job then@here handler readable=false",
				"pf-jobs-here-api-dlq m7 probefleet.result stray@here decode readable=false",
				"pf-results-dlq m1 probefleet.result r@here decode readable=true",
				"pf-results-dlq m2  @ decode readable=false",
				"pf-results-dlq m3 probefleet.unheard @ unsupported_version readable=false",
				"pf-results-dlq m4 probefleet.job astray@here decode readable=false",
			}, lines); d != "" {
				t.Fatalf("letters (-want +got):\n%s", d)
			}
			if got.More || len(got.Warnings) > 0 || len(got.Queues) != 3 {
				t.Errorf("queues %v, more %t, warnings %v", got.Queues, got.More, got.Warnings)
			}
			if visible, hidden := y.queues[deadAPI].Len(); visible != 7 || hidden != 0 {
				t.Fatalf("%d visible and %d hidden after a look", visible, hidden)
			}
		}
		if got := api[DeadLetters](t, c, 200, "GET", "/api/v1/dlq?limit=3", ""); len(got.Letters) != 3 || !got.More {
			t.Errorf("three at most: %d letters, more %t", len(got.Letters), got.More)
		}
		for _, place := range []string{deadResults, RowQueue} {
			for _, l := range api[DeadLetters](t, c, 200, "GET", "/api/v1/dlq?queue="+place, "").Letters {
				if l.Queue != place {
					t.Errorf("of %s: %+v", place, l)
				}
			}
		}
		one := api[Letter](t, c, 200, "GET", "/api/v1/dlq/m5", "")
		if one.Detail != "nil map" || one.Worker != "w1" || !one.GivenUpAt.Equal(given) || !strings.Contains(one.Body, `"broken"`) {
			t.Errorf("a single letter: %+v", one)
		}
		if row := api[Letter](t, c, 200, "GET", "/api/v1/dlq/"+rowID(1), ""); row.Body != y.rows[0].Body || row.Detail != "22P05: no" {
			t.Errorf("a single row: %+v", row)
		}
		// Without the database the messages alone speak.
		y.dbAway = errors.New("away")
		if got := api[DeadLetters](t, c, 200, "GET", "/api/v1/dlq", ""); len(got.Letters) != 11 || len(got.Warnings) != 2 {
			t.Errorf("without a database: %d letters, warnings %v", len(got.Letters), got.Warnings)
		}
	})
}

func TestDeadLettersRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, c, _ := newYard()
		y.queues[deadAPI].Put("x")
		many, err := json.Marshal(Chosen{IDs: make([]string, MaxNamed+1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []struct {
			method, path, body string
			status             int
		}{
			{"GET", "/api/v1/dlq?limit=0", "", 422}, {"GET", "/api/v1/dlq?limit=1001", "", 422},
			{"GET", "/api/v1/dlq?queue=pf-jobs-here-api", "", 404}, {"GET", "/api/v1/dlq/unknown", "", 404}, {"GET", "/api/v1/dlq/" + rowID(9), "", 404},
			{"POST", "/api/v1/dlq/redrive", `{}`, 422}, {"POST", "/api/v1/dlq/discard", `{}`, 422},
			{"POST", "/api/v1/dlq/discard", `{"all":true,"ids":["m1"]}`, 422}, {"POST", "/api/v1/dlq/discard", `{"al":true}`, 422},
			{"POST", "/api/v1/dlq/redrive", `{"all":true,"rate":501}`, 422}, {"POST", "/api/v1/dlq/redrive", string(many), 422},
			{"POST", "/api/v1/dlq/discard", `{"all":true,"queue":"other-dlq"}`, 404},
		} {
			p := api[Problem](t, c, r.status, r.method, r.path, r.body)
			if p.Status != r.status || p.Detail == "" {
				t.Errorf("%s %s %s: %+v", r.method, r.path, r.body, p)
			}
			if w := ask(c.Handler(), r.method, r.path, "wrong", r.body); w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s without the token: %d", r.method, r.path, w.Code)
			}
		}
		y.away = errors.New("no route to the queues")
		if p := api[Problem](t, c, 503, "GET", "/api/v1/dlq", ""); !strings.Contains(p.Detail, "no route") {
			t.Errorf("without queues: %+v", p)
		}
		y.away = nil
		if visible, _ := y.queues[deadAPI].Len(); visible != 1 {
			t.Error("a refused request took the message")
		}
	})
}

func TestRedriveAndDiscardByID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, c, _ := newYard()
		for i := range 30 {
			y.queues[deadAPI].Put(apiJob(t, fmt.Sprintf("c%d", i+1), "here"))
		}
		for i := range 3 {
			y.rows = append(y.rows, DeadRow{ID: rowID(i), Body: aResult(t, fmt.Sprintf("row%d", i))})
		}
		source, results := &y.queues[deadAPI].source, &y.queues[deadResults].source
		begin := time.Now()
		got := api[Done](t, c, 200, "POST", "/api/v1/dlq/redrive", `{"ids":["m3","m17","m99","`+rowID(1)+`","`+rowID(7)+`"],"rate":2}`)
		if d := cmp.Diff(Done{Messages: 2, Rows: 1, Missing: []string{rowID(7), "m99"}}, got); d != "" {
			t.Errorf("redriven:\n%s", d)
		}
		if took := time.Since(begin); took < 1500*time.Millisecond {
			t.Errorf("three letters at two a second took %s", took)
		}
		var sent []string
		for _, m := range append(source.Sent(), results.Sent()...) {
			sent = append(sent, codec.Look([]byte(m.Body)).CheckID)
		}
		slices.Sort(sent)
		if d := cmp.Diff([]string{"c17", "c3", "row1"}, sent); d != "" {
			t.Errorf("sent back:\n%s", d)
		}
		// What the source does not take stays a dead letter.
		source.Faults.Entry = func(op queuetest.Op, _ string) queuetest.Fault { return queuetest.Fault{Err: queuetest.ErrInjected} }
		got = api[Done](t, c, 200, "POST", "/api/v1/dlq/redrive", `{"ids":["m1"]}`)
		if got.Messages != 0 || len(got.Failed) != 1 || !strings.Contains(got.Failed[0], "m1: injected") {
			t.Errorf("a source that takes nothing: %+v", got)
		}
		got = api[Done](t, c, 200, "POST", "/api/v1/dlq/discard", `{"ids":["m1","m2","m3","`+rowID(0)+`"]}`)
		if d := cmp.Diff(Done{Messages: 2, Rows: 1, Missing: []string{"m3"}}, got); d != "" {
			t.Errorf("discarded:\n%s", d)
		}
		if visible, hidden := y.queues[deadAPI].Len(); visible != 26 || hidden != 0 || len(y.rows) != 1 {
			t.Errorf("left: %d visible, %d hidden, %d rows; want 26, 0, 1", visible, hidden, len(y.rows))
		}
	})
}

func TestRedriveAndDiscardAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, c, _ := newYard()
		fill := func() {
			for i := range 25 {
				y.queues[deadAPI].Put(apiJob(t, fmt.Sprintf("c%d", i), "here"))
			}
			y.queues[deadResults].Put(aResult(t, "r"))
			for i := range 2*rowsAtOnce + 1 {
				y.rows = append(y.rows, DeadRow{ID: rowID(i), Body: aResult(t, "row")})
			}
		}
		fill()
		got := api[Done](t, c, 200, "POST", "/api/v1/dlq/redrive", `{"all":true,"rate":500}`)
		want := Done{Rows: 2*rowsAtOnce + 1, Moves: []Move{{Queue: deadAPI, Running: true, ToMove: 25}, {Queue: deadResults, Running: true, ToMove: 1}}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("redriven:\n%s", d)
		}
		if visible, _ := y.queues[deadAPI].source.Len(); visible != 25 || len(y.rows) != 0 {
			t.Errorf("%d of 25 went back, %d rows are left", visible, len(y.rows))
		}
		moves := api[struct{ Moves []Move }](t, c, 200, "GET", "/api/v1/dlq/moves", "")
		if d := cmp.Diff([]Move{{Queue: deadAPI, Moved: 500}, {Queue: deadResults, Moved: 500}}, moves.Moves); d != "" {
			t.Errorf("moves:\n%s", d)
		}
		fill()
		got = api[Done](t, c, 200, "POST", "/api/v1/dlq/discard", `{"all":true,"queue":"`+deadAPI+`"}`)
		if got.Messages != 25 || got.Rows != 0 || got.More {
			t.Errorf("discarding one queue: %+v", got)
		}
		got = api[Done](t, c, 200, "POST", "/api/v1/dlq/discard", `{"all":true,"queue":"`+RowQueue+`"}`)
		if got.Messages != 0 || got.Rows != 2*rowsAtOnce+1 {
			t.Errorf("discarding the rows: %+v", got)
		}
		got = api[Done](t, c, 200, "POST", "/api/v1/dlq/discard", `{"all":true}`)
		if got.Messages != 1 || !y.queues[deadResults].Empty() {
			t.Errorf("discarding the rest: %+v", got)
		}
	})
}

func TestDeadLettersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y, c, reg := newYard()
		y.queues[deadAPI].Put("a", "b", "c")
		y.rows = []DeadRow{{ID: rowID(1)}}
		page := func(want string) {
			t.Helper()
			if h := c.Health(t.Context()); !strings.Contains(h.Dead, want) {
				t.Errorf("the health says %q, not %q", h.Dead, want)
			}
		}
		page("not counted yet")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		synctest.Wait()
		page("3 in pf-jobs-here-api-dlq, 1 in dead_results; see probefleet dlq list")
		if err := testutil.GatherAndCompare(reg, strings.NewReader(`# HELP probefleet_console_dead_letters Dead letters by queue, those that are being looked at included; dead_results are results that the database refused.
# TYPE probefleet_console_dead_letters gauge
probefleet_console_dead_letters{queue="dead_results"} 1
probefleet_console_dead_letters{queue="pf-jobs-here-api-dlq"} 3
probefleet_console_dead_letters{queue="pf-results-dlq"} 0
`), "probefleet_console_dead_letters"); err != nil {
			t.Error(err)
		}
		y.mu.Lock()
		y.away = errors.New("gone")
		y.mu.Unlock()
		<-time.After(2 * depthsEvery)
		synctest.Wait()
		page("the queues cannot be asked now")
		y.mu.Lock()
		y.away, y.queues[deadAPI], y.rows = nil, &box{}, nil
		y.mu.Unlock()
		<-time.After(depthsEvery)
		synctest.Wait()
		page("none")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
