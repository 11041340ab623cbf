package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/subscription"
)

// Mail sends a letter to a subscriber by the server of an e-mail channel, once.
// The outcome names no address.
func (n *Notifier) Mail(ctx context.Context, server alert.Email, l subscription.Letter) subscription.Outcome {
	return n.attempt(l.To, func(s *sending) error {
		m, err := subscriberLetter(server.From, l)
		if err != nil {
			return err
		}
		client, err := s.mailClient(server)
		if err != nil {
			return err
		}
		return client.DialAndSendWithContext(ctx, m)
	}, mailOutcome)
}

// Post sends a message to a subscriber's program, once, signed as those of
// channels are. The outcome names no address.
func (n *Notifier) Post(ctx context.Context, p subscription.Post) subscription.Outcome {
	return n.attempt(p.URL, func(s *sending) error {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		_, err := s.post(ctx, http.MethodPost, p.URL, "application/json", p.Body, map[string]string{
			"Webhook-Id": p.Key, "Webhook-Timestamp": stamp, "Webhook-Signature": sign(p.Secret, p.Key, stamp, string(p.Body)),
		})
		var dialling *url.Error
		if err != nil && errors.As(err, &dialling) { // names the address
			return fmt.Errorf("sending: %w", dialling.Err)
		}
		return err
	}, postOutcome)
}

// attempt does something and says what became of it without the address.
func (n *Notifier) attempt(address string, do func(*sending) error, judge func(error, *subscription.Outcome)) subscription.Outcome {
	o := subscription.Outcome{Outcome: alert.Outcome{At: time.Now()}}
	s := &sending{Notifier: n, hidden: redact.New(address)}
	err := do(s)
	o.Took = time.Since(o.At)
	o.At = o.At.Add(o.Took)
	if err == nil {
		return o
	}
	judge(err, &o)
	o.Error = oneLine(mailbox.ReplaceAllString(s.hidden.Hide(err.Error()), "[address]"), 500)
	return o
}

// mailOutcome says whose fault it is that mail was not sent: what is refused
// before the receiver is named is our own server's.
func mailOutcome(err error, o *subscription.Outcome) {
	var refusal *mail.SendError
	if errors.As(err, &refusal) {
		o.Status = refusal.ErrorCode()
		o.Theirs = refusal.Reason == mail.ErrSMTPRcptTo && o.Status >= 500
		o.Refused = o.Theirs
	}
}

// postOutcome is the same of a webhook. One that cannot be reached may be our
// own fault; days tell.
func postOutcome(err error, o *subscription.Outcome) {
	o.Theirs = true
	var answer *answerError
	if errors.As(err, &answer) {
		o.Status, o.Refused, o.RetryAfter = answer.status, answer.refused, answer.after
		o.Gone = answer.status == http.StatusGone
	}
}

// mailbox finds whatever looks like somebody's address: mail servers repeat it
// in other writings.
var mailbox = regexp.MustCompile(`[^\s<>"':;,()]+@[^\s<>"':;,()]+`)

// subscriberLetter is a letter with what lets its receiver unsubscribe by one
// click, RFC 8058.
func subscriberLetter(from string, l subscription.Letter) (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := m.From(from); err != nil {
		return nil, fmt.Errorf("the sender %q: %w", from, err)
	}
	if err := m.AddTo(l.To); err != nil {
		return nil, errors.New("the address is not one that mail can be sent to")
	}
	m.SetDateWithValue(l.At)
	m.Subject(oneLine(l.Subject, 200))
	m.SetMessageIDWithValue(l.Key + "@probefleet")
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Probefleet-Key", l.Key)
	m.SetGenHeader("List-Unsubscribe", "<"+l.Unsubscribe+">")
	m.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	m.SetBodyString(mail.TypeTextPlain, l.Text)
	m.AddAlternativeString(mail.TypeTextHTML, l.HTML)
	return m, nil
}
