package alert

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
)

// Fault is one thing that is wrong with a channel, by the path of the field.
type Fault struct{ Path, Message string }

func (f Fault) Error() string { return f.Path + ": " + f.Message }

// Reference finds {{ secrets.name }}.
var Reference = regexp.MustCompile(`\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}`)

// wholeReference is a text that is a secret and nothing else.
var wholeReference = regexp.MustCompile(`^\{\{\s*secrets\.[A-Za-z_][A-Za-z0-9_]*\s*\}\}$`)

const byReference = "is a secret: keep it by `probefleet secret set`, and write {{ secrets.name }} here"

// Bounds of channels.
const (
	// MaxChannels is the number of channels of an installation.
	MaxChannels = 200
	maxItems    = 50
	maxBody     = 64 << 10
)

// Validate lists everything that is wrong with c, nil where nothing is. body
// says what is wrong with the template of a webhook's body: alertbody.Check.
func (c Channel) Validate(body func(string) error) []Fault {
	var fs []Fault
	add := func(field, format string, args ...any) {
		fs = append(fs, Fault{field, fmt.Sprintf(format, args...)})
	}
	if !check.ValidID(c.Name) {
		add("name", "%q is not a name; use 1 to 63 of a-z, 0-9, '-' and '_', starting with a letter or digit", c.Name)
	}
	kinds := 0
	for _, set := range c.types() {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		add("", "has %d of url, webhook, email, slack, pagerduty and dead_man; write exactly one of them", kinds)
	}
	c.urlFaults(add)
	c.Webhook.faults(add, body)
	c.Email.faults(add)
	c.Slack.faults(add)
	c.PagerDuty.faults(add)
	c.DeadMan.faults(add)
	c.Quiet.faults(add)
	c.ruleFaults(add)
	return fs
}

type adder func(field, format string, args ...any)

func (c Channel) ruleFaults(add adder) {
	sendable := append(slices.Clone(Kinds), Recovery)
	for i, k := range c.Send {
		if !slices.Contains(sendable, k) {
			add(fmt.Sprintf("send[%d]", i), "%q is not something to be told; use some of %q", k, sendable)
		}
	}
	if len(c.Tags) > maxItems {
		add("tags", "has %d tags; at most %d", len(c.Tags), maxItems)
	}
	within := func(field string, s Span, from, to time.Duration) {
		if s.Of() < from || s.Of() > to {
			add(field, "%s is out of range; use %s to %s", s, from, to)
		}
	}
	within("after", c.After, 0, 24*time.Hour)
	within("cooldown", c.Cooldown, 0, 24*time.Hour)
	if c.Group != nil {
		within("group", *c.Group, 0, time.Hour)
	}
	if c.Remind != 0 {
		within("remind", c.Remind, time.Minute, 7*24*time.Hour)
	}
	if c.GiveUp != 0 {
		within("give_up", c.GiveUp, time.Minute, 7*24*time.Hour)
	}
	if c.Reminders < 0 || c.Reminders > check.MaxReminders {
		add("reminders", "%d is out of range; write how many reminders there may be, up to %d, or 0 for any number", c.Reminders, check.MaxReminders)
	}
	if s := c.Storm; s != nil {
		if s.Over < 0 {
			add("storm.over", "%d is below 0", s.Over)
		}
		if s.Every != 0 {
			within("storm.every", s.Every, time.Second, time.Hour)
		}
	}
	if r := c.Rate; r != nil {
		if r.Max < 1 {
			add("rate.max", "%d messages are none; write 1 or more", r.Max)
		}
		within("rate.per", r.Per, time.Second, 24*time.Hour)
	}
	for i, d := range c.Expiry {
		if d < 0 || d > 365 {
			add(fmt.Sprintf("expiry[%d]", i), "%d is out of range; use 0 to 365 days", d)
		}
	}
}

func (c Channel) urlFaults(add adder) {
	if c.URL == "" {
		return
	}
	scheme, _, ok := strings.Cut(c.URL, "://")
	switch {
	case wholeReference.MatchString(c.URL):
	case !ok || scheme == "" || strings.Contains(scheme, "{"):
		add("url", "is no address; write one of shoutrrr, such as discord://{{ secrets.discord }}, or the whole as {{ secrets.name }}")
	case !Reference.MatchString(c.URL):
		add("url", "holds its secrets in the clear; keep them by `probefleet secret set`, and write {{ secrets.name }} in their place")
	}
}

