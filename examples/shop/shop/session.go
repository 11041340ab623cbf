package shop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The one account of the shop.
const (
	demoUser     = "demo"
	demoPassword = "demo"
)

// loginLife is how long a log-in lasts.
const loginLife = 24 * time.Hour

// key signs log-ins.
type key []byte

func newKey() key {
	k := make(key, 32)
	_, _ = rand.Read(k) // never fails
	return k
}

// token is "user.expiry.signature".
func (k key) token(user string, now time.Time) string {
	claim := user + "." + strconv.FormatInt(now.Add(loginLife).Unix(), 10)
	return claim + "." + k.sign(claim)
}

// user is whose token it is, or "".
func (k key) user(token string, now time.Time) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(parts[2]), []byte(k.sign(parts[0]+"."+parts[1]))) {
		return ""
	}
	if expiry, err := strconv.ParseInt(parts[1], 10, 64); err != nil || now.Unix() >= expiry {
		return ""
	}
	return parts[0]
}

func (k key) sign(claim string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(claim))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// admits reports whether user and password are right.
func admits(user, password string) bool {
	u := subtle.ConstantTimeCompare([]byte(user), []byte(demoUser))
	p := subtle.ConstantTimeCompare([]byte(password), []byte(demoPassword))
	return u&p == 1
}

// The cookies of the pages.
const (
	loginCookie = "login"
	cartCookie  = "cart"
)

func setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(loginLife.Seconds())} //nolint:gosec // G124: the demo is on plain HTTP
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// visitor is the user that is logged in on the pages, or "".
func (s *server) visitor(r *http.Request) string {
	c, err := r.Cookie(loginCookie)
	if err != nil {
		return ""
	}
	return s.key.user(c.Value, time.Now())
}

// cartOf reads "id:quantity" pairs with '|' between them. What is not in the
// catalog is not in the cart.
func cartOf(r *http.Request) cart {
	var c cart
	cookie, err := r.Cookie(cartCookie)
	if err != nil {
		return c
	}
	for pair := range strings.SplitSeq(cookie.Value, "|") {
		id, n, _ := strings.Cut(pair, ":")
		quantity, err := strconv.Atoi(n)
		if p, ok := find(id); ok && err == nil && quantity > 0 {
			c = c.add(p, quantity)
		}
	}
	return c
}

func keepCart(w http.ResponseWriter, c cart) {
	pairs := make([]string, len(c))
	for i, l := range c {
		pairs[i] = fmt.Sprintf("%s:%d", l.ID, l.Quantity)
	}
	setCookie(w, cartCookie, strings.Join(pairs, "|"))
}

// orderID draws the number of an order.
func orderID() string {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprintf("SC-%d", 100_000+n.Int64())
}
