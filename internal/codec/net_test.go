package codec

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// netSpecs has a spec of each kind of check of the network, every field set.
func netSpecs() map[string]check.Spec {
	lines := check.Lines{Expect: []string{"time.total < 2s"}, Degraded: []string{"time.total < 1s"}}
	secure := &check.TLSClient{ServerName: "shop.example", SkipVerify: true}
	return map[string]check.Spec{
		"tcp":  &check.TCP{Lines: lines, Address: "192.0.2.1:6379", IPFamily: 4, TLS: secure, Send: "PING\r\n", Until: "\n", MaxBody: 1 << 10},
		"dns":  &check.DNS{Lines: lines, Name: "shop.example", Type: "MX", Server: "[2001:db8::53]:53", Protocol: "tcp", IPFamily: 6},
		"tls":  &check.TLS{Lines: lines, Address: "shop.example:443", IPFamily: 6, TLSClient: *secure},
		"icmp": &check.ICMP{Lines: lines, Host: "shop.example", IPFamily: 4, Count: 5},
		"grpc": &check.GRPC{Lines: lines, Address: "shop.example:8443", IPFamily: 4, TLS: secure, Service: "shop.Orders"},
		"websocket": &check.WebSocket{
			Lines: lines, URL: "wss://shop.example/ws", IPFamily: 4, Headers: map[string]string{"Origin": "https://shop.example"},
			Protocols: []string{"chat", "v2"}, SkipVerify: true, Send: `{"ping":1}`, MaxBody: 1 << 20,
		},
		"tcp-templates": &check.TCP{Lines: lines, Address: "192.0.2.1:6379", Send: "AUTH {{ secrets.cache }}\r\n", MaxBody: 1 << 10, Templates: true},
		"websocket-templates": &check.WebSocket{
			Lines: lines, URL: "wss://shop.example/ws?key={{ secrets.key }}", Headers: map[string]string{"Authorization": "Bearer {{ secrets.token }}"},
			Send: `{"at":"{{ now() }}"}`, MaxBody: 1 << 20, Templates: true,
		},
		"heartbeat": &check.Heartbeat{Lines: lines, Period: 365 * 24 * time.Hour, Grace: 90 * time.Minute},
	}
}

func netJobSamples() map[string]jobs.Job {
	all := map[string]jobs.Job{}
	for name, spec := range netSpecs() {
		c := sampleAPI()
		c.ID, c.Spec = "shop-"+name, spec
		j := sampleJob(c)
		j.Reply = 2
		all["kind-"+name] = j
	}
	return all
}

func netResultSamples() map[string]jobs.Result {
	all := map[string]jobs.Result{}
	for name, j := range netJobSamples() {
		r := sampleResult(j.Check)
		r.Timings = jobs.Timings{DNS: time.Millisecond, Connect: 2 * time.Millisecond, Total: 5 * time.Millisecond}
		r.Verdicts = []jobs.Verdict{{Expr: "time.total < 2s", OK: true}, {Expr: "time.total < 1s", Degraded: true, OK: true}}
		r.Evidence.Response = &jobs.Response{Proto: string(j.Check.Kind()), Excerpt: "+PONG\r\n", Size: 7, RemoteAddr: "192.0.2.1:6379"}
		r.Conclude()
		all[name] = r
	}
	return all
}

// Every kind comes back as it was, and version 1 refuses it by name: jobs of
// it, results, and a wish to be answered in version 1.
func TestKindsOfTheNetwork(t *testing.T) {
	known := map[check.Kind]bool{check.KindAPI: true, check.KindBrowser: true}
	for name, want := range netJobSamples() {
		known[want.Check.Kind()] = true
		body, err := EncodeJob(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeJob(body)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
		if JobVersionOf(want.Check) != 2 || ResultVersionOf(want.Check) != 2 {
			t.Errorf("%s may go to workers of version %d, results to recorders of version %d", name, JobVersionOf(want.Check), ResultVersionOf(want.Check))
		}
		early := want
		early.Reply = 1
		_, reply := EncodeJobAt(2, early)
		_, job := EncodeJobAt(1, want)
		_, result := EncodeResultAt(1, netResultSamples()[name])
		for _, err := range []error{reply, job, result} {
			e, ok := errors.AsType[*CannotDowncastError](err)
			if !ok || e.Version != 1 || e.Lost != fmt.Sprintf("the kind %q of its check", want.Check.Kind()) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if version, _, err := EncodeCheck(want.Check); err != nil || version != 2 {
			t.Errorf("%s is stored in version %d, %v", name, version, err)
		}
	}
	for _, k := range check.Kinds {
		if !known[k] {
			t.Errorf("the kind %s has no sample", k)
		}
	}
}

// What version 1 would not know is not read from it either, and a kind needs
// its spec.
func TestKindsOfTheNetworkAreStrict(t *testing.T) {
	body, err := EncodeJob(netJobSamples()["kind-tcp"])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"tcp":{`, `"udp":{`, `data.check.tcp is missing, though kind names it`},
		{`"ip_family":4`, `"ip_family":"4"`, `data.check.tcp.ip_family is a JSON string; it should be a whole number of 64 bits`},
		{`"expect":["`, `"expect":[7,"`, `data.check.tcp.expect is a JSON number; it should be a string`},
		{`"kind":"tcp"`, `"kind":"smtp"`, fmt.Sprintf("data.check.kind is %q; this build knows %q", "smtp", check.Kinds)},
		{`"v":2,"min":2`, `"v":1,"min":1`, `data.check.kind is "tcp"; this build knows ["api" "browser"]`},
	} {
		err := decodeJob(edit(t, body, c.old, c.new))
		if err == nil || err.Error() != "decoding probefleet.job: "+c.want {
			t.Errorf("%s: got %v\nwant %s", c.new, err, c.want)
		}
	}
}
