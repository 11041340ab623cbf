package browserrunner

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// stepError is a step that did not succeed, in words for people.
type stepError struct {
	class   jobs.FaultClass
	message string
	// ours: the fault is not the target's.
	ours bool
}

func (e *stepError) Error() string { return e.message }

// netWords says what the browser's network errors mean. The first entry whose
// prefix fits is taken; %s is the host.
var netWords = []struct {
	code  string
	class jobs.FaultClass
	ours  bool
	words string
}{
	{"ERR_NAME_NOT_RESOLVED", jobs.FaultDNS, false, "host %s does not resolve: check the name and its DNS records"},
	{"ERR_NAME_RESOLUTION_FAILED", jobs.FaultDNS, false, "host %s does not resolve: check the name and its DNS records"},
	{"ERR_DNS_", jobs.FaultDNS, false, "host %s does not resolve: its DNS answers are not usable"},
	{"ERR_CONNECTION_REFUSED", jobs.FaultConnect, false, "%s refused the connection: check that the service listens on this port"},
	{"ERR_CONNECTION_TIMED_OUT", jobs.FaultConnect, false, "%s did not accept the connection in time: check its firewall and load"},
	{"ERR_ADDRESS_UNREACHABLE", jobs.FaultConnect, false, "%s is unreachable: check its address and routing"},
	{"ERR_ADDRESS_INVALID", jobs.FaultConnect, false, "%s has an address that cannot be dialled"},
	{"ERR_UNSAFE_PORT", jobs.FaultConnect, false, "%s uses a port that browsers refuse: serve it on another"},
	{"ERR_CONNECTION_RESET", jobs.FaultProtocol, false, "%s reset the connection before it answered"},
	{"ERR_CONNECTION_CLOSED", jobs.FaultProtocol, false, "%s closed the connection before it answered"},
	{"ERR_CONNECTION_FAILED", jobs.FaultConnect, false, "%s did not accept the connection: check its address and firewall"},
	{"ERR_CONNECTION_ABORTED", jobs.FaultProtocol, false, "%s broke the connection off"},
	{"ERR_EMPTY_RESPONSE", jobs.FaultProtocol, false, "%s closed the connection without an answer"},
	{"ERR_INVALID_HTTP_RESPONSE", jobs.FaultProtocol, false, "%s does not answer in HTTP"},
	{"ERR_INCOMPLETE_CHUNKED_ENCODING", jobs.FaultProtocol, false, "%s cut its answer off"},
	{"ERR_CONTENT_LENGTH_MISMATCH", jobs.FaultProtocol, false, "%s cut its answer off"},
	{"ERR_CONTENT_DECODING_FAILED", jobs.FaultBody, false, "%s sent a body that does not decode"},
	{"ERR_HTTP_RESPONSE_CODE_FAILURE", jobs.FaultProtocol, false, "%s answered with an error status and an empty page"},
	{"ERR_TOO_MANY_REDIRECTS", jobs.FaultRedirect, false, "%s redirects in a circle"},
	{"ERR_UNSAFE_REDIRECT", jobs.FaultRedirect, false, "%s redirects to an address that is not http or https"},
	{"ERR_INVALID_REDIRECT", jobs.FaultRedirect, false, "%s redirects to an address that is not valid"},
	{"ERR_CERT_DATE_INVALID", jobs.FaultTLS, false, "the certificate of %s has expired, or is not valid yet"},
	{"ERR_CERT_COMMON_NAME_INVALID", jobs.FaultTLS, false, "the certificate of %s is for another name"},
	{"ERR_CERT_AUTHORITY_INVALID", jobs.FaultTLS, false, "the certificate of %s is signed by nobody that is trusted"},
	{"ERR_CERT_", jobs.FaultTLS, false, "the certificate of %s is not valid"},
	{"ERR_SSL_", jobs.FaultTLS, false, "the TLS handshake with %s did not succeed"},
	{"ERR_BAD_SSL_CLIENT_AUTH_CERT", jobs.FaultTLS, false, "%s asks for a client certificate"},
	{"ERR_TIMED_OUT", jobs.FaultTimeout, false, "%s did not answer in time"},
	{"ERR_BLOCKED_BY_", jobs.FaultEgress, false, "opening %s was blocked"},
	{"ERR_ACCESS_DENIED", jobs.FaultEgress, false, "opening %s is not allowed from here"},
	{"ERR_NETWORK_ACCESS_DENIED", jobs.FaultEgress, false, "opening %s is not allowed from here"},
	{"ERR_ABORTED", jobs.FaultProtocol, false, "%s answered without a page: with a download, or with nothing at all"},
	{"ERR_INTERNET_DISCONNECTED", jobs.FaultInternal, true, "this worker has no network (while opening %s)"},
	{"ERR_NETWORK_CHANGED", jobs.FaultInternal, true, "this worker's network changed while opening %s"},
	{"ERR_NETWORK_IO_SUSPENDED", jobs.FaultInternal, true, "this worker was suspended while opening %s"},
	{"ERR_PROXY_", jobs.FaultInternal, true, "this worker's proxy did not let through to %s"},
	{"ERR_TUNNEL_", jobs.FaultInternal, true, "this worker's proxy did not let through to %s"},
	{"ERR_INSUFFICIENT_RESOURCES", jobs.FaultInternal, true, "this worker ran out of resources while opening %s"},
	{"ERR_OUT_OF_MEMORY", jobs.FaultInternal, true, "this worker ran out of memory while opening %s"},
}

