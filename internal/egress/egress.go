// Package egress decides which addresses a location may dial. It owns the
// list of ranges that are not the public internet, and the addresses at which
// clouds hand out credentials. It judges addresses only, after resolution and
// at every dial; it refuses to know names, ports and protocols.
package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// Private holds loopback and the private ranges of RFC 1918 and RFC 4193: what
// a self-hosted location usually opens.
var Private = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"),
}

// ParsePrefixes reads a list of addresses and ranges (CIDR), by commas; empty
// gives none.
func ParsePrefixes(list string) ([]netip.Prefix, error) {
	var ps []netip.Prefix
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if a, err := netip.ParseAddr(part); err == nil {
			ps = append(ps, netip.PrefixFrom(a.WithZone(""), a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a range such as 10.0.0.0/8 or fd00::/8", part)
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// DeniedError says that an address may not be dialled.
type DeniedError struct {
	Addr netip.Addr
	// Reason says what the address is, in a few words.
	Reason string
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("egress policy of this location forbids %s: %s", e.Addr, e.Reason)
}

// Policy judges addresses. It is safe for concurrent use. The zero value lets
// public addresses pass and nothing else.
type Policy struct {
	allow, deny []netip.Prefix
}

// NewPolicy lets public addresses pass, and those in allow. An address in
// deny never passes, whatever allow says. The addresses at which clouds hand
// out credentials (169.254.0.0/16, fd00:ec2::/32 and a few more) pass only
// where a prefix of allow lies wholly within such a range: opening
// 0.0.0.0/0 or fc00::/7 does not open them.
//
// IPv4 addresses that are written as IPv6 are judged as what they are: mapped
// (::ffff:a.b.c.d) as the IPv4 address; NAT64 and 6to4, where allow opens
// them at all, by the address inside too.
func NewPolicy(allow, deny []netip.Prefix) *Policy {
	return &Policy{allow: plain(allow), deny: plain(deny)}
}

// Control is for [net.Dialer.Control]: it judges the address that is about to
// be dialled, and denies whatever is not TCP or UDP.
func (p *Policy) Control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") && !strings.HasPrefix(network, "udp") {
		return &DeniedError{Reason: fmt.Sprintf("%s %q is neither TCP nor UDP", network, address)}
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &DeniedError{Reason: fmt.Sprintf("%q is not an address with a port", address)}
	}
	return p.Check(to.Addr())
}

// Check is nil where addr may be dialled, else a *[DeniedError].
func (p *Policy) Check(addr netip.Addr) error {
	if reason := p.judge(addr.Unmap().WithZone("")); reason != "" {
		return &DeniedError{Addr: addr, Reason: reason}
	}
	return nil
}

// judge says why addr may not be dialled, or "".
func (p *Policy) judge(addr netip.Addr) string {
	if !addr.IsValid() {
		return "not an address"
	}
	if within(p.deny, addr) {
		return "on the location's deny list"
	}
	for _, g := range guarded {
		if g.prefix.Contains(addr) && !p.named(g.prefix, addr) {
			return g.words
		}
	}
	if !within(p.allow, addr) {
		if public.SafeAddr(addr) == nil {
			return ""
		}
		return describe(addr)
	}
	if inner, ok := embedded(addr); ok {
		if reason := p.judge(inner); reason != "" {
			return fmt.Sprintf("it leads to %s, %s", inner, reason)
		}
	}
	return ""
}

// named reports whether allow names addr by a prefix that is no wider than
// the guarded range.
func (p *Policy) named(guard netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(p.allow, func(a netip.Prefix) bool {
		return a.Contains(addr) && a.Bits() >= guard.Bits()
	})
}

// public holds the special-purpose registries of IANA. Its denied prefixes
// are what we go by; our own table only finds words for them.
var public = ssrf.New(ssrf.WithAnyNetwork(), ssrf.WithAnyPort())

// plain writes prefixes of IPv4-mapped addresses as IPv4 and clears host bits.
func plain(ps []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(ps))
	for _, p := range ps {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

func within(ps []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(addr) })
}
