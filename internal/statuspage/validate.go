package statuspage

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/people"
)

// Fault is one thing that is wrong with a page, by the path of the field.
type Fault struct{ Path, Message string }

func (f Fault) Error() string { return f.Path + ": " + f.Message }

// The bounds of a page.
const (
	// MaxLogo is the number of bytes of a logo.
	MaxLogo        = 32 << 10
	maxTitle       = 100
	maxDescription = 500
	maxHosts       = 20
	maxChosen      = 100
)

var (
	hostForm   = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	colourForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
)

// Validate lists everything that is wrong with p, nil where nothing is.
func (p Page) Validate() []Fault {
	var fs []Fault
	add := func(path, format string, args ...any) {
		fs = append(fs, Fault{path, fmt.Sprintf(format, args...)})
	}
	if !check.ValidID(p.Slug) {
		add("slug", "%q is not a name; use 1 to 63 of a-z, 0-9, '-' and '_', starting with a letter or digit", p.Slug)
	}
	if strings.TrimSpace(p.Title) == "" {
		add("title", "is missing; write what the page is called, such as %q", "Shop status")
	}
	line(add, "title", p.Title, maxTitle)
	line(add, "description", p.Description, maxDescription)
	p.hostFaults(add)
	if p.Logo != "" {
		if _, _, err := Picture(p.Logo); err != nil {
			add("logo", "%v", err)
		}
	}
	if p.Accent != nil {
		colour(add, "accent.light", p.Accent.Light, false)
		colour(add, "accent.dark", p.Accent.Dark, true)
	}
	if _, err := check.LoadZone(p.Zone); err != nil {
		add("zone", "%q is no time zone; write one such as Europe/Berlin", p.Zone)
	}
	chosen(add, "groups", p.Groups)
	chosen(add, "checks", p.Checks)
	chosen(add, "tags", p.Tags)
	for i, d := range p.Hide {
		if !slices.Contains(Details, d) {
			add(at("hide", i), "%q cannot be hidden; these can: uptime, latency, reasons", d)
		}
	}
	p.protectionFaults(add)
	p.subscriptionFaults(add)
	return fs
}

type adder func(path, format string, args ...any)

