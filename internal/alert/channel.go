package alert

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Channel is somebody who is told, and how. Exactly one of URL, Webhook, Email,
// Slack, PagerDuty and DeadMan is set. Secrets stand in it as {{ secrets.name }}
// and in no other way.
type Channel struct {
	Name string `json:"name"`

	// URL is a shoutrrr address, such as discord://{{ secrets.discord }}.
	URL       string     `json:"url,omitempty"`
	Webhook   *Webhook   `json:"webhook,omitempty"`
	Email     *Email     `json:"email,omitempty"`
	Slack     *Slack     `json:"slack,omitempty"`
	PagerDuty *PagerDuty `json:"pagerduty,omitempty"`
	DeadMan   *DeadMan   `json:"dead_man,omitempty"`

	// Send lists what it is told, of [Kinds] and [Recovery]; everything but
	// what is degraded where it is empty.
	Send []Kind `json:"send,omitempty"`
	// Tags route to it the alerts of checks with one of them that name no
	// channel. Without tags it is told of all such checks.
	Tags []string `json:"tags,omitempty"`
	// NamedOnly says that it is told of nothing but checks that name it.
	NamedOnly bool `json:"named_only,omitempty"`

	// After is how long something has to last until it is told: a channel for
	// those who come second.
	After Span `json:"after,omitempty"`
	// Group is how long a message waits for company; default [DefaultGroup].
	Group *Span  `json:"group,omitempty"`
	Storm *Storm `json:"storm,omitempty"`
	Rate  *Rate  `json:"rate,omitempty"`
	// Cooldown is the time after the begin of an alert was told for which
	// another begin of the same check waits.
	Cooldown Span `json:"cooldown,omitempty"`
	// Remind is the time between reminders, 0 for none, and Reminders their
	// greatest number, 0 for any. A check's own go before.
	Remind    Span   `json:"remind,omitempty"`
	Reminders int    `json:"reminders,omitempty"`
	Quiet     *Quiet `json:"quiet,omitempty"`
	// Expiry are the days left of a certificate at which it is told of, once
	// each; default [DefaultExpiry].
	Expiry []int `json:"expiry,omitempty"`
	// GiveUp is how long a message is tried; default [DefaultGiveUp].
	GiveUp Span `json:"give_up,omitempty"`

	// Since is when the channel was made: what was wrong before is not told.
	Since time.Time `json:"-"`
}

// The defaults of channels.
const (
	DefaultGroup  = 10 * time.Second
	DefaultGiveUp = 24 * time.Hour
	// StormTime is the time over which a storm is counted.
	StormTime         = 15 * time.Minute
	DefaultStormOver  = 10
	DefaultStormEvery = 5 * time.Minute
)

// DefaultExpiry are the days at which a certificate is told of.
var DefaultExpiry = []int{30, 14, 7, 3, 1}

// Storm is when a channel is told in fewer and larger messages: from more than
// Over things within [StormTime] on, one message every Every.
type Storm struct {
	Over  int  `json:"over,omitempty"`
	Every Span `json:"every,omitempty"`
}

// Rate caps the messages of a channel: Max within Per. What is more waits, and
// comes together.
type Rate struct {
	Max int  `json:"max"`
	Per Span `json:"per"`
}

