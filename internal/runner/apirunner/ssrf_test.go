package apirunner_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

// Servers stand at 127.0.0.2, which the location may dial, and send to the
// sentinel at 127.0.0.1 and ::1, which it may not.
const stranger = "127.0.0.2"

// names is a DNS server. A name has the addresses of its list; of a list of
// lists each question takes the next.
func names(t *testing.T, zone map[string][][]string) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var mu sync.Mutex
	asked := map[string]int{}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
			lists, known := zone[name]
			if !known {
				m.RCode = dnsmessage.RCodeNameError
			} else {
				mu.Lock()
				key := fmt.Sprint(name, q.Type)
				list := lists[min(asked[key], len(lists)-1)]
				asked[key]++
				mu.Unlock()
				m.Answers = records(q, list)
			}
			out, _ := m.Pack()
			_, _ = c.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

func records(q dnsmessage.Question, list []string) (rs []dnsmessage.Resource) {
	for _, a := range list {
		addr := netip.MustParseAddr(a)
		h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}
		switch {
		case q.Type == dnsmessage.TypeA && addr.Is4():
			rs = append(rs, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}})
		case q.Type == dnsmessage.TypeAAAA && addr.Is6():
			rs = append(rs, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return rs
}

// at serves h at an address until the test ends.
func at(t *testing.T, addr string, h http.HandlerFunc) (port string, ok bool) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", false
	}
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, true
}

// hosts are ways to write an address that may not be dialled.
var hosts = []string{
	"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0X7F000001", "0177.0.0.1", "017700000001",
	"127.0.0.1.", "127.000.000.001", "127.0.0.01", "0", "0.0.0.0", "0x0", "127.127.127.127", "localhost", "LOCALHOST", "localhost.",
	"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
	"[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
	"[2002:7f00:0001::1]", "[2001:0:7f00:1::]", "[::1%25lo]", "[fe80::1%25lo]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
	"169.254.169.254", "[::ffff:169.254.169.254]", "[64:ff9b::169.254.169.254]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
	"100.64.0.1", "100.100.100.200", "168.63.129.16", "10.0.0.1", "172.16.0.1", "192.168.0.1", "198.18.0.1", "192.0.0.192", "224.0.0.1", "255.255.255.255", "240.0.0.1",
	"１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "１２７。０。０。１", "ｌｏｃａｌｈｏｓｔ", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
	"good.example@127.0.0.1", "good.example:80@127.0.0.1", "good.example%40@127.0.0.1", "good.example%23@127.0.0.1",
	"127.0.0.1%00.good.example", "127.0.0.1%2egood.example", "127.0.0.1%20", "good.example\\@127.0.0.1", "127.0.0.1\t",
	"loopback.example", "six.example", "mapped.example", "nat64.example", "sixtofour.example", "metadata.example", "both.example", "zero.example",
}

var zone = map[string][][]string{
	"loopback.example":  {{"127.0.0.1"}},
	"six.example":       {{"::1"}},
	"mapped.example":    {{"::ffff:127.0.0.1"}},
	"nat64.example":     {{"64:ff9b::7f00:1"}},
	"sixtofour.example": {{"2002:7f00:1::"}},
	"metadata.example":  {{"169.254.169.254"}},
	"zero.example":      {{"0.0.0.0"}},
	"both.example":      {{"127.0.0.1", "::1"}},
	"good.example":      {{stranger}},
	"rebind.example":    {{stranger}, {"127.0.0.1"}},
}

