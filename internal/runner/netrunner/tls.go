package netrunner

import (
	"context"

	"github.com/probefleet/probefleet/internal/check"
)

// tls shakes hands and keeps the certificates.
func (a *attempt) tls(ctx context.Context, s *check.TLS) error {
	c, err := a.dial(ctx, s.Address, s.IPFamily)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	t, err := a.shake(ctx, c, s.TLSClient, s.Address)
	if err != nil {
		return err
	}
	a.kept.Proto = a.kept.TLS.Version
	a.kept.Excerpt = excerpt(chain(t.ConnectionState().PeerCertificates))
	return nil
}
