package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	_ "embed"

	"github.com/wneessen/go-mail"

	"github.com/probefleet/probefleet/internal/alert"
)

//go:embed email.html
var emailSource string

var emailPage = template.Must(template.New("email").Funcs(template.FuncMap{
	"details": details, "stamp": stamp, "bad": func(it alert.Item) bool { return mark(it) == "✖" },
}).Parse(emailSource))

// emailTimeout bounds each step of a talk with a mail server.
const emailTimeout = 20 * time.Second

// email sends text and HTML. The key is the message's id, so that a mail server
// that sees it twice may know; messages of one thread refer to the same root.
func (s *sending) email(ctx context.Context, c alert.Email) error {
	m, err := s.letter(c)
	if err != nil {
		return &answerError{refused: true, words: err.Error()}
	}
	client, err := s.mailClient(c)
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		return mailError(err)
	}
	return nil
}

// mailClient talks to the server of a channel.
func (s *sending) mailClient(c alert.Email) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fmt.Errorf("the mail server's address: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("the mail server's port %q is no number", port)
	}
	options := []mail.Option{
		mail.WithPort(number), mail.WithTimeout(emailTimeout), mail.WithTLSConfig(s.tls(host)), mail.WithDialContextFunc(s.dialer.DialContext),
	}
	switch c.TLS {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case "implicit":
		options = append(options, mail.WithSSL())
		options = append(options, mail.WithDialContextFunc(s.dialTLS(host)))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.User != "" {
		options = append(options, mail.WithUsername(s.fill(c.User)), mail.WithPassword(s.fill(c.Password)), mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover))
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("the mail server's settings: %w", err)
	}
	return client, nil
}

// mailError tells what is refused for good from what may be tried again.
func mailError(err error) error {
	var reply *textproto.Error
	var send *mail.SendError
	status := 0
	if errors.As(err, &reply) {
		status = reply.Code
	} else if errors.As(err, &send) {
		status = send.ErrorCode()
	}
	return &answerError{status: status, refused: status == 552 || status == 554, words: fmt.Sprintf("sending e-mail: %v", err)}
}

// letter is the message as mail.
func (s *sending) letter(c alert.Email) (*mail.Msg, error) {
	m := mail.NewMsg()
	if err := m.From(c.From); err != nil {
		return nil, fmt.Errorf("the sender %q: %w", c.From, err)
	}
	for _, to := range c.To {
		if err := m.AddTo(to); err != nil {
			return nil, fmt.Errorf("the address %q: %w", to, err)
		}
	}
	m.SetDateWithValue(s.m.At)
	m.Subject(oneLine(s.m.Title, 200))
	m.SetMessageIDWithValue(s.m.Key + "@probefleet")
	root := sha256.Sum256([]byte(s.m.Channel + "\n" + s.m.Thread))
	thread := "<" + hex.EncodeToString(root[:12]) + ".thread@probefleet>"
	m.SetGenHeader(mail.HeaderReferences, thread)
	m.SetGenHeader(mail.HeaderInReplyTo, thread)
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Probefleet-Key", s.m.Key)
	if s.m.Low {
		m.SetImportance(mail.ImportanceLow)
	}
	m.SetBodyString(mail.TypeTextPlain, plain(s.m))
	var page bytes.Buffer
	shown := s.m
	more := max(0, len(shown.Items)-listed)
	shown.Items = shown.Items[:len(shown.Items)-more]
	if err := emailPage.Execute(&page, map[string]any{"M": shown, "More": more}); err != nil {
		return nil, fmt.Errorf("writing the HTML part: %w", err)
	}
	m.AddAlternativeString(mail.TypeTextHTML, strings.TrimSpace(page.String())+"\n")
	return m, nil
}
