package locality

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
)

func TestParseCanaries(t *testing.T) {
	cs, err := ParseCanaries(" one.one.one.one:443, [2606:4700::1111]:53 ,https://example.com/x,http://192.0.2.1:8080/")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cs {
		words := c.host + " " + c.port
		if c.Named() {
			words += " named"
		}
		if c.url != nil {
			words += " " + c.url.Path
		}
		got = append(got, words)
	}
	want := []string{"one.one.one.one 443 named", "2606:4700::1111 53", "example.com 443 named /x", "192.0.2.1 8080 /"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if cs, err := ParseCanaries(""); err != nil || len(cs) != 0 {
		t.Errorf("an empty list: %v, %v", cs, err)
	}
	for _, bad := range []string{"example.com", "ftp://example.com/", "example.com:0", ":443", "https://", "example.com:https"} {
		if _, err := ParseCanaries(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// lab is a location whose names and listeners are ours.
type lab struct {
	asker *asker
	names map[string]string // what resolves
}

func newLab(control func(string, string, syscall.RawConn) error) *lab {
	l := &lab{asker: newAsker(nil, control), names: map[string]string{}}
	l.asker.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if ip, ok := l.names[host]; ok {
			return []netip.Addr{netip.MustParseAddr(ip)}, nil
		}
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	return l
}

func (l *lab) ask(t *testing.T, text string) answer {
	t.Helper()
	c, err := parseCanary(text)
	if err != nil {
		t.Fatal(err)
	}
	return l.asker.ask(t.Context(), c)
}

// One canary over real sockets, in every state of the location.
func TestAsk(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(web.Close)
	addr := web.Listener.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(nil)
	expect := func(when, canary string, want answer) {
		t.Helper()
		if got := l.ask(t, canary); got != want {
			t.Errorf("%s: %s gave %d, want %d", when, canary, got, want)
		}
	}
	expect("no DNS, never asked before", "canary.test:"+port, silent)
	l.names["canary.test"] = "127.0.0.1"
	expect("well", addr, answered)
	expect("well", "http://"+addr+"/", answered)
	expect("well", "canary.test:"+port, answered)
	expect("well", "http://canary.test:"+port+"/", answered)
	expect("plain HTTP is no TLS", "https://"+addr+"/", silent)
	delete(l.names, "canary.test")
	expect("no DNS", addr, answered)
	expect("no DNS", "canary.test:"+port, unresolved)
	expect("no DNS", "http://canary.test:"+port+"/", unresolved)
	web.Close()
	expect("nobody there", addr, silent)
	expect("no DNS and nobody there", "canary.test:"+port, silent)
	l.names["canary.test"] = "127.0.0.1"
	expect("nobody there", "canary.test:"+port, silent)
}

// A canary that accepts and says nothing is given up on.
func TestAskIsBounded(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	began := time.Now()
	if got := newLab(nil).ask(t, "http://"+mute.Addr().String()+"/"); got != silent {
		t.Errorf("gave %d", got)
	}
	if took := time.Since(began); took > reachBudget+10*time.Second {
		t.Errorf("took %s", took)
	}
}

// The egress policy holds for canaries too. One that it forbids has no vote:
// a location that may not ask must not excuse everything.
func TestForbiddenCanariesHaveNoVote(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	public := egress.NewPolicy(nil, nil).Control
	if got := newLab(public).ask(t, listener.Addr().String()); got != forbidden {
		t.Errorf("gave %d", got)
	}
	cs, err := ParseCanaries(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g := NewGuard(Options{Location: "here", Canaries: cs, Control: public})
	r := &Runner{Next: does{class: jobs.FaultConnect}, Guard: g}
	if res := outcomeOf(t, r, &check.API{}); res.Outcome != jobs.Failed {
		t.Errorf("outcome %s: %+v", res.Outcome, res.Fault)
	}
}

func TestACancelledRunIsNotKeptWaiting(t *testing.T) {
	g := NewGuard(Options{Location: "here", Canaries: []Canary{{host: "x", port: "1"}}})
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	g.asker.(*asker).lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		cancel()
		<-returned // until then there is no answer: whoever waited for one would wait for ever
		return nil, errors.New("no answer")
	}
	began := time.Now()
	why := g.explain(ctx, jobs.FaultConnect, began, began)
	close(returned)
	if why != "" {
		t.Errorf("a cancelled run is told %q", why)
	}
}

func TestCount(t *testing.T) {
	byName, byIP := Canary{host: "x"}, Canary{ip: netip.MustParseAddr("192.0.2.1")}
	for _, c := range []struct {
		name         string
		answers      map[answer]int // of canaries that have a name
		ip           []answer
		network, dns bool
	}{
		{"all well", map[answer]int{answered: 3}, nil, false, false},
		{"one of three silent", map[answer]int{answered: 2, silent: 1}, nil, false, false},
		{"two of three silent", map[answer]int{answered: 1, silent: 2}, nil, true, true},
		{"half", map[answer]int{answered: 1, silent: 1}, nil, false, false},
		{"the forbidden do not dilute", map[answer]int{forbidden: 3, silent: 1}, nil, true, true},
		{"the forbidden are not silent", map[answer]int{forbidden: 3, answered: 1}, nil, false, false},
		{"nobody votes", map[answer]int{forbidden: 3}, nil, false, false},
		{"one name says it for DNS", map[answer]int{unresolved: 1}, []answer{answered, answered}, false, true},
		{"addresses say nothing of DNS", nil, []answer{answered, silent, silent}, true, false},
	} {
		var v verdict
		for a, n := range c.answers {
			for range n {
				v.count(byName, a)
			}
		}
		for _, a := range c.ip {
			v.count(byIP, a)
		}
		if v.network.most() != c.network || v.dns.most() != c.dns {
			t.Errorf("%s: network %+v, dns %+v", c.name, v.network, v.dns)
		}
	}
}