// No way of writing an address, and no detour, brings a request to where the
// location may not dial; with the address allowed, the same ways do.
func TestNothingReachesTheSentinel(t *testing.T) {
	var hits atomic.Int32
	port, ok := at(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	if !ok {
		t.Fatal("no server on 127.0.0.1")
	}
	_, six := at(t, "[::1]:"+port, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	away, ok := at(t, stranger+":0", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		var code int
		if _, err := fmt.Sscan(q.Get("code"), &code); err != nil {
			code = http.StatusFound
		}
		w.Header().Set("Location", q.Get("to"))
		w.WriteHeader(code)
	})
	if !ok {
		t.Skip("this system has no " + stranger)
	}
	for _, v := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(v, "http://127.0.0.1:"+port)
	}
	jobsOf := corpus(port, away)
	if len(jobsOf) < 60 {
		t.Errorf("%d forms", len(jobsOf))
	}
	allow := []netip.Prefix{netip.MustParsePrefix(stranger + "/32")}
	runner := func(allow []netip.Prefix) *apirunner.Runner {
		return apirunner.New(apirunner.Options{Control: egress.NewPolicy(allow, nil).Control, Resolver: names(t, zone)})
	}
	guarded := runner(allow)
	for name, j := range jobsOf {
		res := run(t, guarded, j)
		if n := hits.Swap(0); n > 0 {
			t.Errorf("%s: %d hits", name, n)
		}
		switch {
		case name == "control: allowed without a detour":
			if res.Outcome != jobs.Passed {
				t.Errorf("%s: %+v", name, res.Fault)
			}
		case res.Outcome == jobs.Passed:
			t.Errorf("%s: passed, by %s", name, res.Evidence.Response.RemoteAddr)
		case res.Fault.Class == jobs.FaultConnect, res.Fault.Class == jobs.FaultProtocol, res.Fault.Class == jobs.FaultTimeout:
			t.Errorf("%s: was dialled: %+v", name, res.Fault)
		}
	}
	open := runner(append(allow, egress.Private...))
	reached := 0
	for name, j := range jobsOf {
		if elsewhere(name) {
			continue // nobody answers there, which takes its time
		}
		if name == "proxy by SOCKS" {
			j.Check.Timeout = time.Second // the sentinel does not speak it, and waits
		}
		run(t, open, j)
		if hits.Swap(0) > 0 {
			reached++
		} else if strings.HasPrefix(name, "redirect 30") || name == "host 127.0.0.1" || name == "host loopback.example" || six && name == "host [::1]" {
			t.Errorf("%s: did not reach the sentinel where that is allowed", name)
		}
	}
	t.Logf("%d forms; %d reach the sentinel where that is allowed", len(jobsOf), reached)
}

// elsewhere reports whether a form leads out of this machine.
func elsewhere(name string) bool {
	for _, part := range []string{"10.0.0.1", "172.16", "192.168", "198.18", "192.0.0", "100.", "168.63", "fc00", "fe80", "240.", "224."} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// corpus are the jobs that try to reach the sentinel at a port, some by way of
// the stranger.
func corpus(port, away string) map[string]jobs.Job {
	all := map[string]jobs.Job{}
	get := func(name, url string, adapt ...func(*check.Request)) {
		all[name] = job(url, within(20*time.Second), func(_ *check.Check, s *check.APIStep) {
			s.Expect = []string{"status < 500"}
			for _, f := range adapt {
				f(&s.Request)
			}
		})
	}
	for _, h := range hosts {
		get("host "+h, "http://"+h+":"+port+"/")
	}
	detour := func(to string, code int) string {
		return fmt.Sprintf("http://%s:%s/?code=%d&to=%s", stranger, away, code, strings.NewReplacer("%", "%25", "&", "%26", "?", "%3F", "#", "%23").Replace(to))
	}
	sentinel := "http://127.0.0.1:" + port + "/"
	for _, code := range []int{301, 302, 303, 307, 308} {
		get(fmt.Sprint("redirect ", code), detour(sentinel, code))
	}
	for _, to := range []string{
		"//127.0.0.1:" + port + "/", "http://2130706433:" + port + "/", "http://[::1]:" + port + "/", "http://[::ffff:127.0.0.1]:" + port + "/",
		"http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://loopback.example:" + port + "/", "http://good.example@127.0.0.1:" + port + "/",
		"file:///etc/passwd", "gopher://127.0.0.1:" + port + "/", "http:127.0.0.1:" + port, "https://127.0.0.1:" + port + "/",
	} {
		get("redirect to "+to, detour(to, 302))
	}
	get("redirect twice", detour(detour(sentinel, 302), 302))
	get("rebinding on a redirect", "http://rebind.example:"+away+"/?code=302&to=http://rebind.example:"+port+"/")
	get("proxy", "http://good.example:"+away+"/", func(q *check.Request) { q.Proxy = "http://127.0.0.1:" + port })
	get("proxy by SOCKS", "http://good.example:"+away+"/", func(q *check.Request) { q.Proxy = "socks5://127.0.0.1:" + port })
	get("behind a proxy", sentinel, func(q *check.Request) { q.Proxy = "http://" + stranger + ":" + away })
	get("OAuth2", "http://good.example:"+away+"/", func(q *check.Request) {
		q.Auth = &check.Auth{OAuth2: &check.OAuth2{TokenURL: sentinel, ClientID: "x"}}
	})
	get("Host header", sentinel, func(q *check.Request) { q.Headers = map[string]string{"Host": "good.example"} })
	get("IPv6 only", "http://both.example:"+port+"/", func(q *check.Request) { q.IPFamily = 6 })
	get("control: allowed without a detour", fmt.Sprintf("http://%s:%s/?code=200&to=", stranger, away))
	return all
}
