package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// desk is a console before real queues and a real database, and the command
// line that speaks to it.
type desk struct {
	t       *testing.T
	client  *sqsqueue.Client
	address string // of the database
	db      *store.Store
	env     map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	server := sqslocal.New(sqslocal.Options{})
	h := httptest.NewServer(server)
	t.Cleanup(func() {
		_ = server.Close()
		h.Close()
	})
	t.Setenv("AWS_ENDPOINT_URL_SQS", h.URL)
	d := &desk{t: t, env: map[string]string{"PROBEFLEET_CONSOLE_TOKEN": "secret"}, address: storetest.Database(t)}
	var err error
	if d.client, err = sqsqueue.New(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.db, err = store.Open(t.Context(), d.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.db.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.env["PROBEFLEET_CONSOLE"] = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	kit := daemon.Kit{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Ready: &daemon.Readiness{}, Announce: func(string, string) {}}
	go func() {
		done <- consolecmd.Serve(ctx, consolecmd.Config{DatabaseURL: d.address, Token: "secret", QueuePrefix: "pf"}, l, kit, kit.Ready.Check)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d
}

// run runs a command and returns what it prints, and its exit code.
func (d *desk) run(args ...string) (out string, code int) {
	d.t.Helper()
	var b bytes.Buffer
	err := run(d.t.Context(), daemon.Process{Args: args, Getenv: func(name string) string { return d.env[name] }, Stdout: &b, Stderr: &b})
	var exit *daemon.ExitError
	var usage *daemon.UsageError
	switch {
	case errors.As(err, &exit):
		code = exit.Code
	case errors.As(err, &usage):
		code = 2
	case err != nil:
		code = 1
	}
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	return b.String(), code
}

// expect runs a command and checks its exit code and what it says.
func (d *desk) expect(code int, says []string, args ...string) string {
	d.t.Helper()
	out, got := d.run(args...)
	for _, want := range says {
		if !strings.Contains(out, want) {
			d.t.Errorf("probefleet %s does not say %q:\n%s", strings.Join(args, " "), want, out)
		}
	}
	if got != code {
		d.t.Errorf("probefleet %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// kill makes a queue and puts bodies among its dead letters.
func (d *desk) kill(name string, bodies ...string) *sqsqueue.Queue {
	d.t.Helper()
	if err := d.client.Ensure(d.t.Context(), name, sqsqueue.Settings{MaxReceives: 1}); err != nil {
		d.t.Fatal(err)
	}
	q, err := d.client.Open(d.t.Context(), name)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, b := range bodies {
		if errs, err := q.SendBatch(d.t.Context(), []queue.Outgoing{{Body: b, Attributes: codec.Attributes([]byte(b))}}); err != nil || errs[0] != nil {
			d.t.Fatal(errs, err)
		}
	}
	for _, m := range d.all(q) {
		if errs, err := q.ExtendBatch(d.t.Context(), []queue.Extension{{Message: m}}); err != nil || errs[0] != nil {
			d.t.Fatal(errs, err)
		}
	}
	if left := d.all(q); len(left) > 0 {
		d.t.Fatalf("%d messages are no dead letters", len(left))
	}
	return q
}

// all receives what is on a queue.
func (d *desk) all(q *sqsqueue.Queue) []queue.Message {
	d.t.Helper()
	var all []queue.Message
	for {
		ms, err := q.Receive(d.t.Context(), queue.MaxBatch, time.Second, time.Minute)
		if err != nil {
			d.t.Fatal(err)
		}
		if len(ms) == 0 {
			return all
		}
		all = append(all, ms...)
	}
}

func jobBody(t *testing.T, id string) string {
	t.Helper()
	now := time.Now()
	body, err := codec.EncodeJob(jobs.New(check.Check{
		ID: id, Name: id, Every: time.Minute, Timeout: time.Second, Locations: []string{"here"}, Active: true,
		Spec: check.OneRequest(check.Request{Method: "GET", URL: "http://example.com/", MaxBody: 1}, nil, nil),
	}, "here", now, 1, now, now.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestDeadLettersByCommand(t *testing.T) {
	d := newDesk(t)
	d.expect(0, []string{"no dead letters"}, "dlq", "list")
	other := d.kill("other-jobs-here-api", "not ours") // of another installation
	source := d.kill("pf-jobs-here-api", jobBody(t, "one"), jobBody(t, "two"), jobBody(t, "three"), "no JSON")
	results := d.kill("pf-results")
	poison := jobs.ResultFor(jobs.Job{ID: "no uuid", RunID: "r", Check: check.Check{ID: "row", Spec: &check.API{}}, Location: "here", Slot: time.Now(), Attempt: 1})
	poison.Outcome = jobs.Passed
	raw := `{"raw":"as it came, \u0000"}`
	if rec, err := d.db.RecordReceived(t.Context(), []jobs.Result{poison}, []string{raw}); err != nil || rec.Dead != 1 {
		t.Fatal(rec, err)
	}

	out := d.expect(0, nil, "dlq", "list", "-o", "json")
	var found console.DeadLetters
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	ids := map[string]string{} // by check, or kind
	for _, l := range found.Letters {
		ids[l.Check] = l.ID
		ids[l.Kind] = l.ID
	}
	if len(found.Letters) != 5 || len(found.Queues) != 3 {
		t.Fatalf("%d letters in %v", len(found.Letters), found.Queues)
	}
	// A worker's word comes to the console through the database.
	if err := d.db.NoteDeadLetter(t.Context(), jobs.DeadLetter{Queue: "pf-jobs-here-api", MessageID: ids["one"], Reason: jobs.DeadHandler, Error: "disk\x1b[31m full", Worker: "w1", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	list := d.expect(0, []string{"disk [31m full", "handler", "max_receives", "decode", "result row", "refused", console.RowQueue, "probefleet.job/"}, "dlq", "list")
	if strings.ContainsAny(list, "\x1b\x07") {
		t.Errorf("a dead letter speaks to the terminal: %q", list)
	}
	d.expect(0, []string{"there are more"}, "dlq", "list", "-limit", "2")
	d.expect(0, []string{"reason    handler", "worker    w1", `"location": "here"`}, "dlq", "show", ids["one"])
	d.expect(0, []string{"refused", `"raw"`}, "dlq", "show", ids[console.KindRow])
	d.expect(1, []string{"there is no dead letter"}, "dlq", "show", "unknown")

	d.expect(0, []string{"1 message and 0 result rows went back"}, "dlq", "redrive", ids["two"])
	if back := d.all(source); len(back) != 1 || back[0].Attributes["type"] != codec.TypeJob || back[0].Receives != 1 {
		t.Errorf("redriven: %+v", back)
	}
	d.expect(1, []string{"0 messages", "not found: " + ids["two"]}, "dlq", "redrive", ids["two"])
	d.expect(0, []string{"pf-jobs-here-api-dlq: 3 of 3 messages went back"}, "dlq", "redrive", "-all", "-queue", "pf-jobs-here-api-dlq")
	if back := d.all(source); len(back) != 3 {
		t.Errorf("%d messages went back, want 3", len(back))
	}
	d.expect(0, []string{"0 messages and 1 result row went back"}, "dlq", "redrive", "-all", "-queue", console.RowQueue)
	if back := d.all(results); len(back) != 1 || back[0].Body != raw {
		t.Errorf("the row went back as %+v", back)
	}

	d.kill("pf-jobs-there-api", jobBody(t, "a"), jobBody(t, "b"))
	d.expect(2, []string{"2 dead letters would be deleted"}, "dlq", "discard", "-all")
	d.expect(0, []string{"2 messages and 0 result rows were deleted"}, "dlq", "discard", "-yes", "-all")
	d.expect(0, []string{"no dead letters"}, "dlq", "list")
	d.expect(2, []string{"would be deleted"}, "dlq", "discard", "x")
	for _, args := range [][]string{{"discard"}, {"redrive"}, {"redrive", "-all", "x"}, {"show"}, {"list", "-o", "yaml"}, {"nonsense"}, {}} {
		d.expect(2, nil, append([]string{"dlq"}, args...)...)
	}
	d.expect(0, []string{"discard"}, "dlq", "-h")
	d.env["PROBEFLEET_CONSOLE_TOKEN"] = "wrong"
	d.expect(1, []string{"token is missing or wrong"}, "dlq", "list")

	dead, err := d.client.Open(t.Context(), queue.DeadLetterName(other.Name()))
	if err != nil {
		t.Fatal(err)
	}
	if depth, err := dead.Depth(t.Context()); err != nil || depth.Visible != 1 {
		t.Errorf("another installation's dead letters: %+v, %v", depth, err)
	}
}
