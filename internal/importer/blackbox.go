package importer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// blackbox reads modules of blackbox_exporter and the scrape configuration of
// Prometheus that names their targets, from one file or several.
func blackbox(files []Source) ([]check.Check, []Lost, error) {
	r := &reader{}
	modules := map[string]*bag{}
	var jobs []*bag
	owner := map[*bag]string{}
	for _, f := range files {
		r.file = f.Name
		v, err := document(f.Data)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		top := r.bag("", v)
		if !top.has("modules") && !top.has("scrape_configs") {
			return nil, nil, fmt.Errorf("%s: has neither modules (of blackbox_exporter) nor scrape_configs (of Prometheus)", f.Name)
		}
		all := top.in("modules")
		for name := range all.m {
			modules[name] = all.in(name)
			owner[modules[name]] = f.Name
		}
		for i, j := range top.list("scrape_configs") {
			b := r.bag(fmt.Sprintf("scrape_configs[%d]", i), j)
			jobs, owner[b] = append(jobs, b), f.Name
		}
	}
	used := map[string]bool{}
	for _, job := range jobs {
		r.file = owner[job]
		names := job.in("params").texts("module")
		if len(names) == 0 {
			continue // it scrapes something else
		}
		used[names[0]] = true
		module := modules[names[0]]
		if module == nil {
			r.lose(job.path, "its module %q is in none of the files", names[0])
			continue
		}
		r.blackboxJob(job, module, owner[module])
	}
	for name, m := range modules {
		if !used[name] {
			r.file = owner[m]
			r.lose(m.path, "no scrape_configs names targets for it; give the configuration of Prometheus too")
		}
	}
	slices.SortFunc(r.lost, func(a, b Lost) int { return strings.Compare(a.String(), b.String()) })
	return r.checks, slices.Compact(r.lost), nil
}

func (r *reader) blackboxJob(job, module *bag, file string) {
	every := check.DefaultEvery
	if t := job.text("scrape_interval"); t != "" {
		if d, err := time.ParseDuration(t); err == nil {
			every = r.interval(job.path+".scrape_interval", d)
		}
	}
	job.ignore("metrics_path", "relabel_configs", "metric_relabel_configs", "params", "scrape_timeout", "scheme", "honor_labels", "honor_timestamps")
	name := job.text("job_name")
	for i, s := range job.list("static_configs") {
		static := r.bag(fmt.Sprintf("%s.static_configs[%d]", job.path, i), s)
		for n, target := range static.texts("targets") {
			c := begin(strings.TrimSpace(name + " " + target))
			c.Group, c.Every = name, every
			c.Tags = labels(static.pairs("labels"))
			where := r.file
			r.file = file
			c.Spec = r.blackboxSpec(module, target, &c)
			r.file = where
			if c.Spec != nil {
				r.add(fmt.Sprintf("%s.targets[%d]", static.path, n), c)
			}
		}
		static.done()
	}
	job.done()
}

// labels are a target's labels as tags.
func labels(m map[string]string) []string {
	var tags []string
	for k, v := range m {
		tags = append(tags, k+"="+v)
	}
	slices.Sort(tags)
	return tags
}

func (r *reader) blackboxSpec(m *bag, target string, c *check.Check) (spec check.Spec) {
	defer m.done()
	if t := m.text("timeout"); t != "" {
		if d, err := time.ParseDuration(t); err == nil {
			c.Timeout = r.timeout(m.path+".timeout", d)
		}
	}
	m.ignore("http", "tcp", "dns", "icmp", "grpc")
	switch prober := m.text("prober"); prober {
	case "http":
		return r.blackboxHTTP(m.in("http"), target)
	case "tcp":
		return r.blackboxTCP(m.in("tcp"), target)
	case "icmp":
		b := m.in("icmp")
		defer b.done()
		return &check.ICMP{Host: target, IPFamily: family(b), Count: check.DefaultPings}
	case "dns":
		b := m.in("dns")
		defer b.done()
		q := &check.DNS{Name: strings.TrimSuffix(b.text("query_name"), "."), Type: strings.ToUpper(b.text("query_type")), Server: target, Protocol: b.text("transport_protocol"), IPFamily: family(b)}
		if q.Type == "" {
			q.Type = "A"
		}
		if q.Protocol == "" {
			q.Protocol = "udp"
		}
		if !strings.Contains(target, ":") {
			q.Server += ":53"
		}
		if codes := b.texts("valid_rcodes"); len(codes) > 0 {
			q.Expect = r.line(b.path+".valid_rcodes", check.KindDNS, strings.Join(codes, ", "), "rcode in ['"+strings.Join(codes, "', '")+"']")
		}
		return q
	case "grpc":
		b := m.in("grpc")
		defer b.done()
		g := &check.GRPC{Address: target, Service: b.text("service"), IPFamily: family(b)}
		if b.flag("tls") {
			g.TLS = &check.TLSClient{SkipVerify: b.in("tls_config").flag("insecure_skip_verify")}
		}
		return g
	default:
		r.lose(m.path, "the whole module: there is no prober %q here", prober)
		return nil
	}
}

