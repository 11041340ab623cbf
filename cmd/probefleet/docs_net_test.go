package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/heartbeat"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/ping"
)

// The servers of this file answer as the examples of docs/checks.md expect, each
// until the test ends.

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// lineServer answers lines.
func lineServer(t *testing.T) string {
	t.Helper()
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if lines.Text() == "LIST" {
						fmt.Fprint(c, "tea\r\ncoffee\r\n.\r\n")
						continue
					}
					fmt.Fprint(c, "+PONG\r\n")
				}
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// nameServer knows the zone shop.example.
func nameServer(t *testing.T) string {
	t.Helper()
	known := map[string]string{
		"shop.example. A":             "shop.example. 300 IN A 192.0.2.1",
		"shop.example. MX":            "shop.example. 300 IN MX 10 mail.shop.example.",
		"1.2.0.192.in-addr.arpa. PTR": "1.2.0.192.in-addr.arpa. 300 IN PTR shop.example.",
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative, m.Rcode = true, dns.RcodeNameError
		asked := q.Question[0]
		if line, ok := known[asked.Name+" "+dns.TypeToString[asked.Qtype]]; ok {
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Error(err)
			}
			m.Rcode, m.Answer = dns.RcodeSuccess, []dns.RR{rr}
		}
		_ = w.WriteMsg(m)
	})
	var l net.Listener
	var p net.PacketConn
	for range 20 { // until the port is free for both
		l = listen(t)
		var err error
		if p, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			break
		}
		_ = l.Close()
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: p, Handler: handler}} {
		ready, done := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { done <- s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-done
		})
	}
	return l.Addr().String()
}

// healthServer serves health by gRPC: the server is well, shop.Orders is not.
func healthServer(t *testing.T) string {
	t.Helper()
	l, s, h := listen(t), grpc.NewServer(), health.NewServer()
	h.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return l.Addr().String()
}

// socketServer answers messages of WebSockets, over TLS where it has a
// certificate.
func socketServer(t *testing.T, pair *tls.Certificate) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"shop"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		_, said, err := c.Read(r.Context())
		if err != nil {
			return
		}
		answer, _ := json.Marshal(map[string]any{"said": string(said), "keyed": r.Header.Get("x-key") == "a-secret-token"})
		_ = c.Write(r.Context(), websocket.MessageText, answer)
		_, _, _ = c.Read(r.Context())
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if pair != nil {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{*pair}}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http", "ws", 1)
}

// calls keeps what a console is told, of whatever address.
type calls struct {
	pings []ping.Ping
}

func (c *calls) AddPing(_ context.Context, _ [32]byte, p ping.Ping) (string, error) {
	p.At = time.Now()
	c.pings = append(c.pings, p)
	return "example", nil
}

var errNotAsked = errors.New("not asked for")

func (c *calls) GiveAddress(context.Context, string, [32]byte, string) error { return errNotAsked }
func (c *calls) ReceiverHere(context.Context, int64) (int64, error)          { return 0, errNotAsked }
func (c *calls) PingsOf(context.Context, string, int) ([]console.Ping, error) {
	return nil, errNotAsked
}

// jobRunner does what the job of a heartbeat does: it calls a console that it
// begins, and that it has ended with what it has printed.
type jobRunner struct{ t *testing.T }

func (r jobRunner) Run(ctx context.Context, j jobs.Job) (jobs.Result, error) {
	book := &calls{}
	s := httptest.NewServer(console.New(console.Options{Pings: book, Logger: slog.New(slog.DiscardHandler)}).Handler())
	defer s.Close()
	since := time.Now()
	for _, call := range []struct{ path, body string }{{"/start", ""}, {"/0", `{"files": 7}`}} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/ping/hb_example"+call.path, strings.NewReader(call.body))
		if err != nil {
			return jobs.Result{}, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return jobs.Result{}, err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			r.t.Errorf("%s is answered %s", call.path, resp.Status)
		}
	}
	return heartbeat.Judge(ping.Watch{Check: j.Check, Since: since, Pings: book.pings}, time.Now()), nil
}
