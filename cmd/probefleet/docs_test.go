package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
	"github.com/probefleet/probefleet/internal/secret"
)

// guide is a server that answers as the examples of docs/checks.md expect.
func guide(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/products":
		fmt.Fprint(w, `{"products": [{"name": "tea", "price": 3}, {"name": "coffee", "price": 4}]}`)
	case r.URL.Path == "/login":
		fmt.Fprint(w, `{"id": 7, "token": "a-token"}`)
	case strings.HasPrefix(r.URL.Path, "/orders/"):
		fmt.Fprint(w, `{"id": 7}`)
	case strings.HasPrefix(r.URL.Path, "/rdap/"):
		fmt.Fprintf(w, `{"events": [{"eventAction": "registration", "eventDate": "2001-02-03T04:05:06Z"}, {"eventAction": "expiration", "eventDate": %q}]}`, time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339))
	case r.URL.Path == "/old":
		http.Redirect(w, r, "/products", http.StatusFound)
	case r.URL.Path == "/token":
		fmt.Fprint(w, `{"access_token": "granted-token", "expires_in": 60}`)
	case r.URL.Path == "/echo":
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{}
		for name := range r.Header {
			headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"body": string(body), "query": r.URL.RawQuery, "headers": headers})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// certificate is a certificate for the guide's server, signed by itself.
func certificate(t *testing.T) (pair tls.Certificate, cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"shop.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if pair, err = tls.X509KeyPair([]byte(cert), []byte(key)); err != nil {
		t.Fatal(err)
	}
	return pair, cert, key
}

// exampleCell is the last cell of a row of a table: a part of a check.
var exampleCell = regexp.MustCompile("(?m)^\\|.*\\| `((request|steps|tcp|dns|tls|icmp|grpc|websocket|heartbeat): .*)` \\|$")

// TestExamplesOfTheDocument runs every example of the tables of docs/checks.md,
// and reads its files.
func TestExamplesOfTheDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewServer(http.HandlerFunc(guide))
	t.Cleanup(plain.Close)
	pair, cert, key := certificate(t)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(guide))
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}})
	t.Cleanup(proxy.Close)
	known, err := secret.NewStore(map[string]string{"token": "a-secret-token", "ca": cert, "cert": cert, "key": key})
	if err != nil {
		t.Fatal(err)
	}
	all := map[check.Kind]runner.Runner{check.KindAPI: apirunner.New(apirunner.Options{}), check.KindHeartbeat: jobRunner{t}}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(cert))
	netrunner.New(netrunner.Options{RootCAs: roots}).Add(all)
	mux := runner.NewMux(all, time.Now, slog.New(slog.DiscardHandler))
	mux.Use(known)
	options := checkfile.Options{Vars: map[string]string{
		"base": plain.URL, "secure": secure.URL, "proxy": proxy.URL,
		"tcp": lineServer(t), "tls": secure.Listener.Addr().String(), "dns": nameServer(t), "grpc": healthServer(t),
		"ws": socketServer(t, nil), "wss": socketServer(t, &pair),
	}}

	examples := exampleCell.FindAllStringSubmatch(string(doc), -1)
	if len(examples) < 63 {
		t.Fatalf("%d examples: are they still in the tables?", len(examples))
	}
	for _, e := range examples {
		text, kind := strings.ReplaceAll(e[1], `\|`, "|"), e[2]
		if kind == "request" || kind == "steps" {
			kind = "api"
		}
		cs, err := checkfile.Parse("checks.md", []byte("checks: [{id: example, kind: "+kind+", "+text+"}]"), options)
		if err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		now := time.Now()
		res, err := mux.Run(t.Context(), jobs.New(cs[0], "here", now, 1, now, now.Add(time.Minute)))
		if kind == "icmp" && res.Outcome == jobs.Inconclusive && strings.Contains(res.Fault.Message, "ping_group_range") {
			continue // this kernel lets nobody ping
		}
		if err != nil || res.Outcome != jobs.Passed {
			t.Errorf("%s\n%s: %+v, %v", text, res.Outcome, res.Fault, err)
		}
	}
	t.Logf("%d examples", len(examples))

	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		if !strings.Contains(block[1], "checks:") {
			continue // a part of a file
		}
		if _, err := checkfile.Parse("checks.md", []byte(block[1]), checkfile.Options{}); err != nil {
			t.Errorf("%s\n%v", block[1], err)
		}
	}
}

