package checkfile

import (
	"strconv"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
)

// decimal writes a number with or without a fraction; 0 only where it always
// says something.
func (m *mapping) decimal(key string, value float64, always bool) {
	if value == 0 && !always {
		return
	}
	text := strconv.FormatFloat(value, 'f', -1, 64)
	m.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: text})
}

// page writes settings of the page. A device is written as what it is like:
// presets may change.
func (w *stepWriter) page(p *check.Page) *yaml.Node {
	m := newMapping()
	m.number("width", int64(p.Width), 0)
	m.number("height", int64(p.Height), 0)
	m.decimal("scale", p.Scale, false)
	m.flag("mobile", p.Mobile, false)
	m.flag("touch", p.Touch, false)
	m.flag("landscape", p.Landscape, false)
	m.text("user_agent", p.UserAgent)
	if n := p.Network; n != nil {
		of := newMapping()
		of.flag("offline", n.Offline, false)
		of.duration("latency", n.Latency, 0)
		of.number("download", n.Download, 0)
		of.number("upload", n.Upload, 0)
		m.put("network", of.node)
	}
	m.text("locale", p.Locale)
	m.text("time_zone", p.TimeZone)
	if g := p.Geolocation; g != nil {
		of := newMapping()
		of.decimal("latitude", g.Latitude, true)
		of.decimal("longitude", g.Longitude, true)
		of.decimal("accuracy", g.Accuracy, false)
		m.put("geolocation", of.node)
	}
	if p.User != "" || p.Password != "" {
		of := newMapping()
		w.text(of, "user", p.User)
		w.text(of, "password", p.Password)
		m.put("auth", of.node)
	}
	w.pairs(m, "headers", p.Headers)
	m.texts("block", p.Block)
	if len(p.Mocks) > 0 {
		items := make([]*yaml.Node, len(p.Mocks))
		for i, mock := range p.Mocks {
			of := newMapping()
			w.text(of, "url", mock.URL)
			of.text("method", mock.Method)
			of.number("status", int64(mock.Status), 200)
			w.pairs(of, "headers", mock.Headers)
			w.text(of, "body", mock.Body)
			items[i] = of.node
		}
		m.put("mock", sequence(items...))
	}
	return m.node
}
