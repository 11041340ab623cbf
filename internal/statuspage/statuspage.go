// Package statuspage says what a public status page is, as people define it:
// where it is found, how it looks, which services it shows and to whom. It owns
// the meaning of these values and their validation. It refuses to know how they
// are written (checkfile), where they are kept (store) and how a page is served
// (dashboard).
package statuspage

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Version is that of the form in which pages are kept. A page of a newer one is
// not shown by this release: what it hides would be open.
const Version = 1

// Page is a status page. The names of its JSON are those of a check file.
type Page struct {
	// Slug names the page; it is served below /p/SLUG.
	Slug  string `json:"slug"`
	Title string `json:"title"`
	// Hosts are the names of hosts at which it is the page at /; [AnyHost] is
	// every one that no other page has.
	Hosts       []string `json:"hosts,omitempty"`
	Description string   `json:"description,omitempty"`
	// Logo is a picture as a data: address; nothing is fetched from elsewhere.
	Logo   string  `json:"logo,omitempty"`
	Accent *Accent `json:"accent,omitempty"`
	// Zone is the time zone of its times, that of the dashboard where empty.
	Zone string `json:"zone,omitempty"`
	// Groups, Checks and Tags choose its services among the public checks: one
	// that is in any of them is shown. Without any of the three all are.
	Groups []string `json:"groups,omitempty"`
	Checks []string `json:"checks,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	// Hide lists what is not told of them.
	Hide []Detail `json:"hide,omitempty"`
	// Password is the argon2id hash of the one that its readers need, in PHC's
	// form. [Kept] leaves the one that it has.
	Password string `json:"password,omitempty"`
	// Allow are the networks from which alone it may be read; any where empty.
	Allow []string `json:"allow,omitempty"`
	// Subscriptions says how its readers may be told; not at all where nil.
	Subscriptions *Subscriptions `json:"subscriptions,omitempty"`
}

// Accent is the colour of links and of what is chosen, #rrggbb, by day and by
// night. Either may be empty.
type Accent struct {
	Light string `json:"light,omitempty"`
	Dark  string `json:"dark,omitempty"`
}

// Detail is something that a page tells of its services, and need not.
type Detail string

// The details that can be hidden.
const (
	Uptime  Detail = "uptime"  // the figures
	Latency Detail = "latency" // figures and charts
	Reasons Detail = "reasons" // why a service is not well
)

// Details lists every detail that can be hidden.
var Details = []Detail{Uptime, Latency, Reasons}

// AnyHost stands for every name of a host that no other page has.
const AnyHost = "*"

// Kept stands for the password that a page has already.
const Kept = "kept"

// MaxPages is the number of pages of an installation.
const MaxPages = 200

// Stored is a page as it is kept.
type Stored struct {
	Page
	// Newer says that a newer release wrote it: of the page nothing but the slug
	// is known.
	Newer bool
	// Owner is the set that it belongs to, "" for none. The status page does not
	// know it.
	Owner     string
	UpdatedAt time.Time
	// Key signs the cookies of those who know the password. It is another one as
	// soon as the password is.
	Key string
}

// Applied names pages by what became of them.
type Applied struct{ Created, Changed, Unchanged []string }

// Decode reads a page as people write it; unknown keys are faults.
func Decode(data []byte) (Page, error) {
	var p Page
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("reading a page: %w", err)
	}
	return p, nil
}

// Encode writes a page as [Decode] reads it.
func (p Page) Encode() ([]byte, error) {
	data, err := json.Marshal(p) //nolint:gosec // G117: the password is a hash of it
	if err != nil {
		return nil, fmt.Errorf("writing page %q: %w", p.Slug, err)
	}
	return data, nil
}

// Restore is a page as it is kept in a version of the form.
func Restore(slug string, version int, spec []byte) (Stored, error) {
	if version > Version {
		return Stored{Page: Page{Slug: slug, Title: slug}, Newer: true}, nil
	}
	var p Page
	if err := json.Unmarshal(spec, &p); err != nil {
		return Stored{}, fmt.Errorf("reading page %q: %w", slug, err)
	}
	return Stored{Page: p}, nil
}

// Masked is the page without what must not be shown.
func (p Page) Masked() Page {
	if p.Password != "" {
		p.Password = Kept
	}
	return p
}

// Over is the page as it is to be kept in the place of another one. The error
// says why it cannot be.
func (p Page) Over(was Page) (Page, error) {
	if p.Password != Kept {
		return p, nil
	}
	if was.Password == "" {
		return p, fmt.Errorf("page %q has no password that could be kept: write the hash of one, which `probefleet page password` makes", p.Slug)
	}
	p.Password = was.Password
	return p, nil
}

// Shows reports whether the page shows a check of a group with tags.
func (p Page) Shows(id, group string, tags []string) bool {
	if len(p.Groups)+len(p.Checks)+len(p.Tags) == 0 {
		return true
	}
	return slices.Contains(p.Checks, id) || group != "" && slices.Contains(p.Groups, group) ||
		slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(p.Tags, t) })
}

// Hides reports whether the page does not tell a detail.
func (p Page) Hides(d Detail) bool { return slices.Contains(p.Hide, d) }

// Protected reports whether not everybody may read the page.
func (p Page) Protected() bool { return p.Password != "" || len(p.Allow) > 0 }

// Admits reports whether who comes from an address may read the page, as far as
// addresses go. One that is none may not.
func (p Page) Admits(address string) bool {
	if len(p.Allow) == 0 {
		return true
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(p.Allow, func(text string) bool {
		n, err := network(text)
		return err == nil && n.Contains(ip)
	})
}

// network reads a network, or an address for one of its own.
func network(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		ip = ip.Unmap()
		return ip.Prefix(ip.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, err
	}
	if p.Addr().Is4In6() { // 96 of its bits say so
		return p.Addr().Unmap().Prefix(max(0, p.Bits()-96))
	}
	return p.Masked(), nil
}

// Location is the zone of the page's times, that of other where it names none.
func (p Page) Location(other *time.Location) *time.Location {
	if zone, err := check.LoadZone(p.Zone); err == nil && p.Zone != "" {
		return zone
	}
	return other
}
