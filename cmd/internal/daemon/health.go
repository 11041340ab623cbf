package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// AsksHealth reports whether the command line is "health …": the question
// whether the daemon that runs beside is ready, for the health checks of
// containers without a shell.
func AsksHealth(p Process) bool { return len(p.Args) > 0 && p.Args[0] == "health" }

// healthTimeout is more than what all probes of a daemon may take together.
const healthTimeout = 4 * time.Second

// Health asks the daemon called name on this machine whether it is ready. Its
// error, exit code 1, says why it is not. admin is the address where that
// daemon answers by default.
func Health(ctx context.Context, p Process, name, admin string) error {
	f := NewFlags(name+" health", "", "asks the "+name+" that runs here whether it is ready; exits with 1 where it is not", p)
	f.StringVar(&admin, "admin", admin, "address of its /readyz")
	if err := f.Parse(p.Args[1:]); err != nil {
		return err
	}
	at, err := reachable(admin)
	if err != nil {
		return &UsageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/readyz", nil)
	if err != nil {
		return &UsageError{err}
	}
	// The daemon is on this machine: no proxy is asked for it.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the %s: %w", name, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("asking the %s: %w", name, err)
	}
	words := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", words)
	}
	fmt.Fprintln(p.Stdout, words)
	return nil
}

// reachable is where to ask a daemon that listens on addr: one that listens
// everywhere is asked over loopback.
func reachable(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("-admin %q is not HOST:PORT: %w", addr, err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
