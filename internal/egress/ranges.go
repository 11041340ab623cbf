package egress

import "net/netip"

// span is a range of addresses with the words that people know it by.
type span struct {
	prefix netip.Prefix
	words  string
}

// guarded ranges stay shut unless they are named exactly or narrower: from
// these addresses a cloud hands its credentials to whoever asks.
var guarded = []span{
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "instance metadata of AWS"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "instance metadata of Google Cloud"},
	{netip.MustParsePrefix("168.63.129.16/32"), "host services of Azure"},
	{netip.MustParsePrefix("100.100.100.200/32"), "instance metadata of Alibaba Cloud"},
	{netip.MustParsePrefix("192.0.0.192/32"), "instance metadata of Oracle Cloud"},
}

// known finds words for what is not public; the first that contains an
// address names it.
var known = []span{
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("0.0.0.0/32"), "unspecified"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by carriers (RFC 6598)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "NAT64"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
	{netip.MustParsePrefix("2001::/32"), "Teredo"},
}

// describe finds words for an address that is not public.
func describe(addr netip.Addr) string {
	for _, s := range known {
		if s.prefix.Contains(addr) {
			return s.words
		}
	}
	return "not a public address"
}

// carriers are the IPv6 ranges that carry an IPv4 address, with its offset in
// bytes: RFC 6052 and RFC 8215 (with the usual /96), RFC 3056, and the
// IPv4-compatible addresses of RFC 4291.
var carriers = []struct {
	prefix netip.Prefix
	offset int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

// embedded is the IPv4 address to which an IPv6 address leads, where it is one
// of that sort.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() || addr == netip.IPv6Loopback() {
		return netip.Addr{}, false
	}
	bytes := addr.As16()
	for _, c := range carriers {
		if c.prefix.Contains(addr) {
			return netip.AddrFrom4([4]byte(bytes[c.offset : c.offset+4])), true
		}
	}
	return netip.Addr{}, false
}
