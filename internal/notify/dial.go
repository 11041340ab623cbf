package notify

import (
	"context"
	"crypto/tls"
	"net"
)

// dialTLS dials servers that speak TLS from the first byte.
func (s *sending) dialTLS(host string) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &tls.Dialer{NetDialer: s.dialer, Config: s.tls(host)}
	return d.DialContext
}
