package people

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// Flow is a log-in that is with the identity provider.
type Flow struct {
	// Browser is the digest of the cookie of whoever began it.
	Browser         [32]byte
	Nonce, Verifier string
	// Next is where they want to go afterwards.
	Next      string
	ExpiresAt time.Time
}

// FlowLasts is how long somebody may take at the provider.
const FlowLasts = 10 * time.Minute

// Claims are what a provider says of somebody, and proves.
type Claims struct {
	Issuer, Subject string
	// PreferredName and Email are in the provider's words; Email is "" where it
	// does not vouch for it.
	PreferredName, Email string
	// Groups are the values of the claim by which roles are given.
	Groups []string
}

// Provider is an identity provider.
type Provider interface {
	// Name is what the button says.
	Name() string
	// URL is where the browser is sent.
	URL(ctx context.Context, state, nonce, verifier string) (string, error)
	// Exchange turns the provider's answer into claims that are proven: the
	// signature, the issuer, the audience, the time and the nonce are right.
	Exchange(ctx context.Context, code, nonce, verifier string) (Claims, error)
}

// Mapping says who of a provider may come in, and as what.
type Mapping struct {
	// Roles is the role of each value of the claim; that of "*" is everybody's.
	// Of several the highest counts. Nobody without a role comes in.
	Roles map[string]access.Role
	// Domains are those of the addresses that may come in; none means all.
	Domains []string
}

// ParseMapping reads roles as value=role,value=role and domains separated by
// commas.
func ParseMapping(roles, domains string) (Mapping, error) {
	m := Mapping{Roles: map[string]access.Role{}}
	for _, pair := range split(roles) {
		at := strings.LastIndex(pair, "=")
		if at < 1 {
			return m, fmt.Errorf("%q says no role; write value=role, such as ops=editor, or *=viewer for everybody", pair)
		}
		role, err := ParseRole(pair[at+1:])
		if err != nil {
			return m, fmt.Errorf("%q: %w", pair, err)
		}
		value := strings.TrimSpace(pair[:at])
		if _, twice := m.Roles[value]; twice {
			return m, fmt.Errorf("%q has two roles; give it one", value)
		}
		m.Roles[value] = role
	}
	for _, d := range split(domains) {
		m.Domains = append(m.Domains, strings.ToLower(strings.TrimPrefix(d, "@")))
	}
	return m, nil
}

func split(list string) []string {
	var out []string
	for _, word := range strings.Split(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// Role is what somebody may come in as; the error says why they may not.
func (m Mapping) Role(c Claims) (access.Role, error) {
	if len(m.Domains) > 0 {
		_, domain, ok := strings.Cut(strings.ToLower(c.Email), "@")
		if !ok || !slices.Contains(m.Domains, domain) {
			return "", fmt.Errorf("the provider vouches for no address of %s", strings.Join(m.Domains, ", "))
		}
	}
	best := -1
	for _, value := range append(slices.Clone(c.Groups), "*") {
		best = max(best, slices.Index(access.Roles, m.Roles[value]))
	}
	if best < 0 {
		return "", errors.New("no value of the claim has a role")
	}
	return access.Roles[best], nil
}

// Begin starts a log-in by the provider: it answers where the browser goes,
// and what it keeps meanwhile.
func (d *Desk) Begin(ctx context.Context, next string) (url string, keep Secret, err error) {
	state, keep := NewSecret(), NewSecret()
	f := Flow{Browser: keep.Digest(), Nonce: string(NewSecret()), Verifier: string(NewSecret()), Next: next, ExpiresAt: time.Now().Add(FlowLasts)}
	url, err = d.o.Provider.URL(ctx, string(state), f.Nonce, f.Verifier)
	if err != nil {
		d.o.Logger.Error("asking the identity provider where to log in", "err", err)
		return "", "", errors.New("the identity provider is away; try again, or use a password")
	}
	if err := d.o.Book.KeepFlow(ctx, state.Digest(), f); err != nil {
		return "", "", d.away("keeping a log-in that goes to the provider", err)
	}
	return url, keep, nil
}

// Finish lets somebody in whom the provider sent back, with the state and code
// that it gave and what the browser kept. The error is [ErrRefused], with its
// reason in the log, or [ErrAway].
func (d *Desk) Finish(ctx context.Context, m Mapping, state, code string, kept Secret, v Visitor) (Entrance, string, error) {
	ctx = access.WithActor(ctx, access.Actor{Kind: access.ActorPerson, Address: v.Address})
	f, found, err := d.o.Book.TakeFlow(ctx, Secret(state).Digest())
	browser := kept.Digest()
	switch {
	case err != nil:
		return Entrance{}, "", d.away("looking for a log-in of the provider", err)
	case !found:
		return Entrance{}, "", d.refuse(ctx, "", "the state is unknown or was used before", v)
	case time.Now().After(f.ExpiresAt):
		return Entrance{}, "", d.refuse(ctx, "", "the log-in was begun too long ago", v)
	case subtle.ConstantTimeCompare(f.Browser[:], browser[:]) != 1:
		return Entrance{}, "", d.refuse(ctx, "", "another browser began the log-in", v)
	}
	c, err := d.o.Provider.Exchange(ctx, code, f.Nonce, f.Verifier)
	if err != nil {
		return Entrance{}, "", d.refuse(ctx, "", "the provider's answer: "+err.Error(), v)
	}
	who := nameOf(c)
	role, err := m.Role(c)
	if err != nil {
		return Entrance{}, "", d.refuse(ctx, who, err.Error(), v)
	}
	a, err := d.admit(ctx, c, role)
	switch {
	case errors.Is(err, ErrTaken):
		return Entrance{}, "", d.refuse(ctx, who, "the name belongs to another account", v)
	case err != nil:
		return Entrance{}, "", d.away("keeping somebody whom the provider knows", err)
	case !a.DisabledAt.IsZero():
		return Entrance{}, "", d.refuse(ctx, a.Name, "disabled", v)
	}
	e, err := d.enter(ctx, a, v, d.o.Provider.Name())
	return e, f.Next, err
}

// admit finds the account of somebody whom the provider knows, makes it at the
// first time, and gives it the role that the provider's claims give. An
// account is found by issuer and subject only: a name or an address may be
// given to another one.
func (d *Desk) admit(ctx context.Context, c Claims, role access.Role) (Account, error) {
	a, found, err := d.o.Book.PersonBySubject(ctx, c.Issuer, c.Subject)
	switch {
	case err != nil:
		return Account{}, err
	case found && a.Role == role || found && !a.DisabledAt.IsZero():
		return a, nil
	case found:
		changed, err := d.o.Book.ChangePerson(ctx, a.ID, Change{Role: &role})
		if errors.Is(err, ErrLastAdmin) {
			d.o.Logger.Warn("the last admin stays one, whatever the provider says", "name", a.Name)
			return a, nil
		}
		return changed, err
	}
	a = Account{
		ID: newID(), Name: nameOf(c), Role: role, Issuer: c.Issuer, Subject: c.Subject,
		CreatedBy: d.o.Provider.Name(), CreatedAt: time.Now().UTC(),
	}
	return a, d.o.Book.AddPerson(ctx, a, "")
}

// nameOf is the first name of the claims that is one for log-in.
func nameOf(c Claims) string {
	for _, text := range []string{c.Email, c.PreferredName} {
		if name, err := ParseName(text); err == nil {
			return name
		}
	}
	digest := Secret(c.Issuer + "\n" + c.Subject).Digest()
	return fmt.Sprintf("person-%x", digest[:6])
}
