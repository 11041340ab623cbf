package consolecmd

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/origin"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/people/oidcpeople"
)

// People is how people log in to the console.
type People struct {
	// URL is the address by which people reach it, "" where that is the one
	// that they ask for.
	URL string
	// Proxies are the networks of our own proxies, separated by commas.
	Proxies string
	// Idle and Lasts end sessions; 0 is the default.
	Idle, Lasts time.Duration
	OIDC        OIDC

	base    *url.URL
	proxies []netip.Prefix
	mapping people.Mapping
	params  people.Params // of passwords' hashes; zero is the default
}

// OIDC is the identity provider; without an issuer there is none.
type OIDC struct {
	Issuer, Title, Client, Secret string
	Claim, Roles, Domains, Scopes string
}

// callback is where the provider sends people back to.
const callback = "/login/provider"

func (p *People) register(f *daemon.Flags) {
	f.StringVar(&p.URL, "url", "", "address by which people reach the console, such as https://console.example; needed where a proxy ends TLS, and for -oidc-issuer")
	f.StringVar(&p.Proxies, "proxies", "", "networks of your own proxies, such as 10.0.0.0/8, whose X-Forwarded-For is believed")
	f.DurationVar(&p.Idle, "session-idle", people.DefaultIdle, "time without use after which a person's session ends")
	f.DurationVar(&p.Lasts, "session-lasts", people.DefaultLasts, "time after which it ends in any case")
	f.StringVar(&p.OIDC.Issuer, "oidc-issuer", "", "address of an OpenID Connect provider by which people may log in; it has to know URL"+callback+" as a redirect")
	f.StringVar(&p.OIDC.Title, "oidc-title", "", "what people call the provider; its host where empty")
	f.StringVar(&p.OIDC.Client, "oidc-client", "probefleet", "the console's client id there")
	f.Secret(&p.OIDC.Secret, "PROBEFLEET_OIDC_SECRET")
	f.StringVar(&p.OIDC.Scopes, "oidc-scopes", "", "scopes that are asked for besides openid, email and profile, separated by commas")
	f.StringVar(&p.OIDC.Claim, "oidc-claim", "groups", "claim by whose values roles are given; a path with dots where it is within others")
	f.StringVar(&p.OIDC.Roles, "oidc-roles", "", "roles by value, such as ops=editor,leads=admin,*=viewer; nobody without a role comes in")
	f.StringVar(&p.OIDC.Domains, "oidc-domains", "", "domains of the verified addresses that may come in, separated by commas; all where empty")
	f.Check(p.parse)
}

// parse reads what is written in texts; every fault is reported.
func (p *People) parse() error {
	var faults []error
	if p.URL != "" {
		base, err := url.Parse(p.URL)
		if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || strings.Trim(base.Path, "/") != "" {
			faults = append(faults, fmt.Errorf("-url %q: write it as https://console.example", p.URL))
		}
		p.base = base
	}
	proxies, err := origin.Networks(p.Proxies)
	if err != nil {
		faults = append(faults, err)
	}
	p.proxies = proxies
	if p.Idle < 0 || p.Lasts < 0 {
		faults = append(faults, errors.New("-session-idle and -session-lasts: use a time to come, such as 12h"))
	}
	if p.OIDC.Issuer == "" {
		return errors.Join(faults...)
	}
	issuer, err := url.Parse(p.OIDC.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && !loopback(issuer.Hostname()) {
		faults = append(faults, fmt.Errorf("-oidc-issuer %q: write it as https://accounts.example", p.OIDC.Issuer))
	}
	if p.URL == "" {
		faults = append(faults, errors.New("-oidc-issuer needs -url: the provider sends people back there"))
	}
	var wrong error
	if p.mapping, wrong = people.ParseMapping(p.OIDC.Roles, p.OIDC.Domains); wrong != nil {
		faults = append(faults, fmt.Errorf("-oidc-roles: %w", wrong))
	} else if len(p.mapping.Roles) == 0 {
		faults = append(faults, errors.New("-oidc-issuer needs -oidc-roles: say who may come in, such as ops=editor,*=viewer"))
	}
	return errors.Join(faults...)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// provider is nil where there is none.
func (p *People) provider() people.Provider {
	if p.OIDC.Issuer == "" {
		return nil
	}
	return oidcpeople.New(oidcpeople.Config{
		Issuer: p.OIDC.Issuer, Title: p.OIDC.Title, Client: p.OIDC.Client, Secret: p.OIDC.Secret,
		Redirect: strings.TrimSuffix(p.URL, "/") + callback, Claim: p.OIDC.Claim, Scopes: fields(p.OIDC.Scopes),
	})
}
