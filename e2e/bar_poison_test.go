package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// TestBarPoison sends jobs that kill the process that runs them among others:
// they alone must end as dead letters, and the others hardly notice. A fleet
// without such jobs runs beside it, on a machine that is as busy.
func TestBarPoison(t *testing.T) {
	seed := bar(t)
	const total, poisoned = 1000, 10
	var clean, p95 time.Duration
	var faults []string
	t.Run("both", func(t *testing.T) {
		t.Run("clean", func(t *testing.T) {
			t.Parallel()
			clean, _ = poison(t, total, 0)
		})
		t.Run("poisoned", func(t *testing.T) {
			t.Parallel()
			p95, faults = poison(t, total, poisoned)
		})
	})
	if clean == 0 || p95 > 2*clean {
		faults = append(faults, fmt.Sprintf("p95 is %s, twice the clean run's is %s", p95, 2*clean))
	}
	if len(faults) > 0 {
		t.Errorf("poison: %q", faults)
	}
	report(!t.Failed(), "poison jobs", seed, "%d of %d, p95 %s, without them %s %q", poisoned, total, p95, clean, faults)
}

// poison runs a fleet on n jobs, bad ones among them, and answers the 95th
// percentile of the time from sending to storing.
func poison(t *testing.T, n, bad int) (p95 time.Duration, faults []string) {
	r := newRig(t, rigOptions{})
	var workers []*member
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/poison") {
			for _, m := range workers {
				if pid := m.pid(); holds(pid, req.RemoteAddr) {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			<-req.Context().Done()
			return
		}
		fmt.Fprint(w, "well")
	}
	r.recorder("recorder")
	for i := range 3 {
		workers = append(workers, r.worker(fmt.Sprint("worker ", i)))
	}
	time.Sleep(2 * time.Second) // they poll by then
	to, err := r.queues.Open(t.Context(), jobsQueue)
	if err != nil {
		t.Fatal(err)
	}
	send := func(path string, i int) string {
		now := time.Now().UTC().Truncate(time.Microsecond)
		j := jobs.New(check.Check{
			ID: fmt.Sprintf("job-%d", i), Name: "job", Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"local"}, Active: true,
			Spec: &check.API{Steps: []check.APIStep{{Request: check.Request{Method: "GET", URL: r.target + path, MaxBody: 1 << 10}}}},
		}, "local", now, 1, now, now.Add(10*time.Minute))
		body, err := codec.EncodeJob(j)
		if err != nil {
			t.Fatal(err)
		}
		if errs, err := to.SendBatch(t.Context(), []queue.Outgoing{{Body: string(body)}}); err != nil || errs[0] != nil {
			t.Fatalf("sending a job: %v %v", errs, err)
		}
		return j.ID
	}
	ctx, cancel := context.WithCancel(t.Context())
	var supervisor sync.WaitGroup
	supervisor.Go(func() { supervise(ctx, workers) })
	defer func() { cancel(); supervisor.Wait() }()
	var killers []string
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		if bad > 0 && i%(n/bad) == 0 {
			killers = append(killers, send("/poison", i))
		} else {
			send("/", i)
		}
	}
	dead := 0
	eventuallyDown(t, func() (int, string) {
		var err error
		dead, err = r.wire.Held(queue.DeadLetterName(jobsQueue))
		rows, err2 := r.number(`SELECT count(*) FROM runs`)
		if err != nil || err2 != nil {
			return n, fmt.Sprint(err, err2)
		}
		return max(0, bad-dead) + max(0, n-bad-rows), "jobs are neither dead nor rows"
	})
	cancel()
	bodies, err := r.wire.Drain(queue.DeadLetterName(jobsQueue))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bodies {
		if h, err := codec.Peek([]byte(b)); err != nil || !slices.Contains(killers, h.ID) {
			faults = append(faults, fmt.Sprintf("job %s is dead and no poison: %v", h.ID, err))
		}
	}
	rows, err := r.number(`SELECT count(*) FROM runs WHERE outcome = 'passed'`)
	if err != nil || rows != n-bad || dead != bad {
		faults = append(faults, fmt.Sprintf("%d dead and %d passed, want %d and %d: %v", dead, rows, bad, n-bad, err))
	}
	us, err := r.number(`SELECT (1e6 * extract(epoch FROM percentile_disc(0.95) WITHIN GROUP (ORDER BY stored_at - slot)))::bigint FROM runs`)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(us) * time.Microsecond, faults
}

// supervise starts workers again that were killed, as an orchestrator does.
func supervise(ctx context.Context, workers []*member) {
	for ctx.Err() == nil {
		for _, m := range workers {
			select {
			case <-m.done:
				_ = m.relaunch() // what it has not started is tried again
			default:
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// holds reports whether the process holds the connection whose local address
// on loopback is addr, by the tables of /proc.
func holds(pid int, addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	var number int
	_, _ = fmt.Sscan(port, &number)
	table, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) {
			continue
		}
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && to == "socket:["+fields[9]+"]" {
				return true
			}
		}
	}
	return false
}
