package subscribe_test

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
)

// mailServer is an SMTP server over TCP. It refuses receivers of whom reject
// says so.
type mailServer struct {
	address string
	mu      sync.Mutex
	letters []letter
	reject  func(rcpt string) string
}

// letter is a mail that has arrived.
type letter struct {
	to     string
	header mail.Header
	text   string
	html   string
}

func newMailServer(t *testing.T) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &mailServer{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(t, c)
		}
	}()
	return s
}

func (s *mailServer) talk(t *testing.T, c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	say := func(line string) { fmt.Fprint(c, line+"\r\n") }
	say("220 test ESMTP")
	to := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "RCPT":
			s.mu.Lock()
			refusal := ""
			if s.reject != nil {
				refusal = s.reject(line)
			}
			s.mu.Unlock()
			if refusal != "" {
				say(refusal)
				continue
			}
			to = line
			say("250 ok")
		case "DATA":
			say("354 go on")
			var data strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil || l == ".\r\n" {
					break
				}
				data.WriteString(strings.TrimPrefix(l, "."))
			}
			got, err := parse(data.String())
			if err != nil {
				t.Errorf("a letter that cannot be read: %v", err)
			}
			got.to = to
			s.mu.Lock()
			s.letters = append(s.letters, got)
			s.mu.Unlock()
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// parse reads a letter with its two parts.
func parse(data string) (letter, error) {
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		return letter{}, err
	}
	l := letter{header: m.Header}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			return l, err
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			l.html = string(body)
		} else {
			l.text = strings.ReplaceAll(string(body), "\r\n", "\n")
		}
	}
}

// arrived are the letters so far.
func (s *mailServer) arrived() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]letter(nil), s.letters...)
}
