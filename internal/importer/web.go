package importer

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// secretHeaders hold what must not stand in a file.
var secretHeaders = []string{"authorization", "cookie", "proxy-authorization", "x-api-key"}

// openAPI makes a check of every GET that needs nothing to be filled in.
func openAPI(r *reader, data []byte) error {
	v, err := document(data)
	if err != nil {
		return err
	}
	top := r.bag("", v)
	if top.text("openapi") == "" {
		return fmt.Errorf("has no openapi: is it a description of version 3?")
	}
	base := ""
	if servers := top.list("servers"); len(servers) > 0 {
		base = r.bag("servers[0]", servers[0]).text("url")
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || strings.Contains(base, "{") {
		return fmt.Errorf("its servers name no address to ask; write servers: [{url: https://…}] with a whole address")
	}
	paths := top.in("paths")
	for _, path := range slices.Sorted(maps.Keys(paths.m)) {
		item := paths.in(path)
		for _, method := range slices.Sorted(maps.Keys(item.m)) {
			if slices.Contains([]string{"parameters", "summary", "description", "servers"}, method) {
				continue
			}
			place := item.path + "." + method
			o := item.in(method)
			needed := needs(append(item.list("parameters"), o.list("parameters")...))
			switch {
			case method != "get":
				r.lose(place, "only GET is imported, as others change something")
			case needed != "" || strings.Contains(path, "{"):
				r.lose(place, "it wants values for parameters %s", strings.TrimSpace(needed+" in "+path))
			default:
				r.openAPIOperation(place, strings.TrimSuffix(base, "/")+path, path, o)
			}
		}
	}
	return nil
}

// needs names the parameters without which nothing can be asked.
func needs(parameters []any) string {
	var names []string
	for _, p := range parameters {
		m, _ := p.(map[string]any)
		if m["required"] == true || m["$ref"] != nil {
			names = append(names, fmt.Sprint(m["name"]))
		}
	}
	return strings.Join(names, ", ")
}

func (r *reader) openAPIOperation(place, address, path string, o *bag) {
	name := o.text("operationId")
	if name == "" {
		name = "GET " + path
	}
	c := begin(name)
	if d := []rune(o.text("summary")); len(d) > 0 {
		c.Description = string(d[:min(len(d), 500)])
	}
	c.Tags = o.texts("tags")
	expect := []string{"status < 400"}
	for _, code := range slices.Sorted(maps.Keys(o.in("responses").m)) {
		if len(code) == 3 && code[0] == '2' && code != "2XX" {
			expect = []string{"status == " + code}
			break
		}
	}
	if len(o.list("security")) > 0 {
		r.lose(place+".security", "who asks has to be said by hand, as `auth:`")
	}
	c.Spec = check.OneRequest(request("GET", address), expect, nil)
	r.add(place, c)
}

// har makes a check of every request of a recording, once.
func har(r *reader, data []byte) error {
	v, err := document(data)
	if err != nil {
		return err
	}
	log := r.bag("", v).in("log")
	if !log.has("entries") {
		return fmt.Errorf("has no log.entries: is it an HTTP archive?")
	}
	seen := map[string]bool{}
	for i, e := range log.list("entries") {
		place := fmt.Sprintf("log.entries[%d]", i)
		entry := r.bag(place, e)
		q, answer := entry.in("request"), entry.in("response")
		method, address := q.text("method"), q.text("url")
		post := q.in("postData")
		key := method + " " + address + "\n" + post.text("text")
		switch {
		case seen[key]:
			r.lose(place, "the same request as before")
			continue
		case !slices.Contains(check.Methods, method) || !strings.HasPrefix(address, "http"):
			r.lose(place, "a request %s %.80s cannot be made here", method, address)
			continue
		}
		seen[key] = true
		request := request(method, address)
		request.MaxRedirects = 0 // a recording has each hop by itself
		request.Body = post.text("text")
		request.Headers = r.harHeaders(q)
		u, err := url.Parse(address)
		if err != nil {
			r.lose(place, "its url is not one")
			continue
		}
		var expect []string
		if status := int(answer.number("status")); status > 0 {
			expect = []string{"status == " + strconv.Itoa(status)}
		}
		c := begin(method + " " + u.Host + u.Path)
		c.Spec = check.OneRequest(request, expect, nil)
		r.add(place, c)
	}
	return nil
}

// harHeaders leaves out what the browser alone means, and lists what is secret.
func (r *reader) harHeaders(q *bag) map[string]string {
	headers := map[string]string{}
	for i, h := range q.list("headers") {
		b := r.bag(fmt.Sprintf("%s.headers[%d]", q.path, i), h)
		name, value := strings.ToLower(b.text("name")), b.text("value")
		switch {
		case slices.Contains(secretHeaders, name):
			r.lose(b.path, "%s holds a credential; put it into a secret and write {{ secrets.name }}", name)
		case slices.Contains([]string{"accept", "accept-language", "content-type", "x-requested-with", "origin", "referer"}, name):
			headers[name] = value
		case !strings.HasPrefix(name, ":") && !strings.HasPrefix(name, "sec-") &&
			!slices.Contains([]string{"host", "connection", "content-length", "accept-encoding", "user-agent", "cache-control", "pragma", "te", "dnt", "upgrade-insecure-requests", "priority", "if-none-match", "if-modified-since"}, name):
			headers[name] = value
		}
	}
	if len(headers) == 0 {
		return nil
	}
	return headers
}

// curl reads commands of curl, one after the other.
func curl(r *reader, data []byte) error {
	commands, err := shellWords(string(data))
	if err != nil {
		return err
	}
	n := 0
	for _, words := range commands {
		if len(words) == 0 {
			continue
		}
		n++
		place := fmt.Sprintf("command %d", n)
		if words[0] != "curl" {
			r.lose(place, "%.40q is not a curl command", words[0])
			continue
		}
		r.curlCommand(place, words[1:])
	}
	if n == 0 {
		return fmt.Errorf("has no curl command")
	}
	return nil
}

// curlLong are the long names of short options.
var curlLong = map[string]string{
	"-X": "--request", "-H": "--header", "-d": "--data", "-u": "--user", "-k": "--insecure", "-L": "--location", "-m": "--max-time",
	"-A": "--user-agent", "-b": "--cookie", "-e": "--referer", "-I": "--head", "-x": "--proxy", "-F": "--form", "-G": "--get",
	"-s": "--silent", "-S": "--show-error", "-f": "--fail", "-v": "--verbose", "-i": "--include", "-o": "--output", "-4": "--ipv4", "-6": "--ipv6",
}

// curlWants are the options that a value follows.
var curlWants = []string{
	"--request", "--header", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json", "--user", "--max-time", "--connect-timeout",
	"--user-agent", "--cookie", "--referer", "--proxy", "--form", "--url", "--output", "--retry", "--cacert", "--cert", "--key", "--resolve",
	"--oauth2-bearer", "--max-redirs", "--write-out", "-w", "--cookie-jar", "-c", "--interface", "--limit-rate", "--retry-delay", "--ciphers", "--tls-max", "-T", "--upload-file",
}

// curlOptions takes the options of a command apart: each with its value.
func (r *reader) curlOptions(place string, words []string) (options [][2]string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		value := ""
		if len(w) > 2 && w[0] == '-' && w[1] != '-' { // -XPOST, or -sSL
			if long := curlLong[w[:2]]; slices.Contains(curlWants, long) {
				options = append(options, [2]string{long, w[2:]})
				continue
			}
			for _, letter := range w[1:] {
				options = append(options, [2]string{curlLong["-"+string(letter)], ""})
				if curlLong["-"+string(letter)] == "" {
					r.lose(place, "the option -%c", letter)
				}
			}
			continue
		}
		if long, ok := curlLong[w]; ok {
			w = long
		}
		if name, v, ok := strings.Cut(w, "="); ok && strings.HasPrefix(w, "--") {
			w, value = name, v
		} else if slices.Contains(curlWants, w) && i+1 < len(words) {
			i++
			value = words[i]
		}
		if !strings.HasPrefix(w, "-") {
			w, value = "--url", w
		}
		options = append(options, [2]string{w, value})
	}
	return options
}

