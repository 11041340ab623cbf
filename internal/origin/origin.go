// Package origin says where a request comes from: its address, what counts as
// one address, and whom our own proxies name. It refuses to believe anybody
// else's headers.
package origin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Address is where a request comes from, without the port.
func Address(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// Network is what counts as one address: all of a site's for IPv6.
func Network(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Is4() || ip.Is4In6() {
		return host
	}
	site, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return site.String()
}

// Networks reads the flag that names proxies: networks and addresses, separated
// by commas or blanks.
func Networks(list string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("-proxies: %q is no network; write it as 10.0.0.0/8", text)
		}
		found = append(found, prefix)
	}
	return found, nil
}

// Proxies has requests that come through one of our own proxies come from
// whom these name: of X-Forwarded-For the last address that is none of them.
func Proxies(own []netip.Prefix, next http.Handler) http.Handler {
	if len(own) == 0 {
		return next
	}
	ours := func(text string) bool {
		ip, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			return false
		}
		for _, p := range own {
			if p.Contains(ip.Unmap().WithZone("")) {
				return true
			}
		}
		return false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ours(Address(r.RemoteAddr)) {
			chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			for i := len(chain) - 1; i >= 0; i-- {
				ip, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
				if err != nil {
					break
				}
				r.RemoteAddr = net.JoinHostPort(ip.Unmap().String(), "0")
				if !ours(chain[i]) {
					break
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}
