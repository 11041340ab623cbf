package importer

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/probefleet/probefleet/internal/check"
)

// document reads YAML, of which JSON is a part.
func document(data []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("is not valid YAML or JSON: %w", err)
	}
	return v, nil
}

// gatus reads a configuration of Gatus.
func gatus(r *reader, data []byte) error {
	v, err := document(data)
	if err != nil {
		return err
	}
	top := r.bag("", v)
	if !top.has("endpoints") {
		return fmt.Errorf("has no endpoints: is it a configuration of Gatus?")
	}
	for i, e := range top.list("endpoints") {
		r.gatusEndpoint(r.bag(fmt.Sprintf("endpoints[%d]", i), e))
	}
	top.lose("who is alerted is not part of a check file", "alerting")
	top.lose("a URL that a job calls has to be made anew", "external-endpoints")
	top.ignore("storage", "web", "ui", "metrics", "debug", "skip-invalid-config-update", "security", "disable-monitoring-lock", "concurrency")
	top.done()
	return nil
}

func (r *reader) gatusEndpoint(b *bag) {
	c := begin(b.text("name"))
	c.Group = b.text("group")
	c.Active = !b.has("enabled") || b.flag("enabled")
	b.ignore("enabled")
	if t := b.text("interval"); t != "" {
		d, err := time.ParseDuration(t)
		if err != nil {
			r.lose(b.path+".interval", "%q is not a duration", t)
		} else {
			c.Every = r.interval(b.path+".interval", d)
		}
	}
	client := b.in("client")
	if t := client.text("timeout"); t != "" {
		if d, err := time.ParseDuration(t); err == nil {
			c.Timeout = r.timeout(client.path+".timeout", d)
		}
	}
	c.Spec = r.gatusSpec(b, client)
	if c.Spec == nil {
		return
	}
	var expect []string
	for i, v := range b.list("conditions") {
		condition := fmt.Sprint(v)
		if implied(condition, c.Kind()) {
			continue
		}
		expect = append(expect, r.line(fmt.Sprintf("%s.conditions[%d]", b.path, i), c.Kind(), condition, gatusCondition(condition))...)
	}
	setExpect(c.Spec, expect)
	b.lose("say when failing is an outage as `alert:`; who is alerted is not part of a check file", "alerts")
	b.ignore("ui")
	client.done()
	b.done()
	r.add(b.path, c)
}

// gatusSpec is what an endpoint looks at, by the scheme of its URL; nil where
// that is not known here.
func (r *reader) gatusSpec(b, client *bag) check.Spec {
	raw := b.text("url")
	u, err := url.Parse(raw)
	if err != nil {
		r.lose(b.path, "the whole endpoint: its url is not one")
		return nil
	}
	insecure := client.flag("insecure")
	switch {
	case b.has("dns"):
		dns := b.in("dns")
		q := &check.DNS{Name: strings.TrimSuffix(dns.text("query-name"), "."), Type: strings.ToUpper(dns.text("query-type")), Server: raw, Protocol: "udp"}
		dns.done()
		if !strings.Contains(q.Server, ":") {
			q.Server += ":53"
		}
		return q
	case u.Scheme == "http" || u.Scheme == "https":
		method := b.text("method")
		if method == "" {
			method = "GET"
		}
		q := request(method, raw)
		q.Headers, q.Body = b.pairs("headers"), b.text("body")
		if b.flag("graphql") {
			q.BodyType, q.GraphQL, q.Body = check.BodyGraphQL, &check.GraphQL{Query: q.Body}, ""
		}
		if insecure {
			q.TLS = &check.TLSSettings{SkipVerify: true}
		}
		if client.flag("ignore-redirect") {
			q.MaxRedirects = 0
		}
		q.Proxy = client.text("proxy-url")
		return check.OneRequest(q, nil, nil)
	case u.Scheme == "tcp":
		return &check.TCP{Address: u.Host, Send: b.text("body"), MaxBody: check.DefaultMaxBody}
	case u.Scheme == "tls":
		return &check.TLS{Address: u.Host, TLSClient: check.TLSClient{SkipVerify: insecure}}
	case u.Scheme == "icmp":
		return &check.ICMP{Host: u.Hostname(), Count: check.DefaultPings}
	case u.Scheme == "ws" || u.Scheme == "wss":
		return &check.WebSocket{URL: raw, Send: b.text("body"), SkipVerify: insecure, Headers: b.pairs("headers"), MaxBody: check.DefaultMaxBody}
	}
	r.lose(b.path, "the whole endpoint %q: there are no checks of %q", b.text("name"), u.Scheme)
	return nil
}

