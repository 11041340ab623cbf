package netrunner

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// pingWait is how long one echo is waited for, where the timeout leaves as
	// much for each.
	pingWait = time.Second
	// pingApart is the time from an answer to the next request.
	pingApart = 50 * time.Millisecond
)

// icmp sends echo requests, one after the other.
func (a *attempt) icmp(ctx context.Context, s *check.ICMP) error {
	to, err := a.resolve(ctx, s.Host, s.IPFamily)
	if err != nil {
		return err
	}
	if a.runner.control != nil {
		if err := a.runner.control("udp", net.JoinHostPort(to.String(), "0"), nil); err != nil {
			return err
		}
	}
	p, err := openPinger(ctx, to)
	if err != nil {
		return err
	}
	defer func() { _ = p.conn.Close() }()
	a.kept.Proto = "icmp"
	a.clock.enter(waiting)
	var all []time.Duration
	var last error
	for seq := range s.Count {
		wait := pingWait
		if deadline, ok := ctx.Deadline(); ok {
			wait = min(wait, time.Until(deadline)/time.Duration(s.Count-seq))
		}
		a.seen.Sent++
		took, err := p.ping(ctx, seq, wait)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			last = err
		default:
			all = append(all, took)
			a.seen.Received++
		}
		if seq < s.Count-1 && err == nil {
			pause(ctx, pingApart)
		}
	}
	a.remote = &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}
	return a.echoed(all, last)
}

// echoed keeps what the answers took, or says that there were none.
func (a *attempt) echoed(all []time.Duration, last error) error {
	a.kept.Excerpt = fmt.Sprintf("%d of %d pings were answered\n", a.seen.Received, a.seen.Sent)
	if len(all) == 0 {
		f := &fault{class: jobs.FaultConnect, silence: true, message: fmt.Sprintf("%s did not answer %d pings", a.target, a.seen.Sent)}
		if last != nil && !isTimeout(last) {
			f.message += ": " + last.Error()
		}
		return f
	}
	t := &a.seen.Time
	t.Min = all[0]
	var sum time.Duration
	for _, d := range all {
		t.Min, t.Max = min(t.Min, d), max(t.Max, d)
		sum += d
	}
	t.Avg = sum / time.Duration(len(all))
	a.seen.Connected = true
	a.kept.Excerpt += fmt.Sprintf("min %s, avg %s, max %s\n", t.Min, t.Avg, t.Max)
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// resolve finds the address of a host, of IPv4 where it has both.
func (a *attempt) resolve(ctx context.Context, host string, family int) (netip.Addr, error) {
	network := "ip"
	if family != 0 {
		network += strconv.Itoa(family)
	}
	a.clock.enter(resolving)
	resolver := a.runner.o.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	found, err := resolver.LookupNetIP(ctx, network, host)
	a.clock.enter(connecting)
	if err != nil {
		a.clock.enter(resolving)
		return netip.Addr{}, err
	}
	if len(found) == 0 {
		return netip.Addr{}, &net.DNSError{Name: host, IsNotFound: true}
	}
	best := found[0].Unmap()
	for _, f := range found {
		if f = f.Unmap(); f.Is4() && !best.Is4() {
			best = f
		}
	}
	return best, nil
}

// pinger is an open socket for echo requests to one address.
type pinger struct {
	conn  *icmp.PacketConn
	to    net.Addr
	v6    bool
	id    int
	raw   bool
	token []byte
}

// openPinger opens a ping socket, which needs no privilege where the kernel
// allows it, else a raw socket, which needs one. Where neither is possible that
// is ours.
func openPinger(ctx context.Context, to netip.Addr) (*pinger, error) {
	p := &pinger{v6: to.Is6(), id: rand.IntN(1 << 16), token: make([]byte, 16)}
	binary.BigEndian.PutUint64(p.token, rand.Uint64())
	binary.BigEndian.PutUint64(p.token[8:], rand.Uint64())
	network, raw, any := "udp4", "ip4:icmp", "0.0.0.0"
	if p.v6 {
		network, raw, any = "udp6", "ip6:ipv6-icmp", "::"
	}
	var err error
	p.to = &net.UDPAddr{IP: to.AsSlice(), Zone: to.Zone()}
	if p.conn, err = icmp.ListenPacket(network, any); err != nil {
		var rawErr error
		if p.conn, rawErr = icmp.ListenPacket(raw, any); rawErr != nil {
			return nil, ours(fmt.Sprintf("this worker may not ping (%v): let its group do so by the sysctl net.ipv4.ping_group_range, or give it CAP_NET_RAW", err))
		}
		p.raw, p.to = true, &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}
	}
	context.AfterFunc(ctx, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })
	return p, nil
}

// ping sends one echo request and waits for its answer.
func (p *pinger) ping(ctx context.Context, seq int, wait time.Duration) (time.Duration, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: p.id, Seq: seq, Data: p.token}}
	if p.v6 {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	packet, err := m.Marshal(nil)
	if err != nil {
		return 0, fmt.Errorf("writing an echo request: %w", err)
	}
	start := time.Now()
	if err := p.conn.SetDeadline(start.Add(wait)); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx) // it ended before the deadline was moved
	}
	if _, err := p.conn.WriteTo(packet, p.to); err != nil {
		return 0, reachable(err)
	}
	buf := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return 0, reachable(err)
		}
		if p.answers(buf[:n], seq) {
			return time.Since(start), nil
		}
	}
}

// answers reports whether a packet is the answer to our request. The kernel
// gives a ping socket an id of its own, hence the token.
func (p *pinger) answers(packet []byte, seq int) bool {
	protocol := 1 // ICMP, as IANA numbers it
	if p.v6 {
		protocol = 58
	}
	m, err := icmp.ParseMessage(protocol, packet)
	if err != nil || m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply {
		return false
	}
	echo, ok := m.Body.(*icmp.Echo)
	return ok && echo.Seq == seq && bytes.Equal(echo.Data, p.token)
}

// reachable finds words for what the kernel says of a network.
func reachable(err error) error {
	switch {
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return errors.New("there is no route to it from this location")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return errors.New("a firewall of this location forbids it")
	}
	return err
}
