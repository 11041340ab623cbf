package apirunner

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
)

// What a kernel says that has no network, no sockets or a firewall: a test
// cannot bring these about on every machine.
func TestExplainTheKernel(t *testing.T) {
	for errno, want := range map[syscall.Errno]struct {
		class  jobs.FaultClass
		excuse bool
		words  string
	}{
		syscall.ECONNREFUSED:  {jobs.FaultConnect, false, "connection to 192.0.2.1:80 refused"},
		syscall.ETIMEDOUT:     {jobs.FaultConnect, false, "connection to 192.0.2.1:80 timed out"},
		syscall.EHOSTUNREACH:  {jobs.FaultConnect, false, "no route from this location to 192.0.2.1:80"},
		syscall.ENETUNREACH:   {jobs.FaultConnect, false, "no route from this location to 192.0.2.1:80"},
		syscall.EPERM:         {jobs.FaultConnect, false, "a firewall of this location"},
		syscall.ENETDOWN:      {jobs.FaultConnect, false, "no connection to 192.0.2.1:80: connect: network is down"},
		syscall.EMFILE:        {jobs.FaultInternal, true, "no more sockets"},
		syscall.ENFILE:        {jobs.FaultInternal, true, "no more sockets"},
		syscall.ENOBUFS:       {jobs.FaultInternal, true, "no more sockets"},
		syscall.EADDRNOTAVAIL: {jobs.FaultInternal, true, "no more sockets"},
	} {
		a := newAttempt(New(Options{}), &check.APIStep{}, redact.New(), cookies{}, false)
		a.target = &url.URL{Scheme: "http", Host: "shop.example"}
		a.watch.enter(connecting)
		err := fmt.Errorf("wrapped: %w", &net.OpError{
			Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80},
			Err: os.NewSyscallError("connect", errno),
		})
		got := a.explain(err)
		if got.class != want.class || got.excuse != want.excuse || !strings.Contains(got.message, want.words) {
			t.Errorf("%v: got %+v, want %+v", errno, *got, want)
		}
	}
}
