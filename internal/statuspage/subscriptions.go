package statuspage

import (
	"net/url"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
)

// Subscriptions says how the readers of a page may have themselves told of
// incidents and maintenance. At least one of Email and Webhook is set.
type Subscriptions struct {
	// Email names the e-mail channel whose server, sender and log-in carry the
	// messages; its own receivers get none of them.
	Email string `json:"email,omitempty"`
	// Webhook lets readers give the address of a program.
	Webhook bool `json:"webhook,omitempty"`
	// URL is where readers find the page: links in messages lead there. The first
	// of the page's hosts, by https, where it is empty.
	URL string `json:"url,omitempty"`
}

// Address is where readers find the page, without a slash at its end: what
// messages link to. It is never what a request says that it is, which anybody
// may make up. "" where nothing says it.
func (p Page) Address() string {
	if p.Subscriptions != nil && p.Subscriptions.URL != "" {
		return strings.TrimRight(p.Subscriptions.URL, "/")
	}
	for _, h := range p.Hosts {
		if h != AnyHost {
			return "https://" + h
		}
	}
	return ""
}

func (p Page) subscriptionFaults(add adder) {
	s := p.Subscriptions
	if s == nil {
		return
	}
	if s.Email == "" && !s.Webhook {
		add("subscriptions", "offers no way; write email: with the name of an e-mail channel, webhook: true, or both")
	}
	if s.Email != "" && !check.ValidID(s.Email) {
		add("subscriptions.email", "%q is not the name of a channel; write that of an e-mail channel, whose server and sender are used", s.Email)
	}
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(s.URL) > 300 {
			add("subscriptions.url", "%q is not the address of a page; write https://status.shop.example, or with its path https://example.com/p/shop", s.URL)
		}
	}
	if p.Address() == "" {
		add("subscriptions.url", "is missing; say where readers find the page, as messages link to it, or give the page a host")
	}
}
