package apirunner_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// resolver is one that asks a name server on loopback which answers every
// question with the given response code, or with nothing where it is negative.
func resolver(t *testing.T, code int) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			if code < 0 {
				continue
			}
			answer := append([]byte(nil), buf[:n]...)
			binary.BigEndian.PutUint16(answer[2:], 0x8180|uint16(code)) // response, recursion
			_, _ = server.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func TestHostThatDoesNotResolve(t *testing.T) {
	r := apirunner.New(apirunner.Options{Resolver: resolver(t, 3)})
	res := run(t, r, job("https://shop.invalid./"))
	wantFault(t, res, jobs.FaultDNS, `host "shop.invalid."`, "does not resolve", "NXDOMAIN")
	if res.Timings.DNS <= 0 || res.Timings.Connect != 0 {
		t.Errorf("timings %+v", res.Timings)
	}

	r = apirunner.New(apirunner.Options{Resolver: resolver(t, 2)})
	wantFault(t, run(t, r, job("http://shop.invalid./")), jobs.FaultDNS, `host "shop.invalid."`, "does not resolve")

	r = apirunner.New(apirunner.Options{Resolver: resolver(t, -1)})
	res = run(t, r, job("http://shop.invalid./", within(200*time.Millisecond)))
	wantFault(t, res, jobs.FaultTimeout, "within 200ms", `"shop.invalid." was not resolved`)

	wantFault(t, run(t, r, job("http://xn--a\u00fc.example/")), jobs.FaultDNS, "not a valid name")
}

func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	res := run(t, apirunner.New(apirunner.Options{}), job("http://"+addr))
	wantFault(t, res, jobs.FaultConnect, "connection to "+addr+" refused")
	if res.Evidence.Response != nil || res.Verdicts != nil {
		t.Errorf("evidence %+v, verdicts %+v", res.Evidence, res.Verdicts)
	}
}

func TestEgressPolicy(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the target was reached") })
	r := apirunner.New(apirunner.Options{Control: egress.NewPolicy(nil, nil).Control})
	res := run(t, r, job(s.URL))
	wantFault(t, res, jobs.FaultEgress, "egress policy of this location forbids 127.0.0.1: loopback")

	res = run(t, r, job(strings.Replace(s.URL, "127.0.0.1", "localhost", 1)))
	wantFault(t, res, jobs.FaultEgress, "loopback")

	// The policy is asked at every hop.
	away := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	})
	r = apirunner.New(apirunner.Options{Control: egress.NewPolicy(egress.Private, nil).Control})
	res = run(t, r, job(away.URL))
	wantFault(t, res, jobs.FaultEgress, "forbids 169.254.169.254: link-local")
}

func TestAnswersThatAreNone(t *testing.T) {
	flood := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("a", 1000)+"\r\n", 100) + "\r\n"
	for name, row := range map[string]struct {
		answer string
		words  []string
	}{
		"nothing":             {"", []string{"server closed the connection before answering"}},
		"half a status line":  {"HTTP/1.1 20", []string{"does not answer in HTTP"}},
		"half the headers":    {"HTTP/1.1 200 OK\r\nA: b\r\n", []string{"server closed the connection before answering"}},
		"not HTTP":            {"SSH-2.0-OpenSSH_9.2\r\n", []string{"does not answer in HTTP", "SSH-2.0"}},
		"a mad status":        {"HTTP/1.1 abc OK\r\n\r\n", []string{"does not answer in HTTP"}},
		"a bad header":        {"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", []string{"not a valid HTTP answer", "no colon here"}},
		"two lengths":         {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", []string{"not a valid HTTP answer"}},
		"header flood":        {flood, []string{"response headers are larger than the cap of 64 KiB"}},
		"informational flood": {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("a", 1000)+"\r\n\r\n", 100), []string{"cap of 64 KiB"}},
		"TLS":                 {"\x15\x03\x01\x00\x02\x02\x28", []string{"speaks TLS", "https://"}},
		"too short a body":    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", []string{"in the middle of the body", "after 9 of 100 bytes"}},
		"chunks without end":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", []string{"in the middle of the body", "after 5 B"}},
		"mad chunks":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", []string{"not a valid HTTP answer", "chunk"}},
	} {
		t.Run(name, func(t *testing.T) {
			addr := says(t, row.answer)
			res := run(t, apirunner.New(apirunner.Options{}), job("http://"+addr))
			wantFault(t, res, jobs.FaultProtocol, row.words...)
		})
	}
}

// What comes after the announced end is not part of the answer, and nobody's
// words end up on our standard error.
func TestMoreThanAnnounced(t *testing.T) {
	var said bytes.Buffer
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	addr := says(t, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody and more")
	for range 50 {
		res := run(t, apirunner.New(apirunner.Options{}), job("http://"+addr, expecting("body == 'body'")))
		if res.Outcome != jobs.Passed {
			t.Fatalf("fault %+v", res.Fault)
		}
	}
	if said.Len() > 0 {
		t.Errorf("the log says %s", &said)
	}
}

// A reset is the same to a person as a polite end.
func TestReset(t *testing.T) {
	addr := raw(t, func(c net.Conn) {
		readRequest(c)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	res := run(t, apirunner.New(apirunner.Options{}), job("http://"+addr))
	wantFault(t, res, jobs.FaultProtocol, "server closed the connection before answering")
}

// A server that speaks before it is asked is quoted, every time.
func TestServerThatSpeaksFirst(t *testing.T) {
	addr := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
		hold(c)
	})
	for range 20 {
		res := run(t, apirunner.New(apirunner.Options{}), job("http://"+addr))
		wantFault(t, res, jobs.FaultProtocol, "does not answer in HTTP", "SSH-2.0")
	}
}

func TestTimeoutSaysHowFarItCame(t *testing.T) {
	r := apirunner.New(apirunner.Options{})
	drip := func(start, again string) func(net.Conn) {
		return func(c net.Conn) {
			readRequest(c)
			_, err := io.WriteString(c, start)
			for err == nil && again != "" {
				<-time.After(5 * time.Millisecond)
				_, err = io.WriteString(c, again)
			}
			hold(c)
		}
	}
	for name, row := range map[string]struct {
		serve  func(net.Conn)
		scheme string
		words  string
	}{
		"no answer":    {drip("", ""), "http", "the request was sent, nothing had come back"},
		"slow headers": {drip("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), "http", "headers had begun, their end was missing"},
		"slow drip":    {drip("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"+strings.Repeat("x", 12<<10), ""), "http", "headers had arrived, body was at 12 KiB"},
		"silent TLS":   {hold, "https", "the TLS handshake with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := raw(t, row.serve)
			res := run(t, r, job(row.scheme+"://"+addr, within(2*time.Second)))
			wantFault(t, res, jobs.FaultTimeout, "no complete answer within 2s: ", row.words)
			if res.Timings.Total < 1900*time.Millisecond { // the deadline began a little earlier
				t.Errorf("timings %+v", res.Timings)
			}
			if name == "slow drip" && (res.Evidence.Response == nil || res.Evidence.Response.Size != 12<<10 || res.Timings.Download <= 0) {
				t.Errorf("evidence %+v, timings %+v", res.Evidence.Response, res.Timings)
			}
		})
	}
}
