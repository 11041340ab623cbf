package netrunner

import (
	"context"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// maxHealth caps the answer to a question for health, and its headers.
const maxHealth = 64 << 10

// grpc asks for the health of a service.
func (a *attempt) grpc(ctx context.Context, s *check.GRPC) error {
	host, _, _ := net.SplitHostPort(s.Address) // validated
	authority := s.Address
	if s.TLS != nil && s.TLS.ServerName != "" {
		authority = s.TLS.ServerName
	}
	client, err := grpc.NewClient("passthrough:///"+s.Address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // the dialler shakes hands
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			return a.gate.pass(func() (net.Conn, error) { return a.dialGRPC(ctx, s) })
		}),
		grpc.WithAuthority(authority), grpc.WithUserAgent(a.runner.o.UserAgent),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(),
		grpc.WithMaxHeaderListSize(maxHealth), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxHealth)))
	if err != nil {
		return ours("no client of gRPC for " + host + ": " + err.Error())
	}
	defer func() { _ = client.Close() }()
	answer, err := healthpb.NewHealthClient(client).Check(ctx, &healthpb.HealthCheckRequest{Service: s.Service})
	a.gate.shut()
	switch {
	case a.dialled != nil:
		return a.dialled
	case err != nil:
		return a.explainGRPC(ctx, s, err)
	}
	a.clock.enter(receiving)
	a.healthy(answer.GetStatus().String())
	return nil
}

func (a *attempt) healthy(status string) {
	a.seen.Status = status
	a.kept.Proto, a.kept.Excerpt = "grpc", status
}

// dialGRPC dials within the attempt, and keeps the error, of which the library
// hands on the text alone. It dials once: what fails then is not tried again.
func (a *attempt) dialGRPC(ctx context.Context, s *check.GRPC) (net.Conn, error) {
	if a.dialled != nil || a.remote != nil {
		return nil, errors.New("the connection was lost")
	}
	c, err := a.dial(ctx, s.Address, s.IPFamily)
	if err != nil || s.TLS == nil {
		return c, err
	}
	t, err := a.shake(ctx, c, *s.TLS, s.Address, "h2")
	if err != nil {
		a.dialled = err
		_ = c.Close()
		return nil, err
	}
	return t, nil
}

// explainGRPC finds words for a call that was not answered with a status.
func (a *attempt) explainGRPC(ctx context.Context, s *check.GRPC, err error) error {
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) {
		<-ctx.Done() // the target, which knows the deadline too, was first by a moment
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // whatever it looks like from the connection
	}
	st := status.Convert(err)
	said := cause.Short(st.Message())
	switch st.Code() {
	case codes.NotFound: // as the protocol says of a service that is not known
		a.healthy("SERVICE_UNKNOWN")
		return nil
	case codes.Unimplemented:
		return theirs(jobs.FaultProtocol, "%s does not serve grpc.health.v1.Health: %s", a.target, said)
	case codes.Unauthenticated, codes.PermissionDenied:
		return theirs(jobs.FaultProtocol, "%s does not let us ask for the health of %q: %s", a.target, s.Service, said)
	case codes.Unavailable:
		return theirs(jobs.FaultProtocol, "%s does not answer in gRPC: %s", a.target, said)
	}
	return theirs(jobs.FaultProtocol, "%s answers %s: %s", a.target, st.Code(), said)
}
