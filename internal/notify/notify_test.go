package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/egress"
)

// hostile is what strangers may write into names and messages.
const hostile = "<!channel> <https://evil.example|log in> *bold* <script>alert(1)</script>\r\nBcc: victim@example.com\r\n\r\n@here {{ secrets.key }}"

var opened = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func message(what ...alert.What) alert.Message {
	m := alert.Message{Version: 1, Key: "0123456789abcdef", Thread: "incident/1", Channel: "ops", At: opened, Title: hostile + " is down", Open: 1}
	for _, w := range what {
		m.Items = append(m.Items, alert.Item{
			What: w, AlertID: "incident", Kind: alert.Outage, CheckID: "shop", Name: hostile, Line: hostile + " is down", Opened: opened,
			Facts: alert.Facts{Message: "status == 200 (got 503) " + hostile, Locations: []string{"fra"}},
		})
	}
	return m
}

var secrets = map[string]string{"key": "whsec_c2VjcmV0LWtleS1vZi10aGlz", "token": "xoxb-very-secret", "pd": "routing-key-secret", "password": "smtp-password-1"}

func newNotifier(change ...func(*Options)) *Notifier {
	o := Options{
		Secret:     func(name string) (string, bool) { v, ok := secrets[name]; return v, ok },
		ConsoleURL: "https://console.example/",
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

// received is a request that a receiver got.
type received struct {
	path   string
	header http.Header
	body   string
}

// receiver is a real server that answers each request as told.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []received
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, received{req.URL.Path, req.Header, string(body)})
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }

func send(n *Notifier, c alert.Channel, m alert.Message) alert.Outcome {
	c.Name = "ops"
	return n.Send(context.Background(), alert.Delivery{Channel: c, Message: m, Try: 1})
}

func TestWebhooksAreSigned(t *testing.T) {
	r := newReceiver(t, ok)
	c := alert.Channel{Webhook: &alert.Webhook{URL: r.URL + "/hook", Secret: "{{ secrets.key }}", Headers: map[string]string{"X-Token": "{{ secrets.token }}"}}}
	if o := send(newNotifier(), c, message(alert.TellOpened)); o.Error != "" {
		t.Fatal(o.Error)
	}
	got := r.got[0]
	id, stamp := got.header.Get("Webhook-Id"), got.header.Get("Webhook-Timestamp")
	mac := hmac.New(sha256.New, []byte("secret-key-of-this"))
	mac.Write([]byte(id + "." + stamp + "." + got.body))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.header.Get("Webhook-Signature") != want {
		t.Errorf("signature %q, want %q", got.header.Get("Webhook-Signature"), want)
	}
	if id != "0123456789abcdef" || got.header.Get("X-Token") != "xoxb-very-secret" {
		t.Errorf("headers %v", got.header)
	}
	var back alert.Message
	if err := json.Unmarshal([]byte(got.body), &back); err != nil || back.Items[0].Name != hostile || back.Items[0].URL != "https://console.example/incidents/incident" {
		t.Errorf("the body %s says %+v: %v", got.body, back, err)
	}
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		refused bool
		after   time.Duration
		status  int
	}{
		"500": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "xoxb-very-secret broke", 500) }, false, 0, 500},
		"400": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, true, 0, 400},
		"429": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }, false, 7 * time.Second, 429},
		"302": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 302) }, false, 0, 302},
	} {
		r := newReceiver(t, c.answer)
		o := send(newNotifier(), alert.Channel{Webhook: &alert.Webhook{URL: r.URL, Headers: map[string]string{"X-Token": "{{ secrets.token }}"}}}, message(alert.TellOpened))
		if o.Error == "" || o.Refused != c.refused || o.RetryAfter != c.after || o.Status != c.status {
			t.Errorf("%s: %+v", name, o)
		}
		if strings.Contains(o.Error, "xoxb-very-secret") {
			t.Errorf("%s: the error holds a secret: %s", name, o.Error)
		}
		if len(r.got) != 1 {
			t.Errorf("%s: %d requests, as if a redirect were followed", name, len(r.got))
		}
	}
}

func TestEgressPolicyHolds(t *testing.T) {
	r := newReceiver(t, ok)
	n := newNotifier(func(o *Options) { o.Control = egress.NewPolicy(nil, nil).Control })
	host := strings.TrimPrefix(r.URL, "http://")
	for name, c := range map[string]alert.Channel{
		"webhook":   {Webhook: &alert.Webhook{URL: r.URL}},
		"pagerduty": {PagerDuty: &alert.PagerDuty{Key: "{{ secrets.pd }}", URL: r.URL}},
		"slack":     {Slack: &alert.Slack{Token: "{{ secrets.token }}", Channel: "C1", API: r.URL}},
		"email":     {Email: &alert.Email{Server: host, From: "a@example.com", To: []string{"b@example.com"}, TLS: "none"}},
		"dead man":  {DeadMan: &alert.DeadMan{URL: r.URL}},
		"shoutrrr":  {URL: "generic+http://" + host + "/{{ secrets.token }}"},
	} {
		if o := send(n, c, message(alert.TellOpened)); !strings.Contains(o.Error, "egress policy") {
			t.Errorf("%s: %q", name, o.Error)
		}
	}
	if len(r.got) > 0 {
		t.Errorf("%d requests came through", len(r.got))
	}
}

