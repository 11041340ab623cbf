package check

import (
	"strings"
	"testing"
	"time"
)

// goodNet are specs of the checks of the network, in the order of [Kinds].
func goodNet() []Spec {
	return []Spec{
		&TCP{Address: "[2001:db8::1]:65535", IPFamily: 6, TLS: &TLSClient{ServerName: "shop.example"}, Send: "PING\r\n", MaxBody: MaxMaxBody},
		&DNS{Name: "_sip._tcp.shop.example.", Type: "SRV", Server: "192.0.2.53:53", Protocol: "udp"},
		&TLS{Address: "shop.example:443", IPFamily: 4},
		&ICMP{Host: "fe80::1%eth0", Count: MaxPings},
		&GRPC{Address: "localhost:1", Service: "shop.Orders"},
		&WebSocket{URL: "wss://shop.example:8443/live?a=b", Headers: map[string]string{"Origin": "x"}, Protocols: []string{"chat"}, MaxBody: 1},
		&Heartbeat{Period: MaxPeriod, Grace: MinGrace},
	}
}

func netCheck(s Spec) Check {
	c := Check{ID: "net", Name: "Net", Every: time.Minute, Timeout: time.Second, Locations: []string{"local"}, Spec: s}
	if s.Kind().Jobless() {
		c.Locations = []string{HeartbeatLocation}
	}
	return c
}

// What a heartbeat shares with other checks, and may not say.
func TestHeartbeatFaults(t *testing.T) {
	c := netCheck(&Heartbeat{Period: time.Hour, Grace: time.Minute})
	c.Every, c.Locations, c.Retry = time.Hour, []string{"eu"}, Retry{Strategy: RetryFixed, Base: time.Second, Max: 1, MaxDuration: time.Minute}
	var paths []string
	for _, f := range c.Validate() {
		paths = append(paths, f.Path)
	}
	if got := strings.Join(paths, " "); got != "locations retry every" {
		t.Errorf("faults of %s", got)
	}
}

func TestGoodNetChecksHaveNoFaults(t *testing.T) {
	for _, s := range goodNet() {
		if fs := netCheck(s).Validate(); fs != nil {
			t.Errorf("%s: %v", s.Kind(), fs)
		}
	}
}

// Each change is one fault, no more, where it is written.
func TestEachFaultOfNetChecksOnce(t *testing.T) {
	for want, s := range map[string]Spec{
		"tcp.address":            &TCP{MaxBody: 1},
		"tcp.max_body":           &TCP{Address: "a:1"},
		"tcp.ip_family":          &TCP{Address: "a:1", MaxBody: 1, IPFamily: 46},
		"tcp.tls.server_name":    &TCP{Address: "a:1", MaxBody: 1, TLS: &TLSClient{ServerName: "a:1"}},
		"tcp.send":               &TCP{Address: "a:1", MaxBody: 1, Send: "\x00"},
		"tcp.until":              &TCP{Address: "a:1", MaxBody: 1, Until: "\xff"},
		"dns.name":               &DNS{Name: strings.Repeat("a", 64), Type: "A", Protocol: "udp"},
		"dns.type":               &DNS{Name: "a", Type: "AXFR", Protocol: "udp"},
		"dns.server":             &DNS{Name: "a", Type: "A", Protocol: "udp", Server: "192.0.2.1"},
		"dns.protocol":           &DNS{Name: "a", Type: "A", Protocol: "UDP"},
		"tls.address":            &TLS{Address: "a:0"},
		"tls.server_name":        &TLS{Address: "a:1", TLSClient: TLSClient{ServerName: "a/b"}},
		"icmp.host":              &ICMP{Host: "a:1", Count: 1},
		"icmp.count":             &ICMP{Host: "a"},
		"grpc.address":           &GRPC{Address: "http://a"},
		"grpc.service":           &GRPC{Address: "a:1", Service: "\x00"},
		"websocket.url":          &WebSocket{URL: "http://a", MaxBody: 1},
		`websocket.headers["a"]`: &WebSocket{URL: "ws://a", MaxBody: 1, Headers: map[string]string{"a": "\x00"}},
		"websocket.protocols[1]": &WebSocket{URL: "ws://a", MaxBody: 1, Protocols: []string{"a", "\x00"}},
		"expect[0]":              &GRPC{Address: "a:1", Lines: Lines{Expect: []string{"\x00"}}},
		"degraded[0]":            &ICMP{Host: "a", Count: 1, Lines: Lines{Degraded: []string{"\x00"}}},
		"websocket.max_body":     &WebSocket{URL: "ws://a", MaxBody: MaxMaxBody + 1},
	} {
		if fs := netCheck(s).Validate(); len(fs) != 1 || fs[0].Path != want {
			t.Errorf("%s: %v", want, fs)
		}
	}
}