func (w *Webhook) faults(add adder, body func(string) error) {
	if w == nil {
		return
	}
	address("webhook.url", w.URL, add)
	secretFault("webhook.secret", w.Secret, false, add)
	for name, v := range w.Headers {
		path := fmt.Sprintf("webhook.headers[%q]", name)
		if !headerName.MatchString(name) || strings.ContainsAny(v, "\r\n\x00") {
			add(path, "is not a header; a name has letters, digits and '-', a value no line breaks")
		}
		lower := strings.ToLower(name)
		if slices.ContainsFunc([]string{"authorization", "token", "secret", "cookie", "api-key", "apikey", "password"}, func(s string) bool { return strings.Contains(lower, s) }) && !Reference.MatchString(v) {
			add(path, "%s", byReference)
		}
	}
	if len(w.Body) > maxBody {
		add("webhook.body", "has %d bytes; at most %d", len(w.Body), maxBody)
	}
	if err := body(w.Body); err != nil {
		add("webhook.body", "%v", err)
	}
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

func (e *Email) faults(add adder) {
	if e == nil {
		return
	}
	if _, port, err := net.SplitHostPort(e.Server); err != nil || port == "" {
		add("email.server", "%q is not HOST:PORT; write the mail server, such as smtp.example.com:587", e.Server)
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		add("email.from", "%q is not an address of e-mail", e.From)
	}
	if len(e.To) == 0 || len(e.To) > maxItems {
		add("email.to", "has %d addresses; write 1 to %d", len(e.To), maxItems)
	}
	for i, to := range e.To {
		if _, err := mail.ParseAddress(to); err != nil {
			add(fmt.Sprintf("email.to[%d]", i), "%q is not an address of e-mail", to)
		}
	}
	switch e.TLS {
	case "", "starttls", "implicit":
	case "none":
		if e.User != "" || e.Password != "" {
			add("email.tls", "none would send the password in the clear; use starttls or implicit")
		}
	default:
		add("email.tls", "%q is not known; use starttls, implicit or none", e.TLS)
	}
	secretFault("email.password", e.Password, false, add)
}

func (s *Slack) faults(add adder) {
	switch {
	case s == nil:
		return
	case (s.Webhook == "") == (s.Token == ""):
		add("slack", "wants either webhook, or token and channel")
	case s.Token != "" && s.Channel == "":
		add("slack.channel", "is missing; write the id of the channel, such as C0123456789")
	}
	secretFault("slack.webhook", s.Webhook, false, add)
	secretFault("slack.token", s.Token, false, add)
	if s.API != "" {
		address("slack.api", s.API, add)
	}
}

func (p *PagerDuty) faults(add adder) {
	if p == nil {
		return
	}
	secretFault("pagerduty.key", p.Key, true, add)
	if !slices.Contains([]string{"", "critical", "error", "warning", "info"}, p.Severity) {
		add("pagerduty.severity", "%q is not known; use critical, error, warning or info", p.Severity)
	}
	if p.URL != "" {
		address("pagerduty.url", p.URL, add)
	}
}

func (d *DeadMan) faults(add adder) {
	if d == nil {
		return
	}
	address("dead_man.url", d.URL, add)
	if d.Every != 0 && (d.Every.Of() < 10*time.Second || d.Every.Of() > 24*time.Hour) {
		add("dead_man.every", "%s is out of range; use 10s to 24h", d.Every)
	}
	if d.Within != 0 && (d.Within.Of() < 10*time.Second || d.Within.Of() > 48*time.Hour) {
		add("dead_man.within", "%s is out of range; use 10s to 48h", d.Within)
	}
}

// secretFault refuses a secret in the clear.
func secretFault(field, value string, wanted bool, add adder) {
	switch {
	case value == "" && wanted:
		add(field, "is missing; write {{ secrets.name }}")
	case value != "" && !wholeReference.MatchString(value):
		add(field, "%s", byReference)
	}
}

// address refuses what is no address of the web, and passwords in one.
func address(field, value string, add adder) {
	if wholeReference.MatchString(value) {
		return
	}
	plain := Reference.ReplaceAllString(value, "x")
	u, err := url.Parse(plain)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || !utf8.ValidString(value):
		add(field, "%q is not an address; write https://…", value)
	case u.User != nil && !Reference.MatchString(value):
		add(field, "%s", byReference)
	}
}
