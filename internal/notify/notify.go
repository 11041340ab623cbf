// Package notify hands messages to channels: webhooks, e-mail, Slack,
// PagerDuty, and what shoutrrr knows. It owns the shape that each service wants,
// the escaping of what strangers wrote, and what an answer means. It refuses to
// decide who is told of what (alert), to try again, and to dial what the egress
// policy forbids.
package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/redact"
)

// Options of a Notifier; all may be left out.
type Options struct {
	// Secret is one by its name.
	Secret func(name string) (string, bool)
	// Control judges every address before it is dialled; see [net.Dialer].
	Control func(network, address string, c syscall.RawConn) error
	// ConsoleURL is where links lead; "" makes none.
	ConsoleURL string
	// Roots are the authorities that are trusted; nil for those of the system.
	Roots *x509.CertPool
}

// Notifier sends messages. It is safe for concurrent use.
type Notifier struct {
	o      Options
	dialer *net.Dialer
	client *http.Client
}

const (
	dialTimeout = 10 * time.Second
	// answerSize is how much of an answer is read.
	answerSize = 64 << 10
	// answerShown is how much of it a person is shown.
	answerShown = 300
)

// New makes a Notifier.
func New(o Options) *Notifier {
	if o.Secret == nil {
		o.Secret = func(string) (string, bool) { return "", false }
	}
	n := &Notifier{o: o, dialer: &net.Dialer{Timeout: dialTimeout, Control: o.Control}}
	n.client = &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: n.dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
			TLSClientConfig: n.tls(""), IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2,
		},
		// An alert goes where it was meant to go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return n
}

func (n *Notifier) tls(name string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.o.Roots, ServerName: name}
}

// Send sends a message once, and says what became of it. What it says of errors
// holds no secret.
func (n *Notifier) Send(ctx context.Context, d alert.Delivery) alert.Outcome {
	o := alert.Outcome{At: time.Now()}
	s := &sending{Notifier: n, m: n.linked(d.Message), root: d.Root, hidden: redact.New()}
	err := s.send(ctx, d.Channel)
	o.Took = time.Since(o.At)
	o.At = o.At.Add(o.Took)
	o.Receipt = s.receipt
	if err == nil {
		return o
	}
	var answer *answerError
	if errors.As(err, &answer) {
		o.Status, o.Refused, o.RetryAfter = answer.status, answer.refused, answer.after
	}
	o.Error = oneLine(s.hidden.Hide(err.Error()), 1000)
	return o
}

// Call calls the address of a dead-man's switch.
func (n *Notifier) Call(ctx context.Context, c alert.Channel) alert.Outcome {
	return n.Send(ctx, alert.Delivery{Channel: c})
}

// linked is m with links into the console.
func (n *Notifier) linked(m alert.Message) alert.Message {
	if n.o.ConsoleURL == "" || m.Test {
		return m
	}
	base := strings.TrimSuffix(n.o.ConsoleURL, "/")
	items := make([]alert.Item, len(m.Items))
	for i, it := range m.Items {
		switch {
		case it.Kind == alert.Outage:
			it.URL = base + "/incidents/" + it.AlertID
		case it.CheckID != "":
			it.URL = base + "/checks/" + it.CheckID
		}
		items[i] = it
	}
	m.Items = items
	return m
}

// sending is one try.
type sending struct {
	*Notifier
	m       alert.Message
	root    string
	receipt string
	hidden  *redact.Redactor
	missing string // a secret that is not there
}

func (s *sending) send(ctx context.Context, c alert.Channel) error {
	switch {
	case c.Webhook != nil:
		return s.webhook(ctx, *c.Webhook)
	case c.Slack != nil:
		return s.slack(ctx, *c.Slack)
	case c.PagerDuty != nil:
		return s.pagerDuty(ctx, *c.PagerDuty)
	case c.Email != nil:
		return s.email(ctx, *c.Email)
	case c.DeadMan != nil:
		return s.get(ctx, c.DeadMan.URL)
	case c.URL != "":
		return s.shoutrrr(ctx, c.URL)
	}
	return errors.New("the channel has no address")
}

// fill puts secrets into a text, and hides them from then on.
func (s *sending) fill(text string) string {
	return alert.Reference.ReplaceAllStringFunc(text, func(ref string) string {
		name := alert.Reference.FindStringSubmatch(ref)[1]
		v, ok := s.o.Secret(name)
		if !ok {
			s.missing = name
		}
		if len(v) > 0 {
			s.hidden.Add(v)
		}
		return v
	})
}

// complete is an error where a secret was not there.
func (s *sending) complete() error {
	if s.missing == "" {
		return nil
	}
	return fmt.Errorf("the recorder has no secret %s: set it by `probefleet secret set`, and start the recorder with -secrets", s.missing)
}

// answerError is an answer that is no success.
type answerError struct {
	status  int
	refused bool
	after   time.Duration
	words   string
}

func (e *answerError) Error() string { return e.words }

// post sends a body and reads the answer; one that is no success is an
// *answerError.
func (s *sending) post(ctx context.Context, method, url, contentType string, body []byte, headers map[string]string) ([]byte, error) {
	if err := s.complete(); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the address is not usable: %w", err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "probefleet")
	for name, v := range headers {
		req.Header.Set(name, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerSize))
	if resp.StatusCode/100 == 2 {
		return answer, nil // it has arrived, whatever is said of it
	}
	words := oneLine(string(answer), answerShown)
	if err != nil || words == "" {
		words = "without a word"
	}
	return answer, &answerError{
		status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After")),
		refused: resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusRequestEntityTooLarge || resp.StatusCode == http.StatusUnprocessableEntity,
		words:   fmt.Sprintf("the service answered %s: %s", resp.Status, words),
	}
}

// get calls an address.
func (s *sending) get(ctx context.Context, url string) error {
	_, err := s.post(ctx, http.MethodGet, s.fill(url), "", nil, nil)
	return err
}

func retryAfter(v string) time.Duration {
	if n, err := strconv.Atoi(v); err == nil && n > 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	return 0
}

// oneLine is text without control characters, cut to so many characters.
func oneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