// curlRun is a command as it is read.
type curlRun struct {
	r       *reader
	place   string
	request check.Request
	timeout time.Duration
	expect  []string
	data    []string
	get     bool
}

func (r *reader) curlCommand(place string, words []string) {
	c := &curlRun{r: r, place: place, request: request("", "")}
	c.request.MaxRedirects = 0 // curl follows none by itself
	for _, o := range r.curlOptions(place, words) {
		if name, v := o[0], o[1]; !c.sends(name, v) && !c.connects(name, v) {
			r.lose(place, "the option %s", strings.TrimSpace(name+" "+v))
		}
	}
	r.curlBody(&c.request, c.data, c.get)
	u, err := url.Parse(c.request.URL)
	if err != nil || u.Host == "" {
		r.lose(place, "the whole command: it has no address")
		return
	}
	made := begin("")
	if c.timeout > 0 {
		made.Timeout = c.timeout
	}
	made.Name = strings.TrimSpace(c.request.Method + " " + u.Host + u.Path)
	made.Spec = check.OneRequest(c.request, c.expect, nil)
	r.add(place, made)
}

func (c *curlRun) header(name, value string) {
	if c.request.Headers == nil {
		c.request.Headers = map[string]string{}
	}
	c.request.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
}

// sends takes an option that says what is sent; false where it is none.
func (c *curlRun) sends(name, v string) bool {
	q := &c.request
	switch name {
	case "--url":
		q.URL = v
		if !strings.Contains(v, "://") {
			q.URL = "http://" + v // as curl does
		}
	case "--request":
		q.Method = strings.ToUpper(v)
	case "--header":
		if key, value, ok := strings.Cut(v, ":"); ok {
			c.header(key, value)
		} else {
			c.r.lose(c.place, "the header %q, which takes one away", v)
		}
	case "--data", "--data-raw", "--data-binary", "--data-ascii", "--json", "--data-urlencode":
		c.body(name, v)
	case "--user":
		user, password, _ := strings.Cut(v, ":")
		q.Auth = &check.Auth{User: user, Password: password}
	case "--oauth2-bearer":
		q.Auth = &check.Auth{Bearer: v}
	case "--user-agent", "--referer", "--cookie":
		c.header(strings.TrimPrefix(name, "--"), v)
	case "--head":
		q.Method = "HEAD"
	case "--get":
		c.get = true
	default:
		return false
	}
	return true
}