// Every key of a request, and of what is looked at by other kinds, is in the
// tables.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(checkfile.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	_, network, _ := strings.Cut(string(doc), "## Checks of the network")
	for _, kind := range []string{"tcp", "dns", "tls", "icmp", "grpc", "websocket", "heartbeat"} {
		properties := schema.Defs[kind+"Object"].Properties
		if len(properties) == 0 {
			t.Errorf("the schema does not have %sObject any more", kind)
		}
		for key := range properties {
			row := regexp.MustCompile("(?m)^\\|.*`" + key + "`.*\\| `" + "[a-z]+: .*` \\|$")
			if !row.MatchString(network) {
				t.Errorf("docs/checks.md has no row with an example for `%s` of %s", key, kind)
			}
		}
	}
	for _, key := range checkfile.RequestKeys() {
		if !strings.Contains(string(doc), "| `"+key+"`") && !strings.Contains(string(doc), "| `"+key+".") {
			t.Errorf("docs/checks.md does not say what `%s` of a request is", key)
		}
	}
}

// theirs are the fields that whoever comes from Checkly or Gatus looks for.
var theirs = map[string][]string{
	"## Checkly: every check":   {"name", "description", "activated", "muted", "shouldFail", "locations", "tags", "frequency", "group", "alertChannels", "alertEscalationPolicy", "retryStrategy", "runParallel", "testOnly"},
	"## Checkly: API checks":    {"url", "method", "ipFamily", "followRedirects", "skipSSL", "body", "bodyType", "JSON", "FORM", "RAW", "GRAPHQL", "NONE", "headers", "queryParameters", "basicAuth", "assertions", "setupScript", "tearDownScript", "source", "property", "comparison", "target", "regex", "STATUS_CODE", "JSON_BODY", "HEADERS", "TEXT_BODY", "RESPONSE_TIME", "EQUALS", "NOT_EQUALS", "GREATER_THAN", "LESS_THAN", "CONTAINS", "NOT_CONTAINS", "HAS_KEY", "NOT_HAS_KEY", "HAS_VALUE", "NOT_HAS_VALUE", "IS_EMPTY", "NOT_EMPTY", "IS_NULL", "NOT_NULL"},
	"## Checkly: TCP, DNS, SSL": {"hostname", "port", "ipFamily", "data", "recordType", "query", "nameServer", "protocol", "alertDaysBeforeExpiry", "skipChainValidation"},
	"## Checkly: heartbeats":    {"period", "grace"},
	"## Checkly: retries":       {"LINEAR", "EXPONENTIAL", "FIXED", "SINGLE_RETRY", "NO_RETRIES", "baseBackoffSeconds", "maxRetries", "maxDurationSeconds", "sameRegion", "onlyOn", "NETWORK_ERROR"},
	"## Checkly: alerts":        {"RUN_BASED", "TIME_BASED", "reminders", "parallelRunFailureThreshold", "sendFailure", "sendRecovery", "sendDegraded", "sslExpiry"},
	"## Checkly: results":       {"FINAL", "ATTEMPT", "attempts", "hasFailures", "hasErrors", "isDegraded", "overMaxResponseTime", "runLocation", "startedAt", "stoppedAt", "wait", "dns", "tcp", "firstByte", "download"},
	"## Checkly: commands":      {"test", "deploy", "import", "trigger"},
	"## Gatus":                  {"[STATUS]", "[RESPONSE_TIME]", "[IP]", "[BODY]", "[CONNECTED]", "[CERTIFICATE_EXPIRATION]", "[DOMAIN_EXPIRATION]", "[DNS_RCODE]", "==", "!=", "<", "<=", ">", ">=", "len(", "has(", "pat(", "any("},
}

// Every field of theirs has a row in docs/coming-from.md that says where it
// lives here, or is named in the words of one.
func TestNoFieldOfTheirsIsWithoutAPlace(t *testing.T) {
	doc, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	// maxResponseTime and degradedResponseTime are the same of every check.
	for _, field := range []string{"maxResponseTime", "degradedResponseTime"} {
		if !strings.Contains(string(doc), "| `"+field+"` | `") {
			t.Errorf("docs/coming-from.md does not say where %s lives", field)
		}
	}
	for heading, fields := range theirs {
		_, section, found := strings.Cut(string(doc), "\n"+heading+"\n")
		if !found {
			t.Errorf("docs/coming-from.md has no %q", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		var left []string
		for line := range strings.Lines(section) {
			if cells := strings.Split(line, " | "); len(cells) >= 2 && strings.HasPrefix(line, "| ") && strings.Trim(cells[1], " |\n") != "" {
				left = append(left, cells[0])
			}
		}
		for _, field := range fields {
			word := regexp.MustCompile(`(^|[^A-Za-z_])` + regexp.QuoteMeta(field) + `($|[^A-Za-z_])`)
			if strings.HasSuffix(field, "(") {
				word = regexp.MustCompile(regexp.QuoteMeta(field))
			}
			if !word.MatchString(strings.Join(left, "\n")) {
				t.Errorf("docs/coming-from.md does not say where %s of %q lives", field, heading)
			}
		}
	}
}
