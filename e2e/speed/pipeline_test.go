// Package speed measures the product beside what the machine allows, in one
// run: only their ratio holds on another machine, or on one that others use.
// It counts seconds of CPU rather than those on the clock, for the same reason.
package speed

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/recorder"
	"github.com/probefleet/probefleet/internal/rollout"
	"github.com/probefleet/probefleet/internal/scheduler"
	"github.com/probefleet/probefleet/internal/sqslocal"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
	"github.com/probefleet/probefleet/internal/worker"
)

const (
	pipelineRounds = 3
	// pipelineJobs are those of one measurement.
	pipelineJobs = 10_000
	// pipelineChecks and pipelineEvery ask for more jobs a second than one
	// machine does, so that batches are full.
	pipelineChecks, pipelineEvery = 60_000, 20 * time.Second
)

// BenchmarkPipeline has jobs go from the scheduler through SQS to a worker
// whose runner does nothing, through SQS to the recorder and into Postgres.
// Beside it the same number of messages of the same sizes, two a job, go
// through a bare loop of send, receive and delete of the SDK, one message a call
// and ten a call; and as many rows go into the same table by COPY. All of it is in one process,
// the SQS server too; Postgres is counted with it.
func BenchmarkPipeline(b *testing.B) {
	r := newRig(b)
	r.apply(b.Context())
	for b.Loop() {
		var pipeline, single, batched, bare rounds
		for range pipelineRounds {
			single = append(single, r.alone(func(ctx context.Context) { r.sdkLoop(ctx, 1) }))
			batched = append(batched, r.alone(func(ctx context.Context) { r.sdkLoop(ctx, queue.MaxBatch) }))
			bare = append(bare, r.alone(r.copyRows))
			pipeline = append(pipeline, r.pipeline(b.Context()))
		}
		b.Logf("jobs per second of CPU: pipeline %s, SDK loop %s, by ten %s, COPY %s", pipeline, single, batched, bare)
		b.ReportMetric(pipeline.median(), "jobs/cpu-s")
		b.ReportMetric(pipeline.median()/single.median(), "of-loop")
		b.ReportMetric(pipeline.median()/batched.median(), "of-loop-by-ten")
		b.ReportMetric(pipeline.median()/bare.median(), "of-copy")
	}
	b.ReportMetric(0, "ns/op") // the time of the set-up says nothing
}

// rig is a queue server and a database.
type rig struct {
	b        *testing.B
	endpoint string
	dbURL    string
	store    *store.Store
	pg       int // the database's process
	client   *sqsqueue.Client
	bare     *sqs.Client
	rounds   int
	job, res string // bodies as the pipeline sends them
	results  []jobs.Result
}

func newRig(b *testing.B) *rig {
	ctx := b.Context()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := sqslocal.New(sqslocal.Options{})
	web := &http.Server{Handler: server, ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(l) }()
	b.Cleanup(func() { _ = server.Close(); _ = web.Close() })
	r := &rig{b: b, endpoint: "http://" + l.Addr().String(), dbURL: storetest.Database(b)}
	if r.store, err = store.Open(ctx, r.dbURL); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.store.Close)
	r.pg = postmaster(b, r.dbURL)
	if r.client, err = sqsqueue.NewAt(ctx, r.endpoint); err != nil {
		b.Fatal(err)
	}
	r.bare = sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &r.endpoint,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	})
	r.makeBodies()
	return r
}

// noop is a runner that has done its work before it begins.
type noop struct{}

func (noop) Run(_ context.Context, j jobs.Job) (jobs.Result, error) {
	res := jobs.ResultFor(j)
	now := time.Now().UTC()
	res.StartedAt, res.FinishedAt = now, now
	res.Timings = jobs.Timings{Connect: time.Millisecond, FirstByte: 2 * time.Millisecond, Total: 3 * time.Millisecond}
	res.Evidence.Response = &jobs.Response{Status: 200, Proto: "HTTP/1.1", Size: 2, Headers: map[string]string{"Content-Type": "application/json"}}
	for _, e := range j.Check.Spec.(*check.API).Steps[0].Expect {
		res.Verdicts = append(res.Verdicts, jobs.Verdict{Expr: e, OK: true})
	}
	res.Conclude()
	return res, nil
}

// someCheck is a check as people write them.
func someCheck(i int, every time.Duration) check.Check {
	return check.Check{
		ID: fmt.Sprintf("bench-%06d", i), Name: fmt.Sprintf("Bench %d", i), Group: "Bench", Tags: []string{"bench"},
		Every: every, Timeout: 10 * time.Second, Locations: []string{"local"}, Active: true, Public: true,
		Spec: check.OneRequest(check.Request{
			Method: "GET", URL: fmt.Sprintf("https://shop.example/api/orders/%d", i),
			Headers: map[string]string{"Accept": "application/json"}, MaxRedirects: 10, MaxBody: 1 << 20,
		}, []string{"status == 200", "len(json.orders) >= 1"}, []string{"time.total < 300ms"}),
	}
}