func TestAMissingSecretIsNamed(t *testing.T) {
	r := newReceiver(t, ok)
	o := send(newNotifier(), alert.Channel{Webhook: &alert.Webhook{URL: r.URL, Secret: "{{ secrets.nobody }}"}}, message(alert.TellOpened))
	if !strings.Contains(o.Error, "no secret nobody") || len(r.got) > 0 {
		t.Errorf("%q, %d requests", o.Error, len(r.got))
	}
}

// Nothing that a stranger wrote is a mention, a link or a format: it is plain
// text in blocks, and escaped where Slack reads its own language.
func TestSlack(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true,"ts":"17.42"}`) })
	c := alert.Channel{Slack: &alert.Slack{Token: "{{ secrets.token }}", Channel: "C1", API: r.URL}}
	n := newNotifier()
	o := send(n, c, message(alert.TellOpened))
	if o.Error != "" || o.Receipt != "17.42" || r.got[0].header.Get("Authorization") != "Bearer xoxb-very-secret" {
		t.Fatalf("%+v %v", o, r.got[0].header)
	}
	var said struct {
		Text, Channel, ThreadTS string
		Blocks                  []map[string]any
	}
	if err := json.Unmarshal([]byte(r.got[0].body), &said); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(said.Text, "<>\n") || said.Channel != "C1" {
		t.Errorf("text %q to %q", said.Text, said.Channel)
	}
	for _, b := range said.Blocks {
		if text, ok := b["text"].(map[string]any); ok && text["type"] != "plain_text" {
			t.Errorf("a block is %v", text)
		}
	}
	m := message(alert.TellClosed)
	m.Open = 0
	n.Send(context.Background(), alert.Delivery{Channel: c, Message: m, Root: "17.42"})
	if body := r.got[1].body; !strings.Contains(body, `"thread_ts":"17.42"`) || !strings.Contains(body, `"reply_broadcast":true`) {
		t.Errorf("the end is not in the thread of the begin: %s", body)
	}
	refusing := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":false,"error":"invalid_auth"}`)
	})
	c.Slack.API = refusing.URL
	if o := send(n, c, message(alert.TellOpened)); !strings.Contains(o.Error, "invalid_auth") {
		t.Errorf("%+v", o)
	}
}

func TestPagerDuty(t *testing.T) {
	r := newReceiver(t, ok)
	c := alert.Channel{PagerDuty: &alert.PagerDuty{Key: "{{ secrets.pd }}", URL: r.URL}}
	over, both := message(alert.TellClosed), message(alert.TellOpened, alert.TellClosed)
	over.Open, both.Open = 0, 0
	for _, m := range []alert.Message{message(alert.TellOpened), over, both} {
		if o := send(newNotifier(), c, m); o.Error != "" {
			t.Fatal(o.Error)
		}
	}
	var actions []string
	for _, got := range r.got {
		var e struct {
			RoutingKey  string `json:"routing_key"`
			EventAction string `json:"event_action"`
			DedupKey    string `json:"dedup_key"`
			Payload     struct{ Summary, Severity, Source string }
			Links       []struct{ Href string }
		}
		if err := json.Unmarshal([]byte(got.body), &e); err != nil {
			t.Fatal(err)
		}
		actions = append(actions, e.EventAction)
		if e.RoutingKey != "routing-key-secret" || e.DedupKey != "probefleet/incident/1" || e.Payload.Severity != "critical" ||
			strings.ContainsAny(e.Payload.Summary, "\r\n") || e.Links[0].Href != "https://console.example/incidents/incident" {
			t.Errorf("event %s", got.body)
		}
	}
	if got := strings.Join(actions, " "); got != "trigger resolve trigger resolve" {
		t.Errorf("actions %s", got)
	}
}

func TestShoutrrr(t *testing.T) {
	r := newReceiver(t, ok)
	c := alert.Channel{URL: "generic+" + r.URL + "/hook?@X-Token={{ secrets.token }}"}
	if o := send(newNotifier(), c, message(alert.TellOpened)); o.Error != "" {
		t.Fatal(o.Error)
	}
	if got := r.got[0]; got.header.Get("X-Token") != "xoxb-very-secret" || !strings.Contains(got.body, "status == 200 (got 503)") {
		t.Errorf("%v %s", got.header, got.body)
	}
	o := send(newNotifier(), alert.Channel{URL: "nosuch://{{ secrets.token }}@x"}, message(alert.TellOpened))
	if o.Error == "" || strings.Contains(o.Error, "xoxb") {
		t.Errorf("%q", o.Error)
	}
}
