package egress_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/egress"
)

func prefixes(words ...string) (ps []netip.Prefix) {
	for _, w := range words {
		ps = append(ps, netip.MustParsePrefix(w))
	}
	return ps
}

func TestPublicOnlyByDefault(t *testing.T) {
	p := egress.NewPolicy(nil, nil)
	for addr, reason := range map[string]string{
		"1.1.1.1":              "",
		"93.184.215.14":        "",
		"172.15.255.255":       "",
		"172.32.0.0":           "",
		"100.63.255.255":       "",
		"2606:4700::1111":      "",
		"2a00:1450:4001::200e": "",
		"::ffff:8.8.8.8":       "",

		"127.0.0.1":                "loopback",
		"127.255.255.254":          "loopback",
		"::1":                      "loopback",
		"::ffff:127.0.0.1":         "loopback",
		"::ffff:7f00:1":            "loopback",
		"0.0.0.0":                  "unspecified",
		"::":                       "unspecified",
		"0.1.2.3":                  "not a public address",
		"10.1.2.3":                 "private",
		"172.16.0.1":               "private",
		"172.31.255.255":           "private",
		"192.168.1.1":              "private",
		"::ffff:192.168.1.1":       "private",
		"fc00::1":                  "private",
		"fd12:3456::1":             "private",
		"100.64.0.1":               "shared by carriers",
		"169.254.169.254":          "link-local",
		"169.254.170.2":            "link-local",
		"::ffff:169.254.169.254":   "link-local",
		"fe80::1":                  "link-local",
		"fe80::1%eth0":             "link-local",
		"fd00:ec2::254":            "metadata of AWS",
		"fd20:ce::254":             "metadata of Google",
		"168.63.129.16":            "Azure",
		"100.100.100.200":          "Alibaba",
		"192.0.0.192":              "Oracle",
		"192.0.0.1":                "not a public address",
		"192.0.2.1":                "not a public address",
		"198.18.0.1":               "not a public address",
		"198.51.100.1":             "not a public address",
		"203.0.113.1":              "not a public address",
		"192.88.99.1":              "not a public address",
		"224.0.0.1":                "multicast",
		"239.255.255.255":          "multicast",
		"240.0.0.1":                "not a public address",
		"255.255.255.255":          "broadcast",
		"ff02::1":                  "multicast",
		"64:ff9b::127.0.0.1":       "NAT64",
		"64:ff9b::8.8.8.8":         "NAT64",
		"64:ff9b:1::a9fe:a9fe":     "NAT64",
		"2002:7f00:1::1":           "6to4",
		"2002:a9fe:a9fe::":         "6to4",
		"2001::1":                  "Teredo",
		"2001:db8::1":              "not a public address",
		"3fff::1":                  "not a public address",
		"::127.0.0.1":              "not a public address",
		"::ffff:0:127.0.0.1":       "not a public address",
		"fec0::1":                  "not a public address",
		"100::1":                   "not a public address",
		"4000::1":                  "not a public address",
		"2620:4f:8000::1":          "not a public address",
		"0:0:0:0:0:ffff:0a00:0001": "private",
	} {
		expect(t, p, addr, reason)
	}
}

