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
	pipelineJobs   = 3_000
	// pipelineLoad is what the schedule asks of the pipeline, as a multiple of
	// the SDK loop's rate on the clock: more than it can do, so that its batches
	// are full.
	pipelineLoad = 3
)

// BenchmarkPipeline has jobs go from the scheduler through SQS to a worker
// whose runner does nothing, through SQS to the recorder and into Postgres.
// Beside it the same number of messages of the same sizes, two a job, go
// through a bare loop of send, receive and delete of the SDK, ten a call; and
// as many rows go into the same table by COPY. All of it is in one process,
// the SQS server too; Postgres is counted with it.
func BenchmarkPipeline(b *testing.B) {
	r := newRig(b)
	for b.Loop() {
		var pipeline, loop, bare rounds
		for range pipelineRounds {
			begun := time.Now()
			loop = append(loop, r.perSecond(pipelineJobs, r.sdkLoop))
			r.every = (time.Duration(float64(time.Since(begun)) / pipelineLoad)).Round(time.Second) + time.Second
			bare = append(bare, r.perSecond(pipelineJobs, r.copyRows))
			pipeline = append(pipeline, r.perSecond(0, r.pipeline))
		}
		b.Logf("jobs per second of CPU: pipeline %s, SDK loop %s, COPY %s", pipeline, loop, bare)
		b.ReportMetric(pipeline.median(), "jobs/cpu-s")
		b.ReportMetric(loop.median(), "sdk-loop/cpu-s")
		b.ReportMetric(bare.median(), "copy/cpu-s")
		b.ReportMetric(pipeline.median()/min(loop.median(), bare.median()), "of-slower")
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
	every    time.Duration // of the pipeline's checks
	job, res string        // bodies as the pipeline sends them
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

// perSecond is how many jobs a second of CPU is worth; do answers how many it
// did, where n is 0.
func (r *rig) perSecond(n int, do func(ctx context.Context) int) float64 {
	r.b.Helper()
	ctx, cancel := context.WithTimeout(r.b.Context(), 5*time.Minute)
	defer cancel()
	r.rounds++
	own, db := ownCPU(r.b), familyCPU(r.b, r.pg)
	done := max(n, do(ctx))
	own, db = ownCPU(r.b)-own, familyCPU(r.b, r.pg)-db
	if ctx.Err() != nil {
		r.b.Fatal("it took longer than 5 minutes")
	}
	r.b.Logf("%d jobs: %d µs a job, of which the database %d", done, ((own + db) / time.Duration(done)).Microseconds(), (db / time.Duration(done)).Microseconds())
	return float64(done) / (own + db).Seconds()
}

// sdkLoop sends, receives and deletes as many messages as jobs and results
// would be.
func (r *rig) sdkLoop(ctx context.Context) int {
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
			wg.Go(func() { r.sendAll(ctx, made.QueueUrl, body, pipelineJobs/4) })
			wg.Go(func() { r.receiveAll(ctx, made.QueueUrl, &left) })
		}
	}
	wg.Wait()
	return pipelineJobs
}

func (r *rig) sendAll(ctx context.Context, url *string, body string, n int) {
	entries := make([]types.SendMessageBatchRequestEntry, queue.MaxBatch)
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

func (r *rig) receiveAll(ctx context.Context, url *string, left *atomic.Int64) {
	for left.Load() > 0 {
		got, err := r.bare.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: queue.MaxBatch, WaitTimeSeconds: 1})
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
func (r *rig) copyRows(ctx context.Context) int {
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
	n, err := conn.CopyFrom(ctx, pgx.Identifier{"runs"}, columns, rows)
	if err != nil {
		r.b.Fatal(err)
	}
	return int(n)
}

// counted is a sender that counts what was accepted.
type counted struct {
	queue.Sender
	n *atomic.Int64
}

func (c counted) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	errs, err := c.Sender.SendBatch(ctx, ms)
	if err == nil {
		c.n.Add(int64(len(ms)))
	}
	return errs, err
}

// pipeline runs scheduler, worker and recorder until at least pipelineJobs jobs
// have become rows, and answers how many there were.
func (r *rig) pipeline(ctx context.Context) int {
	prefix := fmt.Sprintf("bench%d", r.rounds)
	log := slog.New(slog.DiscardHandler)
	checks := make([]check.Check, pipelineJobs)
	for i := range checks {
		checks[i] = someCheck(i, r.every)
	}
	r.apply(ctx, checks, true)
	open := func(name string) *sqsqueue.Queue {
		if err := r.client.Ensure(ctx, name, sqsqueue.Settings{}); err != nil {
			r.b.Fatal(err)
		}
		q, err := r.client.Open(ctx, name)
		if err != nil {
			r.b.Fatal(err)
		}
		return q
	}
	results, todo := open(queue.ResultsName(prefix)), open(queue.JobsName(prefix, "local", "api"))
	before := r.count(ctx)
	var sent atomic.Int64
	run, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	id := jobs.Worker{ID: prefix}
	parts := []interface{ Run(context.Context) error }{
		scheduler.New(scheduler.Options{Store: r.store, Owner: prefix, Logger: log,
			Open: func(context.Context, string, jobs.Class) (queue.Sender, error) { return counted{todo, &sent}, nil }}),
		worker.New(worker.Options{Location: "local", Identity: id, Runner: noop{}, Logger: log, Results: queue.NewBatcher(results, 0),
			AnnounceEvery: rollout.AnnounceEvery,
			Lanes:         map[jobs.Class]worker.Lane{jobs.ClassAPI: {Queue: todo.Name(), Receiver: todo, Slots: 100}}}),
		recorder.New(recorder.Options{Store: r.store, Registry: r.store, Locations: r.store, Identity: id, Queue: results.Name(), Receiver: results, Logger: log}),
	}
	for _, p := range parts {
		wg.Go(func() {
			if err := p.Run(run); err != nil {
				r.b.Error(err)
			}
		})
	}
	wait := func(what string, done func() bool) {
		for !done() {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				r.b.Fatalf("waiting for %s: %d jobs sent, %d rows", what, sent.Load(), r.count(context.WithoutCancel(ctx))-before)
			}
		}
	}
	wait("jobs", func() bool { return sent.Load() >= pipelineJobs })
	r.apply(ctx, checks, false)
	last, since := sent.Load(), time.Now()
	wait("the end of the jobs", func() bool {
		if n := sent.Load(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
	// Where an answer was late there are more jobs than were counted.
	wait("rows", func() bool { return r.count(ctx)-before >= int(sent.Load()) })
	stop()
	wg.Wait()
	return r.count(ctx) - before
}

func (r *rig) apply(ctx context.Context, checks []check.Check, active bool) {
	for i := range checks {
		checks[i].Active = active
	}
	if _, err := r.store.ApplyChecks(ctx, checks); err != nil {
		r.b.Fatal(err)
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