// setExpect puts assertions into a spec.
func setExpect(spec check.Spec, expect []string) {
	switch s := spec.(type) {
	case *check.API:
		s.Steps[len(s.Steps)-1].Expect = expect
	case *check.TCP:
		s.Expect = expect
	case *check.DNS:
		s.Expect = expect
	case *check.TLS:
		s.Expect = expect
	case *check.ICMP:
		s.Expect = expect
	case *check.WebSocket:
		s.Expect = expect
	}
}

// implied is a condition that every check here has by itself.
func implied(condition string, kind check.Kind) bool {
	return strings.ReplaceAll(condition, " ", "") == "[CONNECTED]==true" && kind != check.KindAPI
}

var (
	gatusForm    = regexp.MustCompile(`^\s*(\S.*?)\s*(==|!=|<=|>=|<|>)\s*(.*?)\s*$`)
	gatusSide    = regexp.MustCompile(`^(len|has)?\(?\[([A-Z_]+)\]((?:\.[A-Za-z_][A-Za-z0-9_-]*|\[[0-9]+\])*)\)?$`)
	plainNumber  = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	plainPattern = regexp.MustCompile(`^pat\((.*)\)$`)
	anyOf        = regexp.MustCompile(`^any\((.*)\)$`)
)

// gatusCondition says a condition as an assertion, "" where it cannot.
func gatusCondition(condition string) string {
	m := gatusForm.FindStringSubmatch(condition)
	if m == nil {
		return ""
	}
	left, op, right := m[1], m[2], m[3]
	side := gatusSide.FindStringSubmatch(left)
	if side == nil {
		return ""
	}
	function, name, path := side[1], side[2], side[3]
	subject, value := "", literal
	switch name {
	case "STATUS":
		subject = "status"
	case "RESPONSE_TIME":
		subject, value = "time.total", func(s string) string { return s + "ms" }
	case "IP":
		subject, value = "ip", quote
	case "DNS_RCODE":
		subject, value = "rcode", quote
	case "CERTIFICATE_EXPIRATION":
		subject, value = "tls.days_left", days
	case "BODY":
		subject = "body"
		if path != "" {
			subject = "json" + path
		} else if function == "" {
			value = quote
		}
	}
	return gatusLine(subject, function, path, op, right, value)
}

func gatusLine(subject, function, path, op, right string, value func(string) string) string {
	switch {
	case subject == "" || path != "" && !strings.HasPrefix(subject, "json"):
		return ""
	case function == "has":
		if (op == "==") == (right == "true") {
			return subject + " != nil"
		}
		return subject + " == nil"
	case function == "len":
		subject, value = "len("+subject+")", literal
	}
	not := ""
	if op == "!=" {
		not = "not "
	}
	if m := plainPattern.FindStringSubmatch(right); m != nil && (op == "==" || op == "!=") {
		parts := strings.Split(m[1], "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		return fmt.Sprintf("%s(%s matches %s)", not, subject, quote("^(?s)"+strings.Join(parts, ".*")+"$"))
	}
	if m := anyOf.FindStringSubmatch(right); m != nil && (op == "==" || op == "!=") {
		var values []string
		for _, v := range strings.Split(m[1], ",") {
			values = append(values, value(strings.TrimSpace(v)))
		}
		return fmt.Sprintf("%s(%s in [%s])", not, subject, strings.Join(values, ", "))
	}
	if v := value(right); v != "" {
		return fmt.Sprintf("%s %s %s", subject, op, v)
	}
	return ""
}

// literal is a value as an expression has it.
func literal(s string) string {
	if plainNumber.MatchString(s) || s == "true" || s == "false" {
		return s
	}
	return quote(strings.Trim(s, `"`))
}

// days is a duration as a number of days, "" where it is none.
func days(s string) string {
	d, err := time.ParseDuration(s)
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(d.Hours()/24, 'f', -1, 64)
}