func (c *curlRun) body(name, v string) {
	if strings.HasPrefix(v, "@") && name != "--data-raw" {
		c.r.lose(c.place, "the body that is in the file %s; write it as `body:`", v[1:])
		if c.request.Method == "" {
			c.request.Method = "POST"
		}
		return
	}
	switch name {
	case "--json":
		c.header("content-type", "application/json")
		c.header("accept", "application/json")
	case "--data-urlencode":
		key, value, _ := strings.Cut(v, "=")
		v = key + "=" + url.QueryEscape(value)
	}
	c.data = append(c.data, v)
}

// connects takes an option that says how, or what does not matter to a check;
// false where it is none.
func (c *curlRun) connects(name, v string) bool {
	q := &c.request
	switch name {
	case "--insecure":
		q.TLS = &check.TLSSettings{SkipVerify: true}
	case "--location":
		q.MaxRedirects = check.DefaultMaxRedirects
	case "--max-redirs":
		if n, err := strconv.Atoi(v); err == nil {
			q.MaxRedirects = min(max(n, 0), 20)
		}
	case "--max-time":
		if s, err := strconv.ParseFloat(v, 64); err == nil {
			c.timeout = c.r.timeout(c.place, time.Duration(s*float64(time.Second)))
		}
	case "--connect-timeout":
		if s, err := strconv.ParseFloat(v, 64); err == nil {
			q.Waits.Connect = time.Duration(s * float64(time.Second))
		}
	case "--proxy":
		q.Proxy = v
	case "--ipv4":
		q.IPFamily = 4
	case "--ipv6":
		q.IPFamily = 6
	case "--http1.1":
		q.HTTP = "1.1"
	case "--http2":
		q.HTTP = "2"
	case "--fail", "--fail-with-body":
		c.expect = []string{"status < 400"}
	case "", "--silent", "--show-error", "--verbose", "--include", "--output", "--compressed", "--write-out", "-w", "--no-progress-meter":
	default:
		return false
	}
	return true
}

// curlBody puts data where curl would.
func (r *reader) curlBody(q *check.Request, data []string, get bool) {
	body := strings.Join(data, "&")
	switch {
	case body == "":
	case get:
		glue := "?"
		if strings.Contains(q.URL, "?") {
			glue = "&"
		}
		q.URL += glue + body
	default:
		q.Body = body
		if q.Headers == nil {
			q.Headers = map[string]string{}
		}
		typed := slices.ContainsFunc(slices.Collect(maps.Keys(q.Headers)), func(h string) bool { return strings.EqualFold(h, "content-type") })
		if !typed {
			q.Headers["content-type"] = "application/x-www-form-urlencoded"
		}
		if q.Method == "" {
			q.Method = "POST"
		}
	}
	if q.Method == "" {
		q.Method = "GET"
	}
}

// shellWords takes commands apart as a POSIX shell does, without expansions.
func shellWords(text string) (commands [][]string, err error) {
	var words []string
	var word strings.Builder
	inWord := false
	quote := rune(0)
	end := func() {
		if inWord {
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	runes := []rune(strings.ReplaceAll(text, "\r\n", "\n"))
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteRune(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && i+1 < len(runes):
			i++
			if runes[i] == '\n' {
				continue
			}
			if quote == '"' && !strings.ContainsRune("\"\\$`", runes[i]) {
				word.WriteRune('\\')
			}
			word.WriteRune(runes[i])
			inWord = true
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '$' && i+1 < len(runes) && runes[i+1] == '\'' && !inWord:
			// $'…' of copied commands: what is inside is taken as it is.
		case c == '#' && !inWord:
			for i+1 < len(runes) && runes[i+1] != '\n' {
				i++
			}
		case c == '\n' || c == ';':
			end()
			commands, words = append(commands, words), nil
		case c == ' ' || c == '\t':
			end()
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is opened and never closed", quote)
	}
	end()
	return append(commands, words), nil
}
