package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// shoutrrr hands the message to one of the services that the library of that
// name knows. The library dials by itself: addresses are judged before it is
// asked, once, by the names in the URL; see docs/alerts.md.
func (s *sending) shoutrrr(ctx context.Context, address string) error {
	filled := s.fill(address)
	if err := s.complete(); err != nil {
		return err
	}
	s.hidden.Add(filled)
	if err := s.reachable(ctx, filled); err != nil {
		return err
	}
	router, err := shoutrrr.CreateSender(filled)
	if err != nil {
		return fmt.Errorf("the shoutrrr address is not usable: %s", s.hidden.Hide(rootOf(err).Error()))
	}
	done := make(chan error, 1)
	go func() {
		params := types.Params{}
		params.SetTitle(oneLine(s.m.Title, 200))
		done <- errors.Join(router.Send(plain(s.m), &params)...)
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("sending by shoutrrr: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("sending by shoutrrr: %w", context.Cause(ctx))
	}
}

// rootOf is the innermost error: those around it quote the whole address.
func rootOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// reachable judges the addresses behind every host in a shoutrrr URL: of the URL
// itself, and of those that it carries in its query. What does not resolve is no
// host but an id, such as that of a channel.
func (s *sending) reachable(ctx context.Context, address string) error {
	if s.o.Control == nil {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the shoutrrr address is not usable: it is no URL")
	}
	hosts := []string{u.Hostname()}
	for _, values := range u.Query() {
		for _, v := range values {
			if inner, err := url.Parse(v); err == nil && inner.Hostname() != "" {
				hosts = append(hosts, inner.Hostname())
			} else if strings.Contains(v, ".") {
				hosts = append(hosts, v)
			}
		}
	}
	for _, h := range hosts {
		for _, ip := range lookUp(ctx, h) {
			if err := s.o.Control("tcp", net.JoinHostPort(ip.String(), "443"), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func lookUp(ctx context.Context, host string) []netip.Addr {
	if host == "" || strings.ContainsAny(host, " /") {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return found
}