func TestAllowedAndDenied(t *testing.T) {
	everything := prefixes("0.0.0.0/0", "::/0")
	for _, row := range []struct {
		name         string
		allow, deny  []netip.Prefix
		addr, reason string
	}{
		{"private opens loopback", egress.Private, nil, "127.0.0.1", ""},
		{"private opens loopback in IPv6", egress.Private, nil, "::1", ""},
		{"private opens mapped loopback", egress.Private, nil, "::ffff:127.0.0.1", ""},
		{"private opens RFC 1918", egress.Private, nil, "192.168.7.7", ""},
		{"private opens unique local", egress.Private, nil, "fd12::1", ""},
		{"private leaves metadata shut", egress.Private, nil, "169.254.169.254", "link-local"},
		{"private leaves metadata in IPv6 shut", egress.Private, nil, "fd00:ec2::254", "metadata"},
		{"private leaves carriers shut", egress.Private, nil, "100.64.0.1", "shared"},
		{"everything leaves metadata shut", everything, nil, "169.254.169.254", "link-local"},
		{"everything leaves mapped metadata shut", everything, nil, "::ffff:a9fe:a9fe", "link-local"},
		{"everything leaves metadata behind NAT64 shut", everything, nil, "64:ff9b::a9fe:a9fe", "leads to 169.254.169.254"},
		{"everything leaves metadata behind local NAT64 shut", everything, nil, "64:ff9b:1::a9fe:a9fe", "leads to 169.254.169.254"},
		{"everything leaves metadata behind 6to4 shut", everything, nil, "2002:a9fe:a9fe::1", "leads to 169.254.169.254"},
		{"everything leaves compatible metadata shut", everything, nil, "::169.254.169.254", "leads to 169.254.169.254"},
		{"everything opens loopback in IPv6", everything, nil, "::1", ""},
		{"a wider range does not name metadata", prefixes("169.0.0.0/8"), nil, "169.254.169.254", "link-local"},
		{"the range itself does", prefixes("169.254.0.0/16"), nil, "169.254.169.254", ""},
		{"so does the address", prefixes("169.254.169.254/32"), nil, "169.254.169.254", ""},
		{"and only that one", prefixes("169.254.169.254/32"), nil, "169.254.169.253", "link-local"},
		{"the address in IPv6", prefixes("fd00:ec2::254/128"), nil, "fd00:ec2::254", ""},
		{"deny beats allow", egress.Private, prefixes("10.0.0.0/8"), "10.1.1.1", "deny list"},
		{"deny beats public", nil, prefixes("93.184.0.0/16"), "93.184.215.14", "deny list"},
		{"deny sees mapped addresses", nil, prefixes("93.184.0.0/16"), "::ffff:93.184.215.14", "deny list"},
		{"deny sees NAT64", prefixes("64:ff9b::/96"), prefixes("93.184.0.0/16"), "64:ff9b::5db8:d70e", "deny list"},
		{"NAT64 of a public address", prefixes("64:ff9b::/96"), nil, "64:ff9b::8.8.8.8", ""},
		{"NAT64 of a private address", prefixes("64:ff9b::/96"), nil, "64:ff9b::10.0.0.1", "leads to 10.0.0.1, private"},
		{"NAT64 of an opened private address", prefixes("64:ff9b::/96", "10.0.0.0/8"), nil, "64:ff9b::10.0.0.1", ""},
		{"prefixes may be written as mapped", prefixes("::ffff:10.0.0.0/104"), nil, "10.2.3.4", ""},
		{"host bits do not matter", prefixes("10.9.9.9/8"), nil, "10.2.3.4", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			expect(t, egress.NewPolicy(row.allow, row.deny), row.addr, row.reason)
		})
	}
}

// expect checks that the policy judges addr, also where it is dialled, with a
// reason that contains the given words; "" means that it passes.
func expect(t *testing.T, p *egress.Policy, addr, reason string) {
	t.Helper()
	for how, err := range map[string]error{
		"Check":   p.Check(netip.MustParseAddr(addr)),
		"Control": p.Control("tcp", net.JoinHostPort(addr, "80"), nil),
	} {
		var denied *egress.DeniedError
		switch {
		case reason == "" && err != nil:
			t.Errorf("%s(%s) = %v, want it to pass", how, addr, err)
		case reason != "" && !errors.As(err, &denied):
			t.Errorf("%s(%s) = %v, want it denied as %q", how, addr, err, reason)
		case reason != "" && !strings.Contains(denied.Reason, reason):
			t.Errorf("%s(%s) is denied as %q, want %q", how, addr, denied.Reason, reason)
		}
	}
}

func TestControlRefusesWhatIsNoAddress(t *testing.T) {
	p := egress.NewPolicy(prefixes("0.0.0.0/0", "::/0"), nil)
	for _, dial := range [][2]string{
		{"unix", "/run/docker.sock"},
		{"ip4:icmp", "8.8.8.8"},
		{"tcp", "8.8.8.8"},
		{"tcp", "example.com:80"},
		{"tcp", ""},
	} {
		var denied *egress.DeniedError
		if err := p.Control(dial[0], dial[1], nil); !errors.As(err, &denied) {
			t.Errorf("Control(%q, %q) = %v, want it denied", dial[0], dial[1], err)
		}
	}
	if err := p.Check(netip.Addr{}); err == nil {
		t.Error("the zero address passes")
	}
}

// The policy sits where names are resolved already: a name that leads to
// loopback is caught.
func TestDialerWithPolicy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())

	shut := net.Dialer{Control: egress.NewPolicy(nil, nil).Control}
	_, err = shut.DialContext(context.Background(), "tcp", "localhost:"+port)
	var denied *egress.DeniedError
	if !errors.As(err, &denied) {
		t.Fatalf("dialling localhost = %v, want it denied", err)
	}
	open := net.Dialer{Control: egress.NewPolicy(egress.Private, nil).Control}
	c, err := open.DialContext(context.Background(), "tcp", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "64:ff9b::a9fe:a9fe", "::ffff:10.0.0.1", "2002::1"} {
		f.Add(netip.MustParseAddr(s).AsSlice())
	}
	everything := egress.NewPolicy(prefixes("0.0.0.0/0", "::/0"), nil)
	metadata := netip.MustParsePrefix("169.254.0.0/16")
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if everything.Check(addr) == nil && metadata.Contains(addr.Unmap()) {
			t.Errorf("%s passes", addr)
		}
		if egress.NewPolicy(nil, nil).Check(addr) == nil && !addr.Unmap().IsGlobalUnicast() {
			t.Errorf("%s passes, yet it is not global unicast", addr)
		}
	})
}