// Webhook is an address that is sent JSON.
type Webhook struct {
	URL string `json:"url"`
	// Secret signs: see docs/alerts.md.
	Secret  string            `json:"secret,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// Body is a template of the language of assertions over the message; the
	// message itself as JSON where it is empty.
	Body string `json:"body,omitempty"`
}

// Email is sent by SMTP.
type Email struct {
	// Server is HOST:PORT.
	Server string   `json:"server"`
	From   string   `json:"from"`
	To     []string `json:"to"`
	// User and Password log in, after STARTTLS only.
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	// TLS is starttls (default), implicit, or none: for a relay on the same
	// machine.
	TLS string `json:"tls,omitempty"`
}

// Slack is a channel of Slack: an incoming webhook, or a bot's token with the
// channel's id, which answers in threads.
type Slack struct {
	Webhook string `json:"webhook,omitempty"`
	Token   string `json:"token,omitempty"`
	Channel string `json:"channel,omitempty"`
	// API is the address of Slack's methods where it is not their own.
	API string `json:"api,omitempty"`
}

// PagerDuty is a service of PagerDuty, by Events API v2.
type PagerDuty struct {
	Key string `json:"key"`
	// Severity is that of outages: critical (default), error, warning, info.
	Severity string `json:"severity,omitempty"`
	// URL is where events go; PagerDuty's own address where it is empty.
	URL string `json:"url,omitempty"`
}

// DeadMan is an address that is called again and again while results are being
// recorded. Who is called there raises an alarm when the calls stop.
type DeadMan struct {
	URL   string `json:"url"`
	Every Span   `json:"every,omitempty"` // default 1m
	// Within is how old the newest result may be; default 5m.
	Within Span `json:"within,omitempty"`
}

// The defaults of a dead-man's switch.
const (
	DefaultDeadManEvery  = time.Minute
	DefaultDeadManWithin = 5 * time.Minute
)

// Type names what the channel is: url, webhook, email, slack, pagerduty or
// dead_man.
func (c Channel) Type() string {
	for name, set := range c.types() {
		if set {
			return name
		}
	}
	return ""
}

func (c Channel) types() map[string]bool {
	return map[string]bool{
		"url": c.URL != "", "webhook": c.Webhook != nil, "email": c.Email != nil,
		"slack": c.Slack != nil, "pagerduty": c.PagerDuty != nil, "dead_man": c.DeadMan != nil,
	}
}

// Sends reports whether the channel is told of things of that kind.
func (c Channel) Sends(k Kind) bool {
	if len(c.Send) == 0 {
		return k != Degraded
	}
	return slices.Contains(c.Send, k)
}

// Wants reports whether the alert is one for this channel.
func (c Channel) Wants(a Alert) bool {
	if c.DeadMan != nil || !c.Sends(a.Kind) {
		return false
	}
	if len(a.Rule.Channels) > 0 {
		return slices.Contains(a.Rule.Channels, c.Name)
	}
	switch {
	case c.NamedOnly:
		return false
	case len(c.Tags) == 0:
		return true
	}
	return slices.ContainsFunc(a.Tags, func(t string) bool { return slices.Contains(c.Tags, t) })
}

func (c Channel) group() time.Duration {
	if c.Group == nil {
		return DefaultGroup
	}
	return c.Group.Of()
}

func (c Channel) storm() (over int, every time.Duration) {
	over, every = DefaultStormOver, DefaultStormEvery
	if c.Storm == nil {
		return over, every
	}
	if c.Storm.Over > 0 {
		over = c.Storm.Over
	}
	if c.Storm.Every > 0 {
		every = c.Storm.Every.Of()
	}
	return over, every
}

// Patience is how long a message of the channel is tried.
func (c Channel) Patience() time.Duration {
	if c.GiveUp == 0 {
		return DefaultGiveUp
	}
	return c.GiveUp.Of()
}

// thresholds are the days of certificates, the fewest first.
func (c Channel) thresholds() []int {
	days := c.Expiry
	if len(days) == 0 {
		days = DefaultExpiry
	}
	return slices.Sorted(slices.Values(days))
}

// remind is how often, and how many times, an alert is called to mind.
func (c Channel) remind(r Rule) (every time.Duration, most int) {
	every, most = c.Remind.Of(), c.Reminders
	if r.Remind > 0 {
		every = r.Remind
	}
	if r.Reminders > 0 {
		most = r.Reminders
	}
	return every, most
}

// ChannelVersion is the version of the JSON of channels.
const ChannelVersion = 1

// Encode writes a channel as it is kept and as the API carries it.
func (c Channel) Encode() ([]byte, error) { return json.Marshal(c) }

// Decode reads a channel. A key that is not known is an error: nobody would be
// told of what it was meant for.
func Decode(data []byte) (Channel, error) {
	var c Channel
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("reading a channel: %w", err)
	}
	return c, nil
}

// Interval is the time between two calls.
func (d DeadMan) Interval() time.Duration {
	if d.Every == 0 {
		return DefaultDeadManEvery
	}
	return d.Every.Of()
}

// Age is how old the newest result may be for a call.
func (d DeadMan) Age() time.Duration {
	if d.Within == 0 {
		return DefaultDeadManWithin
	}
	return d.Within.Of()
}