func (r *rig) makeBodies() {
	now := time.Now().UTC()
	j := jobs.New(someCheck(0, time.Minute), "local", now, 1, now, now.Add(time.Minute))
	j.Reply = codec.ResultVersion
	body, err := codec.EncodeJob(j)
	if err != nil {
		r.b.Fatal(err)
	}
	res, _ := noop{}.Run(r.b.Context(), j)
	out, err := codec.EncodeResult(res)
	if err != nil {
		r.b.Fatal(err)
	}
	r.job, r.res = string(body), string(out)
	r.results = make([]jobs.Result, pipelineJobs)
}

// alone measures what does pipelineJobs jobs from its beginning to its end.
func (r *rig) alone(do func(ctx context.Context)) float64 {
	ctx, cancel := context.WithTimeout(r.b.Context(), 5*time.Minute)
	defer cancel()
	r.rounds++
	own, db := ownCPU(r.b), familyCPU(r.b, r.pg)
	do(ctx)
	own, db = ownCPU(r.b)-own, familyCPU(r.b, r.pg)-db
	if ctx.Err() != nil {
		r.b.Fatal("it took longer than 5 minutes")
	}
	return r.rate(pipelineJobs, own, db)
}

// rate is how many jobs a second of CPU is worth.
func (r *rig) rate(n int, own, db time.Duration) float64 {
	r.b.Helper()
	r.b.Logf("%d jobs: %d µs a job, of which the database %d", n, ((own + db) / time.Duration(n)).Microseconds(), (db / time.Duration(n)).Microseconds())
	return float64(n) / (own + db).Seconds()
}

// sdkLoop sends, receives and deletes as many messages as jobs and results
// would be, perCall of them in each call.
func (r *rig) sdkLoop(ctx context.Context, perCall int) {
	var wg sync.WaitGroup
	for i, body := range []string{r.job, r.res} {
		name := fmt.Sprintf("bare-%d-%d", r.rounds, i)
		made, err := r.bare.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
		if err != nil {
			r.b.Fatal(err)
		}
		var left atomic.Int64
		left.Store(pipelineJobs)
		for range 4 {
			wg.Go(func() { r.sendAll(ctx, made.QueueUrl, body, pipelineJobs/4, perCall) })
			wg.Go(func() { r.receiveAll(ctx, made.QueueUrl, &left, perCall) })
		}
	}
	wg.Wait()
}

func (r *rig) sendAll(ctx context.Context, url *string, body string, n, perCall int) {
	entries := make([]types.SendMessageBatchRequestEntry, perCall)
	for i := range entries {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body}
	}
	for ; n > 0; n -= len(entries) {
		if _, err := r.bare.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
			r.b.Error(err)
			return
		}
	}
}

func (r *rig) receiveAll(ctx context.Context, url *string, left *atomic.Int64, perCall int) {
	for left.Load() > 0 {
		got, err := r.bare.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: int32(perCall), WaitTimeSeconds: 1})
		if err != nil {
			r.b.Error(err)
			return
		}
		if len(got.Messages) == 0 {
			continue
		}
		entries := make([]types.DeleteMessageBatchRequestEntry, len(got.Messages))
		for i := range entries {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: got.Messages[i].ReceiptHandle}
		}
		if _, err := r.bare.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: entries}); err != nil {
			r.b.Error(err)
			return
		}
		left.Add(-int64(len(entries)))
	}
}

// copyRows puts rows of results into the table.
func (r *rig) copyRows(ctx context.Context) {
	conn, err := pgx.Connect(ctx, r.dbURL)
	if err != nil {
		r.b.Fatal(err)
	}
	defer conn.Close(ctx)
	c := someCheck(0, time.Minute)
	now := time.Now().UTC()
	version, data, ok := codec.ReceivedResultData([]byte(r.res))
	if !ok {
		r.b.Fatal("the sample cannot be stored")
	}
	columns := []string{"id", "run_id", "check_id", "location", "slot", "attempt", "kind", "outcome", "fault_class",
		"fault_message", "started_at", "finished_at", "latency_us", "worker", "data_version", "data"}
	rows := pgx.CopyFromSlice(pipelineJobs, func(i int) ([]any, error) {
		slot := now.Add(time.Duration(i) * time.Millisecond)
		return []any{jobs.AttemptID(c.ID, "bare", slot, 1), jobs.RunID(c.ID, "bare", slot), c.ID, "bare", slot, 1, "api", "passed", "",
			"", now, now, 3000, "w", version, string(data)}, nil
	})
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"runs"}, columns, rows); err != nil {
		r.b.Fatal(err)
	}
}

