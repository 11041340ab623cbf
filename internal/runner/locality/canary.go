package locality

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// lookupBudget and reachBudget bound the two halves of one question.
	lookupBudget = 2 * time.Second
	reachBudget  = 3 * time.Second
	// maxAddrs is how many addresses of a name are tried at once.
	maxAddrs = 4
)

// Canary is a target that says whether the location itself is well: a host
// and port that accepts connections, or a URL that answers whatever it may.
type Canary struct {
	text       string
	host, port string
	ip         netip.Addr // valid where host is an address
	url        *url.URL   // nil where a connection is enough
}

// ParseCanaries reads a list of canaries, separated by commas: `host:port` is
// connected to, an http or https URL is asked for. An empty list has none.
func ParseCanaries(list string) ([]Canary, error) {
	var cs []Canary
	var faults []error
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		c, err := parseCanary(text)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		cs = append(cs, c)
	}
	return cs, errors.Join(faults...)
}

func parseCanary(text string) (Canary, error) {
	c := Canary{text: text}
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return c, fmt.Errorf("canary %q is no http or https URL; write https://host/, or host:port", text)
		}
		c.url, c.host, c.port = u, u.Hostname(), u.Port()
		if c.port == "" {
			c.port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
	} else {
		var err error
		if c.host, c.port, err = net.SplitHostPort(text); err != nil || c.host == "" {
			return c, fmt.Errorf("canary %q is not host:port; write for example one.one.one.one:443", text)
		}
	}
	if n, err := strconv.ParseUint(c.port, 10, 16); err != nil || n == 0 {
		return c, fmt.Errorf("canary %q: %q is no port; use 1 to 65535", text, c.port)
	}
	if ip, err := netip.ParseAddr(c.host); err == nil {
		c.ip = ip
	}
	return c, nil
}

// Named reports whether the canary is asked by a name, so that it says
// something about the location's DNS too.
func (c Canary) Named() bool { return !c.ip.IsValid() }

// answer is what a canary says of the location.
type answer int

const (
	answered   answer = iota
	unresolved        // its name does not resolve; its address answers
	silent            // it does not answer, by name or by address
	forbidden         // the egress policy does not let it be asked: no vote
)

// asker asks canaries. It remembers the addresses at which each answered by
// name, so that it can be asked without DNS later.
type asker struct {
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dialer *net.Dialer

	mu    sync.Mutex
	known map[string][]netip.Addr // by host
}

func newAsker(resolver *net.Resolver, control func(network, address string, c syscall.RawConn) error) *asker {
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	return &asker{
		lookup: resolver.LookupNetIP,
		dialer: &net.Dialer{KeepAlive: -1, Control: guarded(control)},
		known:  map[string][]netip.Addr{},
	}
}

// ask asks one canary, by name and, where that does not resolve, at the
// addresses that it had.
func (a *asker) ask(ctx context.Context, c Canary) answer {
	if !c.Named() {
		return verdictOf(a.reach(ctx, c, []netip.Addr{c.ip}))
	}
	addrs, err := a.resolve(ctx, c.host)
	if err == nil {
		got := verdictOf(a.reach(ctx, c, addrs))
		if got == answered {
			a.mu.Lock()
			a.known[c.host] = addrs
			a.mu.Unlock()
		}
		return got
	}
	a.mu.Lock()
	addrs = a.known[c.host]
	a.mu.Unlock()
	if len(addrs) > 0 && a.reach(ctx, c, addrs) == nil {
		return unresolved
	}
	return silent
}

func (a *asker) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupBudget)
	defer cancel()
	addrs, err := a.lookup(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("no address for %q", host)
	}
	return addrs[:min(len(addrs), maxAddrs)], err
}

// reach is nil where one of the addresses accepts a connection and, for a URL,
// answers over it. Any status is an answer; a certificate that is not the
// host's is somebody else's.
func (a *asker) reach(ctx context.Context, c Canary, addrs []netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, reachBudget)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return a.dialAny(ctx, addrs, c.port) }
	if c.url == nil {
		conn, err := dial(ctx, "", "")
		if err != nil {
			return err
		}
		return conn.Close()
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, c.url.String(), nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// dialAny dials all addresses at once and keeps the first connection.
func (a *asker) dialAny(ctx context.Context, addrs []netip.Addr, port string) (net.Conn, error) {
	type dialled struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := make(chan dialled, len(addrs))
	for _, ip := range addrs {
		go func() {
			conn, err := a.dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip.Unmap().String(), port))
			all <- dialled{conn, err}
		}()
	}
	var first net.Conn
	var errs []error
	for range addrs {
		d := <-all
		switch {
		case d.err != nil:
			errs = append(errs, d.err)
		case first == nil:
			first = d.conn
			cancel() // the others are not wanted any more
		default:
			_ = d.conn.Close()
		}
	}
	if first != nil {
		return first, nil
	}
	return nil, errors.Join(errs...)
}

// forbiddenError marks what the egress policy said.
type forbiddenError struct{ error }

func (e forbiddenError) Unwrap() error { return e.error }

func guarded(control func(network, address string, c syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	if control == nil {
		return nil
	}
	return func(network, address string, c syscall.RawConn) error {
		if err := control(network, address, c); err != nil {
			return forbiddenError{err}
		}
		return nil
	}
}

func verdictOf(err error) answer {
	var denied forbiddenError
	switch {
	case err == nil:
		return answered
	case errors.As(err, &denied):
		return forbidden
	}
	return silent
}
