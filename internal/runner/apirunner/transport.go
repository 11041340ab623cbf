package apirunner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// newTransport makes the transport of requests that ask for nothing special.
// network is tcp, tcp4 or tcp6.
func (r *Runner) newTransport(network string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			c, err := r.dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
				trace.GotConn(httptrace.GotConnInfo{Conn: c})
			}
			return newPatientConn(c), nil
		},
		Protocols:              protocols(""),
		TLSClientConfig:        &tls.Config{RootCAs: r.rootCAs},
		MaxIdleConnsPerHost:    -1, // close at the end of the body
		DisableCompression:     true,
		MaxResponseHeaderBytes: MaxHeader,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
			MaxReadFrameSize:              16 << 10,
		},
	}
}

func protocols(version string) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(version != "2")
	p.SetHTTP2(version != "1.1")
	p.SetUnencryptedHTTP2(version == "2")
	return p
}

// transportFor is the transport of a request: the common one, or one of its
// own where it asks for something special.
func (r *Runner) transportFor(q check.Request) (*http.Transport, error) {
	if q.IPFamily == 0 && q.HTTP == "" && q.TLS == nil && q.Proxy == "" {
		return r.transport, nil
	}
	network := "tcp"
	if q.IPFamily != 0 {
		network += strconv.Itoa(q.IPFamily)
	}
	t := r.newTransport(network)
	t.Protocols = protocols(q.HTTP)
	if q.TLS != nil {
		if err := secure(t.TLSClientConfig, q.TLS); err != nil {
			return nil, err
		}
	}
	if q.Proxy != "" {
		u, err := proxyURL(q.Proxy)
		if err != nil {
			return nil, err
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}

// secure applies the check's settings to a TLS configuration.
func secure(c *tls.Config, s *check.TLSSettings) error {
	c.InsecureSkipVerify = s.SkipVerify //nolint:gosec // what the check asks for; its results say so
	c.ServerName = s.ServerName
	if s.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(s.CA)) {
			return ours("the check's tls.ca holds no certificate in PEM: correct it")
		}
	}
	if s.Cert != "" || s.Key != "" {
		pair, err := tls.X509KeyPair([]byte(s.Cert), []byte(s.Key))
		if err != nil {
			return ours("the client's certificate cannot be used: " + err.Error())
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return nil
}

func proxyURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, ours("the check's proxy is not a URL such as http://proxy.example:3128 or socks5://proxy.example:1080: correct it")
	}
	return u, nil
}

// behindProxy judges a target that a proxy will dial in our place: what its
// name stands for here must be allowed here. A name that only the proxy knows
// passes.
func (r *Runner) behindProxy(ctx context.Context, q check.Request, addr string) error {
	if q.Proxy == "" || r.control == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return &fault{class: jobs.FaultDNS, message: fmt.Sprintf("%q is not a host and a port", addr)}
	}
	found, err := r.resolver().LookupNetIP(ctx, "ip", host)
	if err != nil {
		return ctx.Err()
	}
	for _, a := range found {
		to := a.Unmap().String()
		if err := r.control("tcp", net.JoinHostPort(to, port), nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) resolver() *net.Resolver {
	if r.dialer.Resolver != nil {
		return r.dialer.Resolver
	}
	return net.DefaultResolver
}
