package speed

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/sqslocal"
)

const (
	idleWorkers = 50
	idleFor     = time.Minute
	// The bars: of a core each, and calls besides long polls.
	mostIdleCPU   = 0.01
	mostIdleCalls = 3
)

// calls counts the operations that a queue server is asked for.
type calls struct {
	http.Handler
	mu sync.Mutex
	of map[string]int
}

func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		c.mu.Lock()
		c.of[op]++
		c.mu.Unlock()
	}
	c.Handler.ServeHTTP(w, r)
}

// take are the counts since it was last asked.
func (c *calls) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.of
	c.of = map[string]int{}
	return of
}

// BenchmarkIdleFleet starts fifty workers as processes of their own, which have
// nothing to do for a minute, and counts the CPU that they use meanwhile and
// what they ask of the queues. Long polls are not counted: how long they are is
// the queue's affair.
func BenchmarkIdleFleet(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "worker")
	if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/worker").CombinedOutput(); err != nil {
		b.Fatalf("building the worker: %v\n%s", err, out)
	}
	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := sqslocal.New(sqslocal.Options{})
	counter := &calls{Handler: server, of: map[string]int{}}
	web := &http.Server{Handler: counter, ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(l) }()
	b.Cleanup(func() { _ = server.Close(); _ = web.Close() })

	for b.Loop() {
		pids := startWorkers(b, bin, "http://"+l.Addr().String())
		counter.take()
		before := cpuOf(b, pids)
		begun := time.Now()
		select {
		case <-time.After(idleFor):
		case <-b.Context().Done():
		}
		passed := time.Since(begun)
		after, asked := cpuOf(b, pids), counter.take()
		polls := asked["ReceiveMessage"]
		delete(asked, "ReceiveMessage")
		others := 0
		for _, n := range asked {
			others += n
		}
		share := make(rounds, len(pids))
		for i := range pids {
			share[i] = (after[i] - before[i]).Seconds() / passed.Seconds()
		}
		perMinute := float64(others) / idleWorkers / passed.Minutes()
		b.Logf("%d workers for %s: %d long polls, other calls %v", idleWorkers, passed.Round(time.Second), polls, asked)
		b.ReportMetric(100*slices.Max(share), "%cpu-max")
		b.ReportMetric(100*share.median(), "%cpu-median")
		b.ReportMetric(perMinute, "calls/min")
		b.ReportMetric(0, "ns/op")
		if share.median() > mostIdleCPU || perMinute > mostIdleCalls {
			b.Errorf("an idle worker uses %.2f%% of a core and makes %.1f calls a minute; want at most %.0f%% and %d",
				100*share.median(), perMinute, 100*mostIdleCPU, mostIdleCalls)
		}
	}
}

// startWorkers starts the fleet and waits until all of it is ready; it ends
// with the benchmark.
func startWorkers(b *testing.B, bin, endpoint string) []int {
	b.Helper()
	dir := b.TempDir()
	pids := make([]int, idleWorkers)
	for i := range pids {
		admin := freeAddr(b)
		p := exec.Command(bin, "-admin", admin, "-create-queues", "-browser-slots", "0", "-allow-private", "-browser-dir", dir)
		p.Env = append(os.Environ(), "AWS_ENDPOINT_URL_SQS="+endpoint, "PROBEFLEET_LOG_LEVEL=error")
		if err := p.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = p.Process.Signal(syscall.SIGKILL)
			_ = p.Wait()
		})
		pids[i] = p.Process.Pid
		waitReady(b, admin)
	}
	return pids
}

func freeAddr(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func waitReady(b *testing.B, admin string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/readyz", admin), nil)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			b.Fatal("a worker is not ready")
		}
	}
}

func cpuOf(b *testing.B, pids []int) []time.Duration {
	b.Helper()
	used := make([]time.Duration, len(pids))
	for i, pid := range pids {
		s, err := readStat(pid)
		if err != nil {
			b.Fatalf("a worker has ended: %v", err)
		}
		used[i] = s.cpu
	}
	return used
}
