package importer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// checkly reads checks as Checkly's API lists them.
func checkly(r *reader, data []byte) error {
	v, err := document(data)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for i, c := range list {
		r.checklyCheck(r.bag(fmt.Sprintf("[%d]", i), c))
	}
	return nil
}

func (r *reader) checklyCheck(b *bag) {
	c := begin(b.text("name"))
	c.Tags, c.Muted = b.texts("tags"), b.flag("muted")
	c.Description = b.text("description")
	c.Active = !b.has("activated") || b.m["activated"] == true
	if locations := b.texts("locations"); len(locations) > 0 {
		c.Locations = locations
	}
	if minutes := b.number("frequency"); minutes > 0 {
		c.Every = r.interval(b.path+".frequency", time.Duration(minutes*float64(time.Minute)))
	} else if offset := b.number("frequencyOffset"); offset > 0 {
		c.Every = r.interval(b.path+".frequencyOffset", time.Duration(offset)*time.Second)
	}
	b.ignore("id", "activated", "created_at", "updated_at", "createdAt", "updatedAt", "frequencyOffset", "groupOrder", "runtimeId", "checkType", "useGlobalAlertSettings", "sslCheckDomain", "runParallel")
	switch kind := b.text("checkType"); kind {
	case "API":
		r.checklyAPI(b, &c)
	case "TCP":
		q := b.in("request")
		c.Spec = &check.TCP{Address: q.text("hostname") + ":" + q.text("port"), Send: q.text("data"), IPFamily: checklyFamily(q), MaxBody: check.DefaultMaxBody}
		q.lose("assertions of this kind are to be said by hand", "assertions")
		q.done()
	case "DNS":
		q := b.in("request")
		d := &check.DNS{Name: q.text("query"), Type: q.text("recordType"), Server: q.text("nameServer"), Protocol: strings.ToLower(q.text("protocol")), IPFamily: 0}
		if d.Server != "" {
			port := q.text("port")
			if port == "" {
				port = "53"
			}
			d.Server += ":" + port
		}
		if d.Protocol == "" {
			d.Protocol = "udp"
		}
		q.lose("assertions of this kind are to be said by hand", "assertions")
		q.done()
		c.Spec = d
	default:
		r.lose(b.path, "the whole check %q: checks of type %q cannot be read from there; its script has to be said as steps", b.text("name"), kind)
		return
	}
	c.Retry = b.checklyRetry()
	b.lose("say when failing is an outage as `alert:`", "alertSettings", "alertEscalationPolicy")
	b.lose("who is alerted is not part of a check file", "alertChannelSubscriptions", "alertChannels")
	b.lose("a script cannot be run here", "localSetupScript", "localTearDownScript", "setupSnippetId", "tearDownSnippetId", "setupScript", "tearDownScript")
	b.lose("locations of your own are named in locations", "privateLocations")
	b.lose("groups have names here; say it as `group:`", "groupId")
	b.lose("write them as vars: or secrets", "environmentVariables")
	b.done()
	r.add(b.path, c)
}

// checklyRetry reads what becomes of a run that failed. Its bounds are those of
// a check here, and what is out of them is listed.
func (b *bag) checklyRetry() check.Retry {
	s := b.in("retryStrategy")
	strategy := map[string]check.RetryStrategy{
		"FIXED": check.RetryFixed, "SINGLE_RETRY": check.RetryFixed, "LINEAR": check.RetryLinear, "EXPONENTIAL": check.RetryExponential,
	}[s.text("type")]
	if strategy == check.RetryNone {
		if kind := s.text("type"); kind != "" && kind != "NO_RETRIES" {
			b.r.lose(s.path+".type", "there is no strategy like %q here", kind)
		}
		s.ignore("baseBackoffSeconds", "maxRetries", "maxDurationSeconds", "sameRegion", "onlyOn")
		s.done()
		if b.flag("doubleCheck") && !b.has("retryStrategy") {
			return check.Retry{Strategy: check.RetryFixed, Base: check.DefaultRetryBase, Max: 1, MaxDuration: check.DefaultRetryMaxDuration, Elsewhere: true}
		}
		return check.Retry{}
	}
	b.ignore("doubleCheck") // what the strategy took the place of
	retry := check.Retry{Strategy: strategy, Base: check.DefaultRetryBase, Max: check.DefaultRetryMax, MaxDuration: check.DefaultRetryMaxDuration}
	if s.text("type") == "SINGLE_RETRY" {
		retry.Max = 1
	}
	s.retryWait("baseBackoffSeconds", &retry.Base)
	s.retryWait("maxDurationSeconds", &retry.MaxDuration)
	if n := s.number("maxRetries"); n != 0 {
		retry.Max = int(min(max(n, 1), check.MaxRetries))
		if float64(retry.Max) != n {
			b.r.lose(s.path+".maxRetries", "%s retries; %d are taken, the nearest that there is", number(n), retry.Max)
		}
	}
	if same, said := s.take("sameRegion").(bool); said {
		retry.Elsewhere = !same
	}
	s.retryOnly(&retry)
	if strategy == check.RetryExponential && retry.Max > 1 {
		b.r.lose(s.path+".type", "waits there are multiplied by the first one in seconds each time; here they double")
	}
	s.done()
	return retry
}

