package apirunner_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// peak watches the heap while f runs, and returns by how much it grew at most.
// Other tests of this package do not run meanwhile.
func peak(f func()) (grown uint64) {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	var most atomic.Uint64
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			runtime.ReadMemStats(&now)
			most.Store(max(most.Load(), now.HeapInuse+now.StackInuse))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(done)
	<-watched
	return most.Load() - min(most.Load(), before.HeapInuse+before.StackInuse)
}

// endless writes a chunk again and again until the far end is gone.
func endless(c net.Conn, chunk []byte) {
	for {
		if _, err := c.Write(chunk); err != nil {
			return
		}
	}
}

// bomb is gzip of a gigabyte of nothing, about a megabyte: members of gzip may
// follow each other.
func bomb(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(out.Bytes(), 64)
}

// hostile are servers that mean no good, by the class of the fault that each
// gives and the words of its cause.
func hostile(t *testing.T, a *authority) map[string]struct {
	url   string
	class jobs.FaultClass
	words string
} {
	t.Helper()
	answer := func(head string, then func(net.Conn)) string {
		return "http://" + raw(t, func(c net.Conn) {
			readRequest(c)
			if _, err := io.WriteString(c, head); err == nil && then != nil {
				then(c)
			}
		})
	}
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	drip := func(c net.Conn) {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
		}
	}
	zipped := bomb(t)
	certificate := func(c *x509.Certificate) string { return a.serveTLS(t, c, hello).URL }
	self := (&authority{}).serveTLS(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)}, hello)
	old := "https://" + raw(t, func(c net.Conn) {
		leaf, key := a.make(t, &x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(time.Hour)})
		_ = tls.Server(c, &tls.Config{
			MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
			Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}},
		}).Handshake()
	})
	ok := "HTTP/1.1 200 OK\r\n"
	return map[string]struct {
		url   string
		class jobs.FaultClass
		words string
	}{
		"endless body":        {answer(ok+"\r\n", func(c net.Conn) { endless(c, chunk) }), jobs.FaultBody, "larger than the cap"},
		"endless chunks":      {answer(ok+"Transfer-Encoding: chunked\r\n\r\n", func(c net.Conn) { endless(c, append([]byte("10000\r\n"), append(chunk, '\r', '\n')...)) }), jobs.FaultBody, "larger than the cap"},
		"gzip bomb":           {answer(ok+"Content-Encoding: gzip\r\n\r\n", func(c net.Conn) { _, _ = c.Write(zipped) }), jobs.FaultBody, "larger than the cap"},
		"header of a GiB":     {answer(ok+"X: ", func(c net.Conn) { endless(c, chunk) }), jobs.FaultProtocol, "headers are larger than the cap"},
		"endless headers":     {answer(ok, func(c net.Conn) { endless(c, []byte("X: y\r\n")) }), jobs.FaultProtocol, "headers are larger than the cap"},
		"endless 1xx":         {answer("", func(c net.Conn) { endless(c, []byte("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n")) }), jobs.FaultProtocol, ""},
		"status line":         {answer("", func(c net.Conn) { endless(c, chunk) }), jobs.FaultProtocol, ""},
		"a byte a second":     {answer(ok+"\r\n", drip), jobs.FaultTimeout, "body was at"},
		"headers by the byte": {answer(ok, drip), jobs.FaultTimeout, "no complete answer within 2s"},
		"silence":             {"http://" + raw(t, hold), jobs.FaultTimeout, "nothing had come back"},
		"redirect loop":       {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }).URL, jobs.FaultRedirect, "more than 10 redirects, in a loop"},
		"redirects for ever":  {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }).URL, jobs.FaultRedirect, "more than 10 redirects"},
		"less than announced": {answer(ok+"Content-Length: 100\r\n\r\nshort", nil), jobs.FaultProtocol, "after 5 of 100 bytes"},
		"two lengths":         {answer(ok+"Content-Length: 5\r\nContent-Length: 6\r\n\r\nshort", nil), jobs.FaultProtocol, ""},
		"length below zero":   {answer(ok+"Content-Length: -5\r\n\r\nshort", nil), jobs.FaultProtocol, ""},
		"length of exabytes":  {answer(ok+"Content-Length: 9000000000000000000\r\n\r\nshort", nil), jobs.FaultProtocol, "in the middle of the body"},
		"NUL in JSON":         {answer(ok+"\r\n{\"a\": \"x\x00y\"}", nil), jobs.FaultAssertion, "the body is not JSON"},
		"invalid UTF-8":       {answer(ok+"\r\n\xff\xfe{\"a\": 1}", nil), jobs.FaultAssertion, "the body is not JSON"},
		"deep JSON":           {answer(ok+"\r\n"+strings.Repeat("[", 1<<20), nil), jobs.FaultAssertion, "the body is not JSON"},
		"expired":             {certificate(&x509.Certificate{IPAddresses: loopback, NotAfter: time.Now().Add(-48 * time.Hour)}), jobs.FaultTLS, "expired 2 days ago"},
		"wrong name":          {certificate(&x509.Certificate{DNSNames: []string{"other.example"}, NotAfter: time.Now().Add(time.Hour)}), jobs.FaultTLS, "certificate is for other.example, not 127.0.0.1"},
		"self-signed":         {self.URL, jobs.FaultTLS, "signed by an unknown authority"},
		"TLS 1.0 only":        {old, jobs.FaultTLS, "protocol version not supported"},
	}
}

// Whatever a server does, the attempt ends within a second of the check's
// timeout, takes no more than 32 MiB, and is failed with its cause.
func TestHostileServers(t *testing.T) {
	a := newAuthority(t)
	r := apirunner.New(apirunner.Options{RootCAs: a.pool})
	for name, s := range hostile(t, a) {
		t.Run(name, func(t *testing.T) { wantHostile(t, r, s.url, s.class, s.words) })
	}
}

func wantHostile(t *testing.T, r *apirunner.Runner, url string, class jobs.FaultClass, words string) {
	t.Helper()
	// What ends by itself does so long before, on a busy machine too.
	timeout := 30 * time.Second
	if class == jobs.FaultTimeout {
		timeout = 2 * time.Second
	}
	j := job(url, within(timeout), expecting("json.a == 1"))
	var res jobs.Result
	var err error
	start := time.Now()
	grown := peak(func() { res, err = r.Run(context.Background(), j) })
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, res, class, words)
	const slow = 8 * time.Second // what a busy machine may take to notice that the time is over
	if took > timeout+time.Second+slow {
		t.Errorf("took %s, with a timeout of %s", took, timeout)
	}
	if grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if all := fmt.Sprintf("%+v", res); strings.ContainsRune(all, 0) || strings.ToValidUTF8(all, "") != all {
		t.Error("the result holds what cannot be stored")
	}
}
