package checkfile

import (
	"fmt"
	"strings"

	"github.com/probefleet/probefleet/internal/statuspage"
	yaml "go.yaml.in/yaml/v4"
)

// The keys of a page, and of what is in it.
var (
	statusPageKeys = []string{"slug", "title", "hosts", "description", "logo", "accent", "zone", "groups", "checks", "tags", "hide", "password", "allow", "subscriptions"}
	accentKeys     = []string{"light", "dark"}
)

// pages reads status pages:
//
//	pages:
//	  - {slug: shop, title: Shop status, groups: [Shop]}
func (d *decoder) pages(top *object) {
	list, _ := top.list("pages")
	for _, n := range list {
		if d.spent {
			return
		}
		d.statusPage(n)
	}
}

// statusPage decodes one page and adds it to the others, or its faults.
func (d *decoder) statusPage(n *yaml.Node) {
	d.vars = d.scopes.of("", d.loader.options)
	d.at = places{"": n}
	before := len(d.loader.faults)
	o, ok := d.object(n, "", "a page", statusPageKeys)
	if !ok {
		return
	}
	var p statuspage.Page
	o.text("slug", &p.Slug)
	o.text("title", &p.Title)
	o.texts("hosts", &p.Hosts)
	o.text("description", &p.Description)
	o.read("logo", func(n *yaml.Node, path string) bool { return d.logo(n, path, &p.Logo) })
	if v := o.value("accent"); v != nil {
		if a, ok := d.object(v, "accent", "accent", accentKeys); ok {
			p.Accent = &statuspage.Accent{}
			a.text("light", &p.Accent.Light)
			a.text("dark", &p.Accent.Dark)
		}
	}
	o.text("zone", &p.Zone)
	o.texts("groups", &p.Groups)
	o.texts("checks", &p.Checks)
	o.texts("tags", &p.Tags)
	var hide []string
	o.texts("hide", &hide)
	for _, h := range hide {
		p.Hide = append(p.Hide, statuspage.Detail(h))
	}
	o.text("password", &p.Password)
	o.texts("allow", &p.Allow)
	p.Subscriptions = d.subscriptions(o)
	if len(d.loader.faults) > before {
		return
	}
	for _, f := range p.Validate() {
		d.pageFault(n, p.Slug, f)
	}
	if first, taken := d.loader.pageSlugs[p.Slug]; taken {
		d.fault(n, "page %q is taken: the first is at %s:%d:%d; slugs are unique over all files", p.Slug, first.File, first.Line, first.Column)
	}
	d.loader.pageSlugs[p.Slug] = Fault{File: d.file, Line: n.Line, Column: n.Column}
	for _, text := range statuspage.HostFaults(append(d.loader.pages[:len(d.loader.pages):len(d.loader.pages)], p)) {
		d.fault(n, "%s", text)
	}
	if len(d.loader.faults) == before {
		d.loader.pages = append(d.loader.pages, p)
	}
}

// logo reads a picture as a data: address, or from a file beside this one.
func (d *decoder) logo(n *yaml.Node, path string, into *string) bool {
	s, ok := d.expanded(n, path)
	if !ok {
		return false
	}
	// What has the form of an address is none of a file: Validate says so.
	if strings.HasPrefix(s, "data:") || strings.Contains(s, "://") || strings.HasPrefix(s, "//") {
		*into = s
		return true
	}
	data, ok := d.beside(n, s, statuspage.MaxLogo)
	if !ok {
		return false
	}
	kind := statuspage.KindOf(data)
	if kind == "" {
		d.fault(n, "%s: %s is no PNG, JPEG, WebP or SVG", path, s)
		return false
	}
	*into = statuspage.DataURL(kind, data)
	return true
}

// pageFault reports a fault where its field is written.
func (d *decoder) pageFault(n *yaml.Node, slug string, f statuspage.Fault) {
	for path := f.Path; ; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if at := d.at[path]; at != nil {
			n = at
			break
		}
		if path == "" {
			break
		}
	}
	d.fault(n, "page %s: %v", slug, f)
}

// withoutTemplates has nothing in the values below n be one.
func withoutTemplates(n *yaml.Node) *yaml.Node {
	for i, c := range n.Content {
		switch {
		case n.Kind == yaml.MappingNode && i%2 == 0:
		case c.Kind == yaml.ScalarNode && strings.Contains(c.Value, "{{"):
			n.Content[i] = str(c.Value)
		default:
			withoutTemplates(c)
		}
	}
	return n
}

// WritePages writes pages as the content of a check file, which has no checks;
// nothing where there are none.
func WritePages(pages []statuspage.Page) ([]byte, error) {
	if len(pages) == 0 {
		return nil, nil
	}
	all := sequence()
	for _, p := range pages {
		data, err := p.Encode()
		if err != nil {
			return nil, err
		}
		n, err := yamlOf(data)
		if err != nil {
			return nil, fmt.Errorf("writing page %q: %w", p.Slug, err)
		}
		all.Content = append(all.Content, withoutTemplates(n))
	}
	top := newMapping()
	top.put("pages", all)
	var out strings.Builder
	d, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("writing pages: %w", err)
	}
	if err := d.Dump(top.node); err != nil {
		return nil, fmt.Errorf("writing pages: %w", err)
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("writing pages: %w", err)
	}
	return []byte(out.String()), nil
}