// pipeline runs scheduler, worker and recorder on a schedule that asks for more
// than they can do. It measures from the first rows, when all have started, to
// the last row of what the scheduler has sent, so that every job that was sent
// is one that was done. Those sent before the first rows are not counted.
func (r *rig) pipeline(ctx context.Context) float64 {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	r.rounds++
	name := fmt.Sprintf("bench%d", r.rounds)
	todo, results := r.open(ctx, queue.JobsName(name, "local", "api")), r.open(ctx, queue.ResultsName(name))
	stopAll, stopSending := r.start(ctx, name, todo, results)
	defer stopAll()
	sent, done := func() int { return int(todo.sent.Load()) }, func() int { return int(results.done.Load()) }
	rows := r.count(ctx)
	r.until(ctx, func() bool { return done() >= 100 }) // announcements are among them
	own, db, early := ownCPU(r.b), familyCPU(r.b, r.pg), sent()
	r.until(ctx, func() bool { return sent() >= early+pipelineJobs })
	stopSending()
	all := sent()
	r.until(ctx, func() bool { return done() >= all })
	own, db = ownCPU(r.b)-own, familyCPU(r.b, r.pg)-db
	// A slot that the scheduler of the round before has sent, and could not note
	// any more, is sent again and stored once; the worker's announcements are
	// among the results.
	if made := r.count(ctx) - rows; made < all*9/10 {
		r.b.Fatalf("%d rows of %d jobs", made, all)
	}
	return r.rate(all-early, own, db)
}

// until looks again and again whether something holds.
func (r *rig) until(ctx context.Context, holds func() bool) {
	for !holds() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			r.b.Fatalf("%d rows after 5 minutes", r.count(context.WithoutCancel(ctx)))
		}
	}
}

// counted is a queue that counts the messages that it has accepted, and those
// that are done with.
type counted struct {
	*sqsqueue.Queue
	sent, done atomic.Int64
}

func (c *counted) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	errs, err := c.Queue.SendBatch(ctx, ms)
	return tally(&c.sent, errs, err)
}

func (c *counted) DeleteBatch(ctx context.Context, ms []queue.Message) ([]error, error) {
	errs, err := c.Queue.DeleteBatch(ctx, ms)
	return tally(&c.done, errs, err)
}

func tally(n *atomic.Int64, errs []error, err error) ([]error, error) {
	if err == nil {
		for _, e := range errs {
			if e == nil {
				n.Add(1)
			}
		}
	}
	return errs, err
}

// open makes a queue.
func (r *rig) open(ctx context.Context, name string) *counted {
	if err := r.client.Ensure(ctx, name, sqsqueue.Settings{}); err != nil {
		r.b.Fatal(err)
	}
	q, err := r.client.Open(ctx, name)
	if err != nil {
		r.b.Fatal(err)
	}
	return &counted{Queue: q}
}

// start starts all parts; stop ends them, stopSending the scheduler alone, once
// it has noted what it sent.
func (r *rig) start(ctx context.Context, name string, todo, results *counted) (stop, stopSending func()) {
	log := slog.New(slog.DiscardHandler)
	run, cancel := context.WithCancel(ctx)
	sending, cancelSending := context.WithCancel(run)
	var wg, scheduling sync.WaitGroup
	id := jobs.Worker{ID: name}
	begin := func(ctx context.Context, wg *sync.WaitGroup, part interface{ Run(context.Context) error }) {
		wg.Go(func() {
			if err := part.Run(ctx); err != nil {
				r.b.Error(err)
			}
		})
	}
	begin(sending, &scheduling, scheduler.New(scheduler.Options{Store: r.store, Owner: name, Logger: log,
		Open: func(context.Context, string, jobs.Class) (queue.Sender, error) { return todo, nil }}))
	begin(run, &wg, worker.New(worker.Options{Location: "local", Identity: id, Runner: noop{}, Logger: log, Results: queue.NewBatcher(results, 0),
		AnnounceEvery: rollout.AnnounceEvery,
		Lanes:         map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: todo.Name(), Receiver: todo, Slots: 100}}}))
	begin(run, &wg, recorder.New(recorder.Options{Store: r.store, Registry: r.store, Locations: r.store, Identity: id, Queue: results.Name(), Receiver: results, Logger: log}))
	stopSending = func() { cancelSending(); scheduling.Wait() }
	return func() { stopSending(); cancel(); wg.Wait() }, stopSending
}

// apply puts the checks into the database.
func (r *rig) apply(ctx context.Context) {
	checks := make([]check.Check, pipelineChecks)
	for i := range checks {
		checks[i] = someCheck(i, pipelineEvery)
	}
	for part := range slices.Chunk(checks, 5000) {
		if _, err := r.store.ApplyChecks(ctx, part); err != nil {
			r.b.Fatal(err)
		}
	}
}

func (r *rig) count(ctx context.Context) int {
	conn, err := pgx.Connect(ctx, r.dbURL)
	if err != nil {
		r.b.Fatal(err)
	}
	defer conn.Close(ctx)
	var n int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM runs WHERE location = 'local'`).Scan(&n); err != nil {
		r.b.Fatal(err)
	}
	return n
}
