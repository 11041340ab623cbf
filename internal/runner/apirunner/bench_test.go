package apirunner_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// bare is the least that measures the same: net/http with a trace and no
// keep-alive, the body read and dropped.
func bare(b *testing.B, pool *x509.CertPool) func(url string) {
	transport := &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: pool},
	}
	return func(url string) {
		var marks [6]time.Time
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			DNSStart:             func(httptrace.DNSStartInfo) { marks[0] = time.Now() },
			ConnectStart:         func(string, string) { marks[1] = time.Now() },
			ConnectDone:          func(string, string, error) { marks[2] = time.Now() },
			TLSHandshakeStart:    func() { marks[3] = time.Now() },
			TLSHandshakeDone:     func(tls.ConnectionState, error) { marks[4] = time.Now() },
			GotFirstResponseByte: func() { marks[5] = time.Now() },
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRun sets a whole run (job to judged result) beside bare net/http,
// over plain HTTP and over TLS with HTTP/2. They take turns, so that whatever
// else the machine does hits both; run/bare is the quotient of their times.
func BenchmarkRun(b *testing.B) {
	a := newAuthority(b)
	answer := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items": [1, 2, 3], "ok": true}`)
	}
	plain := serve(b, answer)
	secure := a.serveTLS(b, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)}, answer)
	r := apirunner.New(apirunner.Options{RootCAs: a.pool})
	run := func(url string) {
		res, err := r.Run(context.Background(), job(url, expecting("status == 200", "json.ok")))
		if err != nil || res.Outcome != jobs.Passed {
			b.Fatalf("%v, fault %+v", err, res.Fault)
		}
	}
	for _, pair := range []struct{ name, url string }{{"http", plain.URL}, {"h2", secure.URL}} {
		b.Run(pair.name, func(b *testing.B) {
			least := bare(b, a.pool)
			var ours, theirs time.Duration
			for b.Loop() {
				start := time.Now()
				least(pair.url)
				middle := time.Now()
				run(pair.url)
				theirs += middle.Sub(start)
				ours += time.Since(middle)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "run/bare")
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "µs/run")
		})
	}
}

// BenchmarkInFlight reports the memory of a check that waits for its answer:
// heap and stacks, those of the server's side of the connection included.
func BenchmarkInFlight(b *testing.B) {
	const checks = 500
	release := make(chan struct{})
	var arrived sync.WaitGroup
	arrived.Add(checks)
	s := serve(b, func(http.ResponseWriter, *http.Request) {
		arrived.Done()
		<-release
	})
	r := apirunner.New(apirunner.Options{})
	for b.Loop() {
		before := inUse()
		var done sync.WaitGroup
		for range checks {
			done.Go(func() {
				if _, err := r.Run(context.Background(), job(s.URL)); err != nil {
					b.Error(err)
				}
			})
		}
		arrived.Wait()
		b.ReportMetric(float64(inUse()-before)/checks/1024, "KiB/check")
		close(release)
		done.Wait()
		release = make(chan struct{})
		arrived.Add(checks)
	}
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
