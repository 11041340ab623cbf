package netrunner_test

import (
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// Where the kernel lets nobody ping, that is ours and says what to do.
func TestPing(t *testing.T) {
	res := run(t, netrunner.Options{}, &check.ICMP{
		Lines: expecting("connected", "loss == 0", "sent == 2", "received == 2", "time.min > 0s", "time.min <= time.avg && time.avg <= time.max", "ip == '127.0.0.1'"),
		Host:  "127.0.0.1", Count: 2,
	})
	if res.Outcome == jobs.Inconclusive {
		if res.Fault.Class != jobs.FaultInternal || !strings.Contains(res.Fault.Message, "ping_group_range") {
			t.Errorf("fault %+v", res.Fault)
		}
		t.Log("this kernel lets us not ping: ", res.Fault.Message)
		return
	}
	wantPassed(t, res)
	if r := res.Evidence.Response; r == nil || r.Proto != "icmp" || !strings.HasPrefix(r.Excerpt, "2 of 2 pings were answered") {
		t.Errorf("evidence %+v", r)
	}
	wantPassed(t, run(t, netrunner.Options{}, &check.ICMP{Host: "localhost", IPFamily: 4, Count: 1}))
}

// 198.51.100.0/24 is for documentation (RFC 5737): nobody answers, or there is
// no way to it.
func TestPingWithoutAnswer(t *testing.T) {
	silent := &check.ICMP{Host: "198.51.100.1", Count: 2}
	res := runFor(t, netrunner.Options{}, silent, 400*time.Millisecond)
	if res.Outcome == jobs.Inconclusive { // as TestPing looks at
		t.Log("this kernel lets us not ping: ", res.Fault.Message)
		return
	}
	if res.Outcome != jobs.Failed || res.Fault.Class != jobs.FaultConnect && res.Fault.Class != jobs.FaultTimeout || !strings.Contains(res.Fault.Message, "198.51.100.1") {
		t.Errorf("%s %+v", res.Outcome, res.Fault)
	}
	silent.Lines = expecting("not connected", "loss == 100")
	wantPassed(t, runFor(t, netrunner.Options{}, silent, 400*time.Millisecond))
	wantFault(t, run(t, netrunner.Options{}, &check.ICMP{Host: "no-such-host.invalid", Count: 1}), jobs.FaultDNS, "no-such-host.invalid")
}
