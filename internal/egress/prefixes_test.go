package egress

import (
	"net/netip"
	"testing"
)

// The lists of a location say what may be reached, and what may not whatever
// else is said.
func TestListsOfALocation(t *testing.T) {
	allow, err := ParsePrefixes(" 10.0.0.0/8, 192.168.1.7 ,fd00:1::/32,,169.254.169.254")
	if err != nil {
		t.Fatal(err)
	}
	deny, err := ParsePrefixes("10.1.0.0/16,93.184.216.34")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPolicy(allow, deny)
	for addr, want := range map[string]bool{
		"10.2.3.4": true, "10.1.3.4": false, "192.168.1.7": true, "192.168.1.8": false, "fd00:1::9": true, "fd00:2::9": false,
		"93.184.216.34": false, "93.184.216.35": true, "169.254.169.254": true, "169.254.169.253": false, "::ffff:10.1.3.4": false, "::ffff:10.2.3.4": true,
	} {
		if got := p.Check(netip.MustParseAddr(addr)) == nil; got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	for _, bad := range []string{"10.0.0.0/40", "example.com", "10.0.0.0-10.0.0.9"} {
		if _, err := ParsePrefixes(bad); err == nil {
			t.Errorf("%s is taken for a range", bad)
		}
	}
}
