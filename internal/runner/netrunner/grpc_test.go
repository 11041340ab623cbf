package netrunner_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
)

// healthServer serves gRPC until the test ends; register adds its services.
func healthServer(t *testing.T, register func(*grpc.Server), o ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(o...)
	register(s)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return l.Addr().String()
}

func healthy(s *grpc.Server) {
	h := health.NewServer()
	h.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
}

func TestGRPCHealth(t *testing.T) {
	address := healthServer(t, healthy)
	res := run(t, netrunner.Options{UserAgent: "probefleet/test"}, &check.GRPC{Lines: expecting("status == 'SERVING'", "time.first_byte > 0s", "ip == '127.0.0.1'"), Address: address})
	wantPassed(t, res)
	if r := res.Evidence.Response; r == nil || r.Proto != "grpc" || r.Excerpt != "SERVING" || r.RemoteAddr != address {
		t.Errorf("evidence %+v", r)
	}
	wantFault(t, run(t, netrunner.Options{}, &check.GRPC{Address: address, Service: "shop.Orders"}), jobs.FaultAssertion, `status == 'SERVING' (got "NOT_SERVING")`)
	wantFault(t, run(t, netrunner.Options{}, &check.GRPC{Address: address, Service: "no.Such"}), jobs.FaultAssertion, `"SERVICE_UNKNOWN"`)
}

func TestGRPCOverTLS(t *testing.T) {
	a := newAuthority(t)
	address := healthServer(t, healthy, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{a.leaf(t, time.Now().AddDate(0, 0, 30))}})))
	spec := &check.GRPC{Lines: expecting("status == 'SERVING'", "tls.days_left == 29"), Address: address, TLS: &check.TLSClient{ServerName: "shop.example"}}
	wantPassed(t, run(t, netrunner.Options{RootCAs: a.pool()}, spec))
	wantFault(t, run(t, netrunner.Options{}, spec), jobs.FaultTLS, "signed by an unknown authority")
	wantFault(t, run(t, netrunner.Options{}, &check.GRPC{Address: address}), jobs.FaultProtocol)
}

// slow answers when its caller has left.
type slow struct {
	healthpb.UnimplementedHealthServer
}

func (slow) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestGRPCFaults(t *testing.T) {
	wantFault(t, run(t, netrunner.Options{}, &check.GRPC{Address: closedPort(t)}), jobs.FaultConnect, "refused")
	wantFault(t, run(t, netrunner.Options{}, &check.GRPC{Address: "no-such-host.invalid:80"}), jobs.FaultDNS, "no-such-host.invalid")
	without := healthServer(t, func(*grpc.Server) {})
	wantFault(t, run(t, netrunner.Options{}, &check.GRPC{Address: without}), jobs.FaultProtocol, "does not serve grpc.health.v1.Health")
	hangs := healthServer(t, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, slow{}) })
	wantFault(t, runFor(t, netrunner.Options{}, &check.GRPC{Address: hangs}, time.Second), jobs.FaultTimeout, hangs+" had not answered")
	silent := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	wantFault(t, runFor(t, netrunner.Options{}, &check.GRPC{Address: silent}, time.Second), jobs.FaultTimeout)
	http := listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n") })
	wantFault(t, runFor(t, netrunner.Options{}, &check.GRPC{Address: http}, 5*time.Second), jobs.FaultProtocol)
}
