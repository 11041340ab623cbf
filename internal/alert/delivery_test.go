package alert

import (
	"strings"
	"testing"
	"time"
)

// Tries come at growing distances until patience ends, with one last try there.
func TestRetries(t *testing.T) {
	d := Delivery{Channel: webhook("ops", func(c *Channel) { c.GiveUp = Span(time.Hour) }), Created: start}
	d.Message.Key = "k"
	now, tries := start, 0
	var last time.Duration
	for {
		d.Try++
		tries++
		fate, next := d.Settle(Outcome{Error: "500", At: now})
		if fate == GivenUp {
			break
		}
		if wait := next.Sub(now); wait <= 0 || wait > retryCap || next.After(start.Add(time.Hour)) {
			t.Fatalf("try %d is followed by another after %s, at %s", d.Try, wait, next)
		} else {
			last = wait
		}
		now = next
	}
	if now.Sub(start) != time.Hour || tries < 10 || tries > 25 || last == 0 {
		t.Errorf("given up after %d tries and %s", tries, now.Sub(start))
	}
	for name, c := range map[string]struct {
		try  int
		o    Outcome
		want Fate
	}{
		"sent":                  {1, Outcome{At: start}, Done},
		"refused once":          {1, Outcome{At: start, Error: "400", Refused: true}, Waiting},
		"refused thrice":        {3, Outcome{At: start, Error: "400", Refused: true}, GivenUp},
		"a test is tried once":  {1, Outcome{At: start, Error: "500"}, GivenUp},
		"the service asks wait": {1, Outcome{At: start, Error: "429", RetryAfter: 3 * time.Minute}, Waiting},
	} {
		d := Delivery{Try: c.try, Channel: webhook("ops"), Created: start}
		d.Message.Test = strings.HasPrefix(name, "a test")
		fate, next := d.Settle(c.o)
		if fate != c.want {
			t.Errorf("%s: %s, want %s", name, fate, c.want)
		}
		if c.o.RetryAfter > 0 && next.Sub(start) < c.o.RetryAfter {
			t.Errorf("%s: tried again after %s", name, next.Sub(start))
		}
	}
}

func TestChannelsAreChecked(t *testing.T) {
	good := []Channel{
		webhook("ops"),
		{Name: "mail", Email: &Email{Server: "smtp.example.com:587", From: "Probes <probes@example.com>", To: []string{"a@example.com"}, User: "u", Password: "{{ secrets.smtp }}"}},
		{Name: "slack", Slack: &Slack{Token: "{{ secrets.slack }}", Channel: "C1"}},
		{Name: "pd", PagerDuty: &PagerDuty{Key: "{{ secrets.pd }}"}},
		{Name: "ntfy", URL: "ntfy://:{{ secrets.ntfy }}@ntfy.sh/topic"},
		{Name: "beat", DeadMan: &DeadMan{URL: "https://hc.example/{{ secrets.hc }}"}},
	}
	for _, c := range good {
		if fs := c.Validate(anyBody); fs != nil {
			t.Errorf("%s: %v", c.Name, fs)
		}
		data, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(data)
		again, _ := back.Encode()
		if err != nil || string(again) != string(data) {
			t.Errorf("%s is read back as %s: %v", data, again, err)
		}
	}
	bad := func(path string, change func(*Channel)) {
		t.Helper()
		c := webhook("ops")
		change(&c)
		for _, f := range c.Validate(anyBody) {
			if f.Path == path {
				return
			}
		}
		t.Errorf("%s: no fault in %v", path, c.Validate(anyBody))
	}
	bad("", func(c *Channel) { c.Webhook = nil })
	bad("", func(c *Channel) { c.Slack = &Slack{} })
	bad("name", func(c *Channel) { c.Name = "Ops!" })
	bad("webhook.url", func(c *Channel) { c.Webhook.URL = "ftp://x" })
	bad("webhook.url", func(c *Channel) { c.Webhook.URL = "https://user:password@x.example/" })
	bad("webhook.secret", func(c *Channel) { c.Webhook.Secret = "in the clear" })
	bad(`webhook.headers["Authorization"]`, func(c *Channel) { c.Webhook.Headers = map[string]string{"Authorization": "Bearer x"} })
	bad(`webhook.headers["X"]`, func(c *Channel) { c.Webhook.Headers = map[string]string{"X": "a\r\nEvil: b"} })
	bad("url", func(c *Channel) { c.URL = "discord://token@id" })
	bad("slack.token", func(c *Channel) { c.Slack = &Slack{Token: "xoxb-1", Channel: "C1"} })
	bad("email.tls", func(c *Channel) { c.Email = &Email{User: "u", TLS: "none"} })
	bad("email.to[0]", func(c *Channel) { c.Email = &Email{To: []string{"a@example.com\r\nBcc: b@example.com"}} })
	bad("send[0]", func(c *Channel) { c.Send = []Kind{"everything"} })
	bad("rate.max", func(c *Channel) { c.Rate = &Rate{} })
	bad("quiet.from", func(c *Channel) { c.Quiet = &Quiet{From: "25:00", To: "07:00"} })
	bad("quiet.zone", func(c *Channel) { c.Quiet = &Quiet{From: "22:00", To: "07:00", Zone: "Mars/Base"} })
	if _, err := Decode([]byte(`{"name":"ops","wbehook":{}}`)); err == nil {
		t.Error("a key that is not known is accepted")
	}
}

// anyBody takes every template: what is wrong with one is known to alertbody.
func anyBody(string) error { return nil }
