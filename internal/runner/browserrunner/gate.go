package browserrunner

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/probefleet/probefleet/internal/egress/socks"
	"github.com/probefleet/probefleet/internal/jobs"
)

// A browser has one way out: a SOCKS5 server of its own in this process, on a
// port of loopback that is drawn at each start, which dials through the egress
// policy. Every protocol of every page, popup, frame and worker takes it; see
// decision 10. These flags leave no other:
//
//   - without <-loopback> loopback and link-local addresses would be dialled
//     directly;
//   - what is to be resolved in the browser itself (dns-prefetch, a protocol
//     that does not ask for proxies) is not found;
//   - WebRTC sends no datagram, and so does nobody else without QUIC.
func gateFlags(g *socks.Server) []string {
	return []string{
		"--proxy-server=socks5://" + g.Addr(),
		"--proxy-bypass-list=<-loopback>",
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
		"--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
		"--webrtc-ip-handling-policy=disable_non_proxied_udp",
		"--disable-quic",
	}
}

// openGate opens the way out of one browser.
func openGate(ctx context.Context, control socks.Control) (*socks.Server, error) {
	return socks.Listen(ctx, control)
}

// webAddress reports whether a page may be opened at rawURL: file:, ftp:,
// chrome:, view-source: and their like are not the web.
func webAddress(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// strayed reports whether a document is at an address that no page of the web
// leads to: then something got past the browser's own rules.
func strayed(rawURL string) bool {
	scheme, _, _ := strings.Cut(rawURL, ":")
	switch strings.ToLower(scheme) {
	case "http", "https", "about", "data", "blob", "":
		return false
	}
	return !strings.HasPrefix(rawURL, errorPage)
}

// errorPage is where the browser itself says that it could not open a page.
const errorPage = "chrome-error:"

// trueCode is the network error of rawURL as it would be without the way out
// between: the browser knows only that SOCKS did not connect. denied is the
// policy's own word, nil where it does not forbid the destination.
func (b *chromium) trueCode(rawURL, code string) (_ string, denied error) {
	if b.gate == nil || !strings.Contains(code, "ERR_SOCKS_CONNECTION_") {
		return code, nil
	}
	why := b.gate.Why(destination(rawURL))
	refusal, dns, timeout := new(socks.DeniedError), new(net.DNSError), net.Error(nil)
	switch {
	case why == nil:
		return "ERR_CONNECTION_FAILED", nil
	case errors.As(why, &refusal):
		return "ERR_NETWORK_ACCESS_DENIED", refusal.Err
	case errors.As(why, &dns):
		return "ERR_NAME_NOT_RESOLVED", nil
	case errors.Is(why, syscall.ECONNREFUSED):
		return "ERR_CONNECTION_REFUSED", nil
	case errors.Is(why, syscall.ECONNRESET):
		return "ERR_CONNECTION_RESET", nil
	case errors.Is(why, syscall.EHOSTUNREACH), errors.Is(why, syscall.ENETUNREACH):
		return "ERR_ADDRESS_UNREACHABLE", nil
	case errors.As(why, &timeout) && timeout.Timeout():
		return "ERR_CONNECTION_TIMED_OUT", nil
	case errors.Is(why, syscall.EMFILE), errors.Is(why, syscall.ENFILE), errors.Is(why, syscall.EADDRNOTAVAIL):
		return "ERR_INSUFFICIENT_RESOURCES", nil
	}
	return "ERR_CONNECTION_FAILED", nil
}

// destination is host and port of a URL.
func destination(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// netError puts a network error of the browser ("net::ERR_…") into words.
func (b *chromium) netError(rawURL, text string) *stepError {
	code, denied := b.trueCode(rawURL, text)
	if denied != nil {
		return &stepError{class: jobs.FaultEgress, message: denied.Error()}
	}
	return netError(rawURL, code)
}

// plainText is text that names the browser's network error, with the true one
// in its place.
func (b *chromium) plainText(rawURL, text string) string {
	at := strings.Index(text, "ERR_SOCKS_CONNECTION_")
	if at < 0 {
		return text
	}
	end := at
	for end < len(text) && (text[end] == '_' || text[end] >= 'A' && text[end] <= 'Z') {
		end++
	}
	code, denied := b.trueCode(rawURL, text[at:end])
	if denied != nil {
		code += ": " + denied.Error()
	}
	return text[:at] + code + text[end:]
}
