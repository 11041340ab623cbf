package check

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Page holds settings of a browser flow's pages. What is zero stays as it is.
type Page struct {
	// Width and Height of the viewport, in CSS pixels; both or neither.
	Width, Height int
	// Scale is the number of device pixels to a CSS pixel.
	Scale float64
	// Mobile, Touch and Landscape go with Width.
	Mobile, Touch, Landscape bool
	UserAgent                string
	Network                  *Network
	// Locale is a language tag (de-CH), TimeZone an IANA name.
	Locale, TimeZone string
	Geolocation      *Geolocation
	// User and Password answer a site that asks for basic authentication.
	User, Password string
	// Headers are sent with every request.
	Headers map[string]string
	// Block lists patterns of URLs that are not requested, with * for any
	// text.
	Block []string
	// Mocks answer requests in place of their servers; the first that fits.
	Mocks []Mock
}

// Network limits the network. The zero value lifts all limits.
type Network struct {
	Offline bool
	// Latency is added to every request.
	Latency time.Duration
	// Download and Upload are bytes a second, 0 without limit.
	Download, Upload int64
}

// Geolocation is where the pages believe to be; Accuracy is in metres.
type Geolocation struct{ Latitude, Longitude, Accuracy float64 }

// Mock is an answer to requests of URL, a pattern with * for any text, and of
// Method where it is not empty.
type Mock struct {
	URL, Method string
	Status      int
	Headers     map[string]string
	Body        string
}

// Device is what is known of a device to be like.
type Device struct {
	Width, Height int
	Scale         float64
	Mobile        bool
	// UserAgent has {version} where the browser's own version belongs.
	UserAgent string
}

const (
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	ipad    = "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Mobile Safari/537.36"
	tablet  = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version} Safari/537.36"
)

// Devices are the presets of page settings, by name.
var Devices = map[string]Device{
	"iphone":     {393, 852, 3, true, iphone},
	"iphone-se":  {375, 667, 2, true, iphone},
	"iphone-max": {430, 932, 3, true, iphone},
	"ipad":       {820, 1180, 2, true, ipad},
	"pixel":      {412, 915, 2.625, true, android},
	"galaxy":     {360, 780, 3, true, android},
	"tablet":     {800, 1280, 2, true, tablet},
	"laptop":     {1440, 900, 1, false, ""},
	"desktop":    {1920, 1080, 1, false, ""},
}

// Networks are the presets of the network, by name; the figures are those of
// the browser's own developer tools.
var Networks = map[string]Network{
	"online":  {},
	"offline": {Offline: true},
	"slow-3g": {Latency: 2000 * time.Millisecond, Download: 50_000, Upload: 50_000},
	"3g":      {Latency: 562500 * time.Microsecond, Download: 180_000, Upload: 84_375},
	"4g":      {Latency: 165 * time.Millisecond, Download: 1_012_500, Upload: 168_750},
}

// String lists what is set, for people.
func (p *Page) String() string {
	if p == nil {
		return ""
	}
	var words []string
	if p.Width > 0 {
		words = append(words, fmt.Sprintf("%d×%d", p.Width, p.Height))
	}
	if p.Network != nil {
		words = append(words, p.Network.String())
	}
	for _, w := range []string{p.Locale, p.TimeZone} {
		if w != "" {
			words = append(words, w)
		}
	}
	for what, set := range map[string]bool{
		"geolocation": p.Geolocation != nil, "user agent": p.UserAgent != "", "basic auth": p.User != "",
		"headers": len(p.Headers) > 0, "blocked URLs": len(p.Block) > 0, "mocks": len(p.Mocks) > 0,
	} {
		if set {
			words = append(words, what)
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// String describes the limits for people.
func (n *Network) String() string {
	switch {
	case n.Offline:
		return "offline"
	case *n == Network{}:
		return "online"
	}
	return fmt.Sprintf("network %s, %d down, %d up B/s", n.Latency, n.Download, n.Upload)
}

// zoneForm is the form of a time zone's name; which there are, the browser knows.
var zoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

// fault says what is wrong with the settings, "" where nothing is.
func (p *Page) fault() string {
	if (p.Width != 0 || p.Height != 0) && (p.Width < 1 || p.Width > 10_000 || p.Height < 1 || p.Height > 10_000) {
		return fmt.Sprintf("has a viewport of %d×%d; each side is 1 to 10000 pixels", p.Width, p.Height)
	}
	if p.Scale < 0 || p.Scale > 10 {
		return fmt.Sprintf("has a scale of %g; use up to 10", p.Scale)
	}
	if g := p.Geolocation; g != nil && (g.Latitude < -90 || g.Latitude > 90 || g.Longitude < -180 || g.Longitude > 180 || g.Accuracy < 0) {
		return fmt.Sprintf("has the geolocation %g, %g; latitude is -90 to 90, longitude -180 to 180", g.Latitude, g.Longitude)
	}
	if n := p.Network; n != nil && (n.Latency < 0 || n.Latency > time.Minute || n.Download < 0 || n.Upload < 0) {
		return "has a network with a figure out of range; latency is up to 1m"
	}
	if p.TimeZone != "" {
		if !zoneForm.MatchString(p.TimeZone) {
			return fmt.Sprintf("has the time zone %q; write a name such as Europe/Berlin", p.TimeZone)
		}
	}
	if slices.Contains(p.Block, "") {
		return "blocks an empty pattern"
	}
	for _, m := range p.Mocks {
		switch {
		case m.URL == "":
			return "has a mock without a URL pattern"
		case m.Status < 100 || m.Status > 599:
			return fmt.Sprintf("has a mock with the status %d; use 100 to 599", m.Status)
		}
	}
	return ""
}

// words are all strings of the settings.
func (p *Page) words() string {
	all := []string{p.UserAgent, p.Locale, p.TimeZone, p.User, p.Password, strings.Join(p.Block, "\n")}
	for _, h := range sortedPairs(p.Headers) {
		all = append(all, h[0], h[1])
	}
	for _, m := range p.Mocks {
		all = append(all, m.URL, m.Method, m.Body)
		for _, h := range sortedPairs(m.Headers) {
			all = append(all, h[0], h[1])
		}
	}
	return strings.Join(all, "\n")
}

func sortedPairs(m map[string]string) [][2]string {
	pairs := make([][2]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, [2]string{k, m[k]})
	}
	return pairs
}
