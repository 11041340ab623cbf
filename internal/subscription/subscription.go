// Package subscription says what it means that the reader of a status page
// wants to be told: what an address is, what one may choose, which events there
// are, who is told of which of them, in what words, and what is done with a
// message that does not arrive. It owns these rules. It refuses to know where
// any of it is kept (store), how a message travels (notify) and who asks
// (dashboard).
package subscription

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind is the way in which somebody is told.
type Kind string

// The kinds of subscriptions.
const (
	Email   Kind = "email"
	Webhook Kind = "webhook"
)

// Ways are the kinds that a page offers and that can work at present.
type Ways struct{ Email, Webhook bool }

// None reports whether there is no way at all.
func (w Ways) None() bool { return !w.Email && !w.Webhook }

// State is what a subscription is.
type State string

// The states of subscriptions. What was unsubscribed is not kept at all.
const (
	Pending   State = "pending"
	Confirmed State = "confirmed"
	Dropped   State = "dropped" // its address failed for days
)

// The times of subscriptions.
const (
	// ConfirmWithin is how long a subscription waits for its confirmation.
	ConfirmWithin = 48 * time.Hour
	// Kept is how long what was sent is listed.
	Kept = 90 * 24 * time.Hour
	// DroppedKept is how long the address of a dropped subscription is kept.
	DroppedKept = 30 * 24 * time.Hour
	// AskEvery is the least time between two confirmations to one address, and
	// AskAtMost their number within a day to one mailbox, or one host of webhooks.
	AskEvery        = 10 * time.Minute
	AskAtMost       = 4
	AskHostAtMost   = 30
	maxEmail        = 254
	maxURL          = 1000
	maxChosen       = 100
	maxChosenLength = 200
)

// Choice is what a subscription is about: all that its page shows, or some
// checks and the checks of some groups.
type Choice struct {
	Whole  bool
	Checks []string
	Groups []string
}

// Fault says what is wrong with the choice in words for the reader, "" where
// nothing is.
func (c Choice) Fault() string {
	switch n := len(c.Checks) + len(c.Groups); {
	case !c.Whole && n == 0:
		return "Choose at least one service, or everything."
	case len(c.Checks) > maxChosen || len(c.Groups) > maxChosen:
		return fmt.Sprintf("These are more than %d services; choose their groups, or everything.", maxChosen)
	}
	if slices.ContainsFunc(slices.Concat(c.Checks, c.Groups), func(s string) bool { return utf8.RuneCountInString(s) > maxChosenLength }) {
		return "There is no such service here."
	}
	return ""
}

// Held is what the holder of a link is told of their subscription. The address
// is not in it: who has the link knows it.
type Held struct {
	State State
	Kind  Kind
	Choice
}

// Answer is what became of a request to subscribe. None of them says whether
// there is such an address.
type Answer string

// The answers.
const (
	Taken  Answer = "taken"
	Closed Answer = "closed" // the page does not offer this way any more
	Full   Answer = "full"   // too many wait
)

// Request is a wish to be told, as a reader wrote it.
type Request struct {
	Page    string
	Kind    Kind
	Address string
	Choice
	At time.Time
}

// Address reads what somebody gives as their address, an e-mail address or
// that of a program. fault says in words for them why it cannot be used.
func Address(text string, w Ways) (kind Kind, address, fault string) {
	text = strings.TrimSpace(text)
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return "", "", "Write the address at which you want to be told."
	case strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://"):
		if !w.Webhook {
			return "", "", "This page sends no messages to programs; write an e-mail address."
		}
		address, fault = webAddress(text)
		return Webhook, address, fault
	case !w.Email:
		return "", "", "Write the address of a program, which begins with https://. This page sends no mail."
	}
	address, fault = mailAddress(text)
	return Email, address, fault
}

func mailAddress(text string) (address, fault string) {
	const wrong = "That is not an e-mail address such as ada@example.com."
	if len(text) > maxEmail || strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) || r == ' ' }) {
		return "", wrong
	}
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text {
		return "", wrong
	}
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:at], text[at+1:]
	if len(local) > 64 || !hostName(domain) {
		return "", wrong
	}
	return local + "@" + strings.ToLower(domain), ""
}

// hostName reports whether a name is one of the internet: labels with dots
// between them, the last of which is no number.
func hostName(name string) bool {
	labels := strings.Split(name, ".")
	if len(labels) < 2 || len(name) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

func webAddress(text string) (address, fault string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || len(text) > maxURL || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "", "That is not the address of a program such as https://hooks.example.com/status."
	case strings.ToLower(u.Scheme) != "https":
		return "", "The address of a program begins with https://, so that nobody on the way reads or changes what it is told."
	case u.User != nil:
		return "", "The address has a user in it; leave that out. Each message is signed, so that your program knows it by that."
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && !hostName(u.Hostname()) {
		return "", "That is not the address of a program such as https://hooks.example.com/status."
	}
	u.Scheme, u.Host, u.Fragment, u.RawFragment = "https", strings.ToLower(u.Host), "", ""
	return u.String(), ""
}

// Same is equal for addresses that are one.
func Same(k Kind, address string) string {
	if k == Email {
		return strings.ToLower(address)
	}
	return address
}

// Place is where an address is: the domain of a mailbox, the host of a program.
func Place(k Kind, address string) string {
	if k == Webhook {
		if u, err := url.Parse(address); err == nil {
			return u.Hostname()
		}
		return ""
	}
	return address[strings.LastIndexByte(address, '@')+1:]
}

// Masked is an address of which one who knows it recognises it, and others
// learn little.
func Masked(k Kind, address string) string {
	if k == Webhook {
		return "https://" + Place(k, address) + "/…"
	}
	first, size := utf8.DecodeRuneInString(address)
	if size == 0 || first == '@' {
		return "…@" + Place(k, address)
	}
	return string(first) + "…@" + Place(k, address)
}

// Token is the secret of a link: 256 random bits, and their SHA-256, which is
// all that is kept.
type Token struct {
	Text string
	Hash [32]byte
}

// NewToken draws a token.
func NewToken() Token {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return Token{base64.RawURLEncoding.EncodeToString(b[:]), sha256.Sum256(b[:])}
}

// ParseToken reads the token of a link; false where it is none.
func ParseToken(text string) (Token, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 32 {
		return Token{}, false
	}
	return Token{text, sha256.Sum256(b)}, true
}

// NewSecret draws the key that signs messages to a webhook, as Standard
// Webhooks writes it.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}
