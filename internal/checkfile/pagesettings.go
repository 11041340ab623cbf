package checkfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

var pageKeys = []string{
	"device", "width", "height", "scale", "mobile", "touch", "landscape", "user_agent", "network", "locale", "time_zone",
	"geolocation", "auth", "headers", "block", "mock",
}

// page reads settings of the page.
func (d *decoder) page(n *yaml.Node, path string) (*check.Page, bool) {
	before := len(d.loader.faults)
	o, ok := d.object(n, path, path, pageKeys)
	if !ok {
		return nil, false
	}
	p := &check.Page{}
	o.device(p)
	o.number("width", &p.Width)
	o.number("height", &p.Height)
	o.decimal("scale", &p.Scale)
	o.flag("mobile", &p.Mobile)
	o.flag("touch", &p.Touch)
	o.flag("landscape", &p.Landscape)
	if p.Landscape && p.Width < p.Height && !o.has("width") {
		p.Width, p.Height = p.Height, p.Width
	}
	o.text("user_agent", &p.UserAgent)
	o.text("locale", &p.Locale)
	o.text("time_zone", &p.TimeZone)
	o.network(p)
	o.geolocation(p)
	o.templates("headers", &p.Headers)
	o.texts("block", &p.Block)
	if n := o.value("auth"); n != nil {
		if a, ok := d.object(n, o.path+"auth", o.path+"auth", []string{"user", "password"}); ok {
			a.template("user", &p.User)
			a.template("password", &p.Password)
		}
	}
	items, _ := o.list("mock")
	for i, n := range items {
		p.Mocks = append(p.Mocks, d.mock(n, fmt.Sprintf("%smock[%d]", o.path, i)))
	}
	return p, len(d.loader.faults) == before
}

func (o *object) device(p *check.Page) {
	var name string
	o.text("device", &name)
	if name == "" {
		return
	}
	dev, known := check.Devices[name]
	if !known {
		o.d.fault(o.value("device"), "%sdevice: %q is not known; use one of %s", o.path, name, strings.Join(slices.Sorted(maps.Keys(check.Devices)), ", "))
		return
	}
	p.Width, p.Height, p.Scale, p.Mobile, p.Touch, p.UserAgent = dev.Width, dev.Height, dev.Scale, dev.Mobile, dev.Mobile, dev.UserAgent
}

func (o *object) network(p *check.Page) {
	n := o.value("network")
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		var name string
		o.text("network", &name)
		preset, known := check.Networks[name]
		if !known {
			o.d.fault(n, "%snetwork: %q is not known; use one of %s, or {latency: …, download: …, upload: …}", o.path, name, strings.Join(slices.Sorted(maps.Keys(check.Networks)), ", "))
			return
		}
		p.Network = &preset
		return
	}
	p.Network = &check.Network{}
	if w, ok := o.d.object(n, o.path+"network", o.path+"network", []string{"offline", "latency", "download", "upload"}); ok {
		w.flag("offline", &p.Network.Offline)
		w.duration("latency", &p.Network.Latency)
		w.size("download", &p.Network.Download)
		w.size("upload", &p.Network.Upload)
	}
}

func (o *object) geolocation(p *check.Page) {
	n := o.value("geolocation")
	if n == nil {
		return
	}
	p.Geolocation = &check.Geolocation{}
	if g, ok := o.d.object(n, o.path+"geolocation", o.path+"geolocation", []string{"latitude", "longitude", "accuracy"}); ok {
		g.decimal("latitude", &p.Geolocation.Latitude)
		g.decimal("longitude", &p.Geolocation.Longitude)
		g.decimal("accuracy", &p.Geolocation.Accuracy)
	}
}

// mock reads an answer in place of a server's.
func (d *decoder) mock(n *yaml.Node, path string) check.Mock {
	m := check.Mock{Status: 200}
	o, ok := d.object(n, path, path, []string{"url", "method", "status", "headers", "body", "json"})
	if !ok {
		return m
	}
	o.template("url", &m.URL)
	o.text("method", &m.Method)
	o.number("status", &m.Status)
	o.templates("headers", &m.Headers)
	o.template("body", &m.Body)
	if n := o.value("json"); n != nil {
		if o.has("body") {
			d.fault(n, "%s has both body and json; say it in one way", path)
		}
		if text, ok := d.jsonText(n, path+".json"); ok {
			m.Body = text
		}
	}
	return m
}