func at(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func line(add adder, path, text string, most int) {
	switch {
	case utf8.RuneCountInString(text) > most:
		add(path, "has more than %d characters", most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		add(path, "has characters that cannot be shown in a line")
	}
}

func (p Page) hostFaults(add adder) {
	if len(p.Hosts) > maxHosts {
		add("hosts", "are %d; at most %d", len(p.Hosts), maxHosts)
	}
	for i, h := range p.Hosts {
		switch {
		case h == AnyHost:
		case len(h) > 253 || !hostForm.MatchString(h):
			add(at("hosts", i), "%q is not the name of a host in small letters, such as status.shop.example; there is no port in it. \"*\" is every one that no other page has", h)
		case slices.Index(p.Hosts, h) < i:
			add(at("hosts", i), "%q is there twice", h)
		}
	}
}

func chosen(add adder, path string, list []string) {
	if len(list) > maxChosen {
		add(path, "are %d; at most %d", len(list), maxChosen)
	}
	for i, s := range list {
		if strings.TrimSpace(s) == "" {
			add(at(path, i), "is empty")
		}
	}
}

// What a page's password may cost whoever checks it.
const maxHashMemory, maxHashPasses = 256 << 10, 10

func (p Page) protectionFaults(add adder) {
	if p.Password != "" && p.Password != Kept {
		cost, err := people.ParseParams(p.Password)
		switch {
		case err != nil:
			add("password", "is not the argon2id hash of a password; `probefleet page password` makes it. The password itself must not be here")
		case cost.Memory > maxHashMemory || cost.Passes > maxHashPasses:
			add("password", "would cost %d KiB and %d passes to check; at most %d and %d", cost.Memory, cost.Passes, maxHashMemory, maxHashPasses)
		}
	}
	if len(p.Allow) > maxChosen {
		add("allow", "are %d; at most %d", len(p.Allow), maxChosen)
	}
	for i, text := range p.Allow {
		if _, err := network(text); err != nil {
			add(at("allow", i), "%q is no network and no address; write 10.0.0.0/8 or 192.0.2.7", text)
		}
	}
}

// pictures are the kinds of logos by the ending of their names.
var pictures = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/svg+xml": ".svg"}

// DataURL is a picture as a data: address.
func DataURL(kind string, data []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
}

// KindOf is the kind of picture that some bytes are, "" where they are none
// that may be a logo.
func KindOf(data []byte) string {
	kind := http.DetectContentType(data)
	if _, ok := pictures[kind]; ok {
		return kind
	}
	head := bytes.ToLower(data[:min(len(data), 1024)])
	if utf8.Valid(data) && bytes.HasPrefix(bytes.TrimSpace(head), []byte("<")) && bytes.Contains(head, []byte("<svg")) {
		return "image/svg+xml"
	}
	return ""
}

// Picture is the logo of a data: address with its kind.
func Picture(address string) (kind string, data []byte, err error) {
	const right = "write the path of a PNG, JPEG, WebP or SVG file, or data:image/png;base64,…"
	rest, ok := strings.CutPrefix(address, "data:")
	kind, text, both := strings.Cut(rest, ";base64,")
	if !ok || !both {
		return "", nil, fmt.Errorf("is not a picture of our own: nothing is fetched from elsewhere; %s", right)
	}
	if _, known := pictures[kind]; !known {
		return "", nil, fmt.Errorf("%q cannot be a logo; %s", kind, right)
	}
	if len(text) > base64.StdEncoding.EncodedLen(MaxLogo) {
		return "", nil, fmt.Errorf("is larger than %d KiB", MaxLogo>>10)
	}
	data, err = base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", nil, fmt.Errorf("is not base64: %w", err)
	}
	switch found := KindOf(data); {
	case len(data) > MaxLogo:
		return "", nil, fmt.Errorf("is larger than %d KiB", MaxLogo>>10)
	case found != kind:
		return "", nil, fmt.Errorf("says that it is %s, and is not; %s", kind, right)
	}
	return kind, data, nil
}

// Ending is that of the names of files of a kind of picture.
func Ending(kind string) string { return pictures[kind] }

// The paper on which accents are read: the page's background and its cards.
var papers = map[bool][]string{false: {"#f5f6f8", "#ffffff"}, true: {"#0d1014", "#14181e"}}

// leastContrast is that of WCAG 2.2, success criterion 1.4.3.
const leastContrast = 4.5

// ValidColour reports whether a text is a colour and nothing else.
func ValidColour(text string) bool { return colourForm.MatchString(text) }

func colour(add adder, path, value string, dark bool) {
	if value == "" {
		return
	}
	if !colourForm.MatchString(value) {
		add(path, "%q is not a colour; write #rrggbb, such as #1b6b3a", value)
		return
	}
	least := math.Inf(1)
	for _, paper := range papers[dark] {
		least = min(least, contrast(value, paper))
	}
	if least < leastContrast {
		word, what := "darker", "light"
		if dark {
			word, what = "lighter", "dark"
		}
		add(path, "%s has a contrast of %.1f to the %s page, and has to have %.1f: take a %s colour", value, math.Floor(least*10)/10, what, leastContrast, word)
	}
}

// contrast is that of WCAG 2.2 between two colours.
func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(colour string) float64 {
	n, _ := strconv.ParseUint(colour[1:], 16, 32) // Validate has looked at its form
	channel := func(shift uint) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

// HostFaults says of several pages which hosts more than one of them has.
func HostFaults(pages []Page) []string {
	var faults []string
	owner := map[string]string{}
	for _, p := range pages {
		for _, h := range p.Hosts {
			if other, taken := owner[h]; taken && other != p.Slug {
				faults = append(faults, fmt.Sprintf("page %q: the host %q is that of page %q", p.Slug, h, other))
			}
			owner[h] = p.Slug
		}
	}
	return faults
}