// netError puts a network error of the browser ("net::ERR_…") into words.
func netError(rawURL, text string) *stepError {
	host := rawURL
	if u, err := url.Parse(rawURL); err == nil {
		host = u.Host
	}
	code := strings.TrimPrefix(text, "net::")
	for _, w := range netWords {
		if strings.HasPrefix(code, w.code) {
			return &stepError{class: w.class, ours: w.ours, message: fmt.Sprintf(w.words, host) + " (" + code + ")"}
		}
	}
	return &stepError{class: jobs.FaultProtocol, message: fmt.Sprintf("%s could not be opened (%s)", host, code)}
}

// reason says why a step found not what it wanted, where selector is the
// step's and text what was to be shown, filled or part of the URL.
func (f found) reason(selector, text string) string {
	q := fmt.Sprintf("%q", selector)
	switch f.Reason {
	case "none":
		if f.OtherCase {
			return "no element contains " + q + "; the page has that text in other upper and lower case"
		}
		return "no element matches " + q
	case "hidden":
		if f.Matches > 1 {
			return fmt.Sprintf("%d elements match %s, but none is visible", f.Matches, q)
		}
		return q + " is there, but not visible"
	case "invalid":
		return q + " is not a valid selector: " + f.Actual
	case "disabled":
		return fmt.Sprintf("%s is disabled (%s)", q, f.By)
	case "readonly":
		return fmt.Sprintf("%s is read-only (%s)", q, f.By)
	case "moving":
		return q + " does not stand still"
	case "outside":
		return q + " cannot be scrolled into view"
	case "covered":
		if f.By == "" {
			return q + " is not where a mouse could reach it"
		}
		return q + " is covered by " + f.By
	case "field":
		return fmt.Sprintf("%s is no field that can be filled (%s)", q, f.By)
	case "option":
		return fmt.Sprintf("%s has no such option; it has %s", q, f.Actual)
	case "url":
		return fmt.Sprintf("the URL does not contain %q", text)
	case "text":
		where, what := "the page", "it"
		if selector != "" {
			where, what = q, "it"
		}
		if f.Actual == "" {
			return fmt.Sprintf("%s does not contain %q; %s shows no text", where, text, what)
		}
		return fmt.Sprintf("%s does not contain %q; %s says %q", where, text, what, f.Actual)
	}
	return "the page did not do as wanted"
}

// brief writes a duration for people: 5s, 1.2s, 300ms.
func brief(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}