// retryWait reads a wait in seconds into the bounds of a retry.
func (b *bag) retryWait(key string, into *time.Duration) {
	if !b.has(key) {
		return
	}
	seconds := b.number(key)
	bounded := min(max(seconds, 1), check.MaxRetryDuration.Seconds())
	if bounded != seconds {
		b.r.lose(b.path+"."+key, "%s seconds; %s are taken, the nearest that there are", number(seconds), number(bounded))
	}
	*into = time.Duration(bounded * float64(time.Second))
}

// retryOnly reads which failures are tried again: a word or a list of them.
func (b *bag) retryOnly(retry *check.Retry) {
	words := b.texts("onlyOn")
	if len(words) == 0 && b.text("onlyOn") != "" {
		words = []string{b.text("onlyOn")}
	}
	for _, w := range words {
		if w == "NETWORK_ERROR" {
			retry.OnlyNetwork = true
			continue
		}
		b.r.lose(b.path+".onlyOn", "there is nothing like %q here", w)
	}
}

func checklyFamily(q *bag) int {
	return map[string]int{"IPv6": 6}[q.text("ipFamily")] // IPv4 is the default there, and no demand
}

func (r *reader) checklyAPI(b *bag, c *check.Check) {
	q := b.in("request")
	method := q.text("method")
	if method == "" {
		method = "GET"
	}
	request := request(method, q.text("url"))
	if strings.Contains(request.URL, "{{") || strings.Contains(request.URL, "}}") {
		r.lose(q.path+".url", "%q names a variable of Checkly; write {{ vars.name }}", request.URL)
	}
	request.Headers, request.Query = named(q.list("headers")), named(q.list("queryParameters"))
	request.Body = q.text("body")
	if q.text("bodyType") == "GRAPHQL" {
		request.BodyType, request.GraphQL, request.Body = check.BodyGraphQL, &check.GraphQL{Query: request.Body}, ""
	}
	if m, ok := q.m["followRedirects"].(bool); ok && !m {
		request.MaxRedirects = 0
	}
	if q.flag("skipSSL") {
		request.TLS = &check.TLSSettings{SkipVerify: true}
	}
	request.IPFamily = checklyFamily(q)
	if basic := q.in("basicAuth"); basic.text("username") != "" {
		request.Auth = &check.Auth{User: basic.text("username"), Password: basic.text("password")}
	}
	q.ignore("followRedirects", "basicAuth")
	var expect, degraded []string
	for i, a := range q.list("assertions") {
		one := r.bag(fmt.Sprintf("%s.assertions[%d]", q.path, i), a)
		expect = append(expect, r.line(one.path, check.KindAPI, one.text("source")+" "+one.text("property")+" "+one.text("comparison")+" "+one.text("target"), checklyLine(one))...)
	}
	if ms := b.number("maxResponseTime"); ms > 0 {
		expect = append(expect, fmt.Sprintf("time.total < %sms", number(ms)))
	}
	if ms := b.number("degradedResponseTime"); ms > 0 {
		degraded = append(degraded, fmt.Sprintf("time.total < %sms", number(ms)))
	}
	spec := check.OneRequest(request, expect, degraded)
	spec.ExpectFailure = b.flag("shouldFail")
	c.Spec = spec
	q.done()
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// named are lists of {key, value}.
func named(list []any) map[string]string {
	out := map[string]string{}
	for _, v := range list {
		if m, ok := v.(map[string]any); ok && m["key"] != nil && m["locked"] != true {
			out[fmt.Sprint(m["key"])] = fmt.Sprint(m["value"])
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// simplePath is a JSONPath that is a path here too.
var simplePath = regexp.MustCompile(`^\$((?:\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\]|\['[^']+'\])*)$`)

// checklyLine says an assertion, "" where it cannot.
func checklyLine(a *bag) string {
	property, comparison, target := a.text("property"), a.text("comparison"), a.text("target")
	subject, value := "", literal
	switch a.text("source") {
	case "STATUS_CODE":
		subject = "status"
	case "RESPONSE_TIME":
		subject, value = "time.total", func(s string) string { return s + "ms" }
	case "TEXT_BODY":
		subject, value = "body", quote
	case "HEADERS":
		subject, value = "headers["+quote(strings.ToLower(property))+"]", quote
	case "JSON_BODY":
		if m := simplePath.FindStringSubmatch(property); m != nil {
			subject = "json" + m[1]
		}
	}
	if subject == "" || a.text("regex") != "" {
		return ""
	}
	switch comparison {
	case "EQUALS":
		return subject + " == " + value(target)
	case "NOT_EQUALS":
		return subject + " != " + value(target)
	case "GREATER_THAN":
		return subject + " > " + value(target)
	case "LESS_THAN":
		return subject + " < " + value(target)
	case "CONTAINS":
		return subject + " contains " + quote(target)
	case "NOT_CONTAINS":
		return "not (" + subject + " contains " + quote(target) + ")"
	case "IS_EMPTY":
		return "len(" + subject + ") == 0"
	case "NOT_EMPTY":
		return "len(" + subject + ") > 0"
	case "IS_NULL":
		return subject + " == nil"
	case "NOT_NULL":
		return subject + " != nil"
	case "HAS_KEY":
		return quote(target) + " in " + subject
	case "NOT_HAS_KEY":
		return "not (" + quote(target) + " in " + subject + ")"
	case "HAS_VALUE":
		return "any(values(" + subject + "), # == " + literal(target) + ")"
	case "NOT_HAS_VALUE":
		return "none(values(" + subject + "), # == " + literal(target) + ")"
	}
	return ""
}