// family is the family of addresses that alone is meant.
func family(b *bag) int {
	ip, fallback := b.text("preferred_ip_protocol"), b.m["ip_protocol_fallback"]
	b.ignore("ip_protocol_fallback")
	if fallback != false {
		if ip != "" {
			b.r.lose(b.path+".preferred_ip_protocol", "a family of addresses is either demanded (ip_family) or left open")
		}
		return 0
	}
	return map[string]int{"ip4": 4, "ip6": 6, "": 6}[ip]
}

func (r *reader) blackboxHTTP(b *bag, target string) check.Spec {
	if !strings.Contains(target, "://") {
		target = "http://" + target // as the exporter does
	}
	method := b.text("method")
	if method == "" {
		method = "GET"
	}
	q := request(method, target)
	q.Headers, q.Body, q.IPFamily, q.Proxy = b.pairs("headers"), b.text("body"), family(b), b.text("proxy_url")
	if b.m["follow_redirects"] == false || b.flag("no_follow_redirects") {
		q.MaxRedirects = 0
	}
	b.ignore("follow_redirects", "no_follow_redirects", "valid_http_versions_any", "enable_http2")
	tls := b.in("tls_config")
	if tls.flag("insecure_skip_verify") || tls.has("server_name") {
		q.TLS = &check.TLSSettings{SkipVerify: tls.flag("insecure_skip_verify"), ServerName: tls.text("server_name")}
	}
	tls.done()
	if basic := b.in("basic_auth"); basic.m != nil {
		q.Auth = &check.Auth{User: basic.text("username"), Password: basic.text("password")}
		basic.done()
	}
	var expect []string
	line := func(key, original, text string) {
		expect = append(expect, r.line(b.path+"."+key, check.KindAPI, original, text)...)
	}
	codes := b.texts("valid_status_codes")
	if len(codes) == 0 {
		expect = append(expect, "status >= 200 && status < 300")
	} else {
		line("valid_status_codes", strings.Join(codes, ", "), "status in ["+strings.Join(codes, ", ")+"]")
	}
	for _, re := range b.texts("fail_if_body_matches_regexp") {
		line("fail_if_body_matches_regexp", re, "not (body matches "+quote(re)+")")
	}
	for _, re := range b.texts("fail_if_body_not_matches_regexp") {
		line("fail_if_body_not_matches_regexp", re, "body matches "+quote(re))
	}
	for key, not := range map[string]string{"fail_if_header_matches": "not ", "fail_if_header_not_matches": ""} {
		for i, h := range b.list(key) {
			header := r.bag(fmt.Sprintf("%s.%s[%d]", b.path, key, i), h)
			re := header.text("regexp")
			line(key, re, fmt.Sprintf("%s(headers[%s] matches %s)", not, quote(strings.ToLower(header.text("header"))), quote(re)))
			header.ignore("allow_missing")
			header.done()
		}
	}
	if b.flag("fail_if_ssl") {
		r.lose(b.path+".fail_if_ssl", "that there is no TLS cannot be asked for")
	}
	if b.flag("fail_if_not_ssl") {
		line("fail_if_not_ssl", "true", "url startsWith 'https://'")
	}
	b.done()
	slices.Sort(expect)
	return check.OneRequest(q, expect, nil)
}

func (r *reader) blackboxTCP(b *bag, target string) check.Spec {
	defer b.done()
	t := &check.TCP{Address: target, MaxBody: check.DefaultMaxBody, IPFamily: family(b)}
	if b.flag("tls") {
		tls := b.in("tls_config")
		t.TLS = &check.TLSClient{ServerName: tls.text("server_name"), SkipVerify: tls.flag("insecure_skip_verify")}
		tls.done()
	}
	b.ignore("tls_config")
	steps := b.list("query_response")
	for i, s := range steps {
		step := r.bag(fmt.Sprintf("%s.query_response[%d]", b.path, i), s)
		switch {
		case i == 0 && step.has("send") && !step.has("expect"):
			t.Send = step.text("send") + "\n" // as the exporter does
		case step.has("expect") && !step.has("send") && i == len(steps)-1 && len(t.Expect) == 0:
			t.Expect = r.line(step.path, check.KindTCP, step.text("expect"), "body matches "+quote(step.text("expect")))
		default:
			r.lose(step.path, "a TCP check sends once and reads once")
			step.ignore("send", "expect", "starttls")
		}
		step.done()
	}
	return t
}
