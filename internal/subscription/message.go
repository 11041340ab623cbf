package subscription

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/prose"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// The types of messages.
const (
	TypeStatus  = "status"  // what happened
	TypeConfirm = "confirm" // asks for the confirmation of a subscription
	TypeKnown   = "known"   // says to who asks again that they are told already
)

// Message is what a subscriber is sent. Its JSON is what webhooks get; fields
// are added without another version.
type Message struct {
	Version int       `json:"version"`
	Type    string    `json:"type"`
	Key     string    `json:"key"`
	At      time.Time `json:"at"`
	Page    PageNamed `json:"page"`
	// Text is all of it for people, as chat services show it.
	Title string `json:"title"`
	Text  string `json:"text"`
	Items []Item `json:"items,omitempty"`
	More  int    `json:"more,omitempty"` // items that are left out
	// ConfirmURL and Secret are those of a confirmation.
	ConfirmURL     string     `json:"confirm_url,omitempty"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty"`
	Secret         string     `json:"secret,omitempty"`
	ManageURL      string     `json:"manage_url,omitempty"`
	UnsubscribeURL string     `json:"unsubscribe_url"`

	zone *time.Location
}

// PageNamed is a status page as messages name it.
type PageNamed struct {
	Slug  string `json:"slug"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Item is an incident, or a time of maintenance, with what is new of it.
type Item struct {
	Kind string `json:"kind"` // incident or maintenance
	ID   string `json:"id"`
	// What is its newest turn, "updated" where it has taken none.
	What     What          `json:"what"`
	Title    string        `json:"title"`
	Line     string        `json:"line"`
	Impact   status.Impact `json:"impact"`
	Services []string      `json:"services"`
	Reason   string        `json:"reason,omitempty"`
	From     *time.Time    `json:"from,omitempty"`
	To       *time.Time    `json:"to,omitempty"`
	URL      string        `json:"url"`
	Updates  []Said        `json:"updates,omitempty"`
}

// Said is what people said of an incident.
type Said struct {
	Phase status.Phase `json:"phase"`
	At    time.Time    `json:"at"`
	Body  string       `json:"body"` // Markdown
}

// maxItems bounds the items of a message; of the others it says how many.
const maxItems = 25

// Links are where a message leads.
type Links struct{ Confirm, Manage, Unsubscribe string }

// LinksOf are those of a token. They lead to the page, wherever it is.
func LinksOf(p statuspage.Page, t Token) Links {
	at := p.Address()
	return Links{at + "/subscribe/confirm?token=" + t.Text, at + "/subscribe/manage?token=" + t.Text, at + "/unsubscribe?token=" + t.Text}
}

func begin(p statuspage.Page, kind, key string, at time.Time, l Links) Message {
	return Message{
		Version: 1, Type: kind, Key: key, At: at.UTC(), Page: PageNamed{p.Slug, p.Title, p.Address() + "/"}, UnsubscribeURL: l.Unsubscribe,
		zone: p.Location(time.UTC),
	}
}

// Confirmation asks whether who owns the address wants it.
func Confirmation(p statuspage.Page, key string, at, expires time.Time, l Links, secret string) Message {
	m := begin(p, TypeConfirm, key, at, l)
	expires = expires.UTC()
	m.ConfirmURL, m.ExpiresAt, m.Secret = l.Confirm, &expires, secret
	m.Title = line(p.Title, 100) + ": confirm your subscription"
	m.Text = fmt.Sprintf("Somebody, probably you, wants this address to be told of incidents and maintenance on %s.\n\nConfirm it until %s:\n%s\n\nIf that was not you, do nothing: the address is forgotten by then. To have it forgotten now:\n%s\n",
		line(p.Title, 100), m.stamp(expires), l.Confirm, l.Unsubscribe)
	return m
}

// AlreadyKnown says to whoever asked again where what they are told of can be
// changed.
func AlreadyKnown(p statuspage.Page, key string, at time.Time, l Links) Message {
	m := begin(p, TypeKnown, key, at, l)
	m.ManageURL = l.Manage
	m.Title = line(p.Title, 100) + ": you are subscribed already"
	m.Text = fmt.Sprintf("Somebody, probably you, asked for this address to be told of incidents and maintenance on %s. It is already.\n\nChange what you are told of:\n%s\n\nUnsubscribe:\n%s\n",
		line(p.Title, 100), l.Manage, l.Unsubscribe)
	return m
}

// Compose tells of events what page p shows of them, those of one subject
// together. It is false where the page shows nothing of them any more.
func Compose(p statuspage.Page, key string, at time.Time, events []Event, services map[string]Service, l Links) (Message, bool) {
	m := begin(p, TypeStatus, key, at, l)
	m.ManageURL = l.Manage
	place := map[string]int{}
	for _, e := range events {
		if !e.Concerns(p, Choice{Whole: true}, services) {
			continue
		}
		i, ok := place[e.Subject]
		if !ok {
			i = len(m.Items)
			place[e.Subject] = i
			m.Items = append(m.Items, Item{ID: strings.TrimPrefix(strings.TrimPrefix(e.Subject, "m/"), "i/"), What: Updated})
		}
		m.Items[i].tell(p, e, services)
	}
	if len(m.Items) == 0 {
		return m, false
	}
	for i := range m.Items {
		m.Items[i].Line = m.Items[i].line()
	}
	m.Title = line(p.Title, 100) + ": " + m.Items[0].Line
	if n := len(m.Items) - 1; n > 0 {
		m.Title += fmt.Sprintf(", and %d more", n)
	}
	if len(m.Items) > maxItems {
		m.More = len(m.Items) - maxItems
		m.Items = m.Items[:maxItems]
	}
	m.Text = m.text()
	return m, true
}

// tell adds what an event tells.
func (it *Item) tell(p statuspage.Page, e Event, services map[string]Service) {
	c := e.Content
	it.Kind, it.Impact, it.Title, it.Reason = "incident", c.Impact, line(c.Title, 200), ""
	it.URL = p.Address() + "/incidents/" + c.ID
	if e.Maintenance() {
		it.Kind, it.URL, it.Reason = "maintenance", p.Address()+"/", line(c.Reason, 500)
		if it.Title == "" {
			it.Title, it.Reason = it.Reason, ""
		}
		if it.Title == "" {
			it.Title = "Maintenance"
		}
	} else if !p.Hides(statuspage.Reasons) {
		it.Reason = line(c.Reason, 300)
	}
	it.From, it.To = moment(c.From), moment(c.To)
	it.Services = []string{}
	for _, id := range Shown(p, e.Checks, services) {
		it.Services = append(it.Services, line(services[id].Name, 80))
	}
	if it.Title == "" {
		name := "A service"
		if s, ok := services[c.CheckID]; ok {
			name = line(s.Name, 80)
		}
		it.Title = name + " has an outage"
		if it.To != nil {
			it.Title = name + " had an outage"
		}
	}
	if e.What != Updated {
		it.What = e.What
		return
	}
	it.Updates = append(it.Updates, Said{c.Phase, e.At.UTC(), c.Body})
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// line says in one line what is new.
func (it Item) line() string {
	switch it.What {
	case Resolved:
		return "resolved: " + it.Title
	case Withdrawn:
		return "withdrawn: " + it.Title
	case Announced:
		return "maintenance planned: " + it.Title
	case Begun:
		return "maintenance has begun: " + it.Title
	case Ended:
		return "maintenance is over: " + it.Title
	case Cancelled:
		return "maintenance called off: " + it.Title
	case Updated:
		if n := len(it.Updates); n > 0 && it.Updates[n-1].Phase != "" {
			return string(it.Updates[n-1].Phase) + ": " + it.Title
		}
		return "update: " + it.Title
	}
	return it.Title
}

func (m Message) stamp(t time.Time) string { return t.In(m.zone).Format("2 Jan 2006 15:04 MST") }

// When says when an item is, in the zone of the page.
func (m Message) When(it Item) string {
	switch {
	case it.From == nil:
		return ""
	case it.To == nil:
		return "since " + m.stamp(*it.From)
	}
	return "from " + m.stamp(*it.From) + " to " + m.stamp(*it.To)
}

// Stamp writes a time in the zone of the page.
func (m Message) Stamp(t time.Time) string { return m.stamp(t) }

// text is the whole message as text.
func (m Message) text() string {
	var b strings.Builder
	for i, it := range m.Items {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s\n", capital(it.Line))
		if when := m.When(it); when != "" {
			fmt.Fprintf(&b, "%s\n", capital(when))
		}
		if len(it.Services) > 0 {
			fmt.Fprintf(&b, "Services: %s\n", strings.Join(it.Services, ", "))
		}
		if it.Reason != "" {
			fmt.Fprintf(&b, "%s\n", it.Reason)
		}
		for _, s := range it.Updates {
			fmt.Fprintf(&b, "\n%s, %s\n%s\n", capital(string(s.Phase)), m.stamp(s.At), prose.Text(s.Body))
		}
		fmt.Fprintf(&b, "%s\n", it.URL)
	}
	if m.More > 0 {
		fmt.Fprintf(&b, "\nAnd %d more: %s\n", m.More, m.Page.URL)
	}
	return b.String()
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// line is a text without control characters, cut to so many characters.
func line(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
