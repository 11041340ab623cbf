package subscribe

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	_ "embed"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/prose"
	"github.com/probefleet/probefleet/internal/subscription"
)

//go:embed letter.html
var letterSource string

var letterPage = template.Must(template.New("letter").Funcs(template.FuncMap{"prose": prose.HTML, "capital": capital, "colour": colour, "paragraphs": paragraphs}).Parse(letterSource))

// try writes a message and sends it.
func (t *Teller) try(ctx context.Context, now time.Time, d subscription.Delivery, token subscription.Token) (o subscription.Outcome, err error) {
	m, ok := write(d, token)
	if !ok {
		return subscription.Outcome{Void: true}, nil
	}
	expires := time.Time{}
	if d.Job == subscription.JobConfirm {
		expires = d.ConfirmUntil
	}
	if ok, err := t.o.Book.GiveSubscriptionToken(ctx, d.Subscription, token.Hash, now, expires); err != nil || !ok {
		return subscription.Outcome{Void: true}, err
	}
	if d.Kind == subscription.Webhook {
		body, err := json.Marshal(m) //nolint:gosec // G117: a webhook is told its own secret, once, with the request to confirm
		if err != nil {
			return o, fmt.Errorf("writing a message: %w", err)
		}
		return t.o.Carrier.Post(ctx, subscription.Post{Key: d.Key, URL: d.Address, Secret: d.Secret, Body: body}), nil
	}
	if d.Server == nil {
		o.Outcome = alert.Outcome{Error: fmt.Sprintf("the page sends mail by the channel %q, which is not there or is none for e-mail: apply it, or name another one", d.Page.Subscriptions.Email)}
		return o, nil
	}
	l := subscription.Letter{Key: d.Key, To: d.Address, Subject: capital(m.Title), At: now, Unsubscribe: m.UnsubscribeURL, Text: letterText(m)}
	var page strings.Builder
	if err := letterPage.Execute(&page, m); err != nil {
		return o, fmt.Errorf("writing a letter: %w", err)
	}
	l.HTML = page.String()
	return t.o.Carrier.Mail(ctx, *d.Server, l), nil
}

// write writes the message of a delivery; false where nobody is to be told of
// it any more.
func write(d subscription.Delivery, token subscription.Token) (subscription.Message, bool) {
	s := d.Page.Subscriptions
	if s == nil || d.Kind == subscription.Webhook && !s.Webhook || d.Kind == subscription.Email && s.Email == "" || d.Page.Address() == "" {
		return subscription.Message{}, false
	}
	l := subscription.LinksOf(d.Page, token)
	switch d.Job {
	case subscription.JobConfirm:
		return subscription.Confirmation(d.Page, d.Key, d.Created, d.ConfirmUntil, l, d.Secret), true
	case subscription.JobKnown:
		return subscription.AlreadyKnown(d.Page, d.Key, d.Created, l), true
	}
	return subscription.Compose(d.Page, d.Key, d.Created, d.Events, d.Services, l)
}

// letterText is the text of a letter: the message, and how to have no more.
func letterText(m subscription.Message) string {
	if m.Type != subscription.TypeStatus {
		return m.Text
	}
	return m.Text + "\n-- \nYou are told of this by " + m.Page.URL + "\nChange what you are told of: " + m.ManageURL + "\nUnsubscribe: " + m.UnsubscribeURL + "\n"
}

func capital(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + s[i+len(string(r)):]
	}
	return s
}

// paragraphs are those of a text without its addresses, which are buttons.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(text, "\n\n") {
		var lines []string
		for l := range strings.SplitSeq(strings.TrimSpace(p), "\n") {
			if !strings.HasPrefix(l, "https://") && !strings.HasPrefix(l, "http://") {
				lines = append(lines, l)
			}
		}
		if len(lines) > 0 && lines[0] != "" {
			out = append(out, strings.Join(lines, " "))
		}
	}
	return out
}

// colour is that of the edge of an item.
func colour(it subscription.Item) string {
	switch it.What {
	case subscription.Resolved, subscription.Ended, subscription.Withdrawn:
		return "#1f9d63"
	case subscription.Announced, subscription.Begun, subscription.Cancelled:
		return "#3457d5"
	}
	if it.Impact == "outage" {
		return "#cf3340"
	}
	return "#b87900"
}
