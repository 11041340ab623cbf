package dashboard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/probefleet/probefleet/internal/origin"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/statuspage"
)

const (
	// admitted is how long who knew the password need not give it again.
	admitted = 7 * 24 * time.Hour
	// Of wrong passwords a network may give so many at once, then one each so
	// often.
	triesAtOnce = 10
	tryEvery    = 30 * time.Second
	// maxGuessers bounds the memory that strangers can make us use.
	maxGuessers = 10_000
	// hashPatience is how long a reader waits for a turn of the hasher.
	hashPatience = 10 * time.Second
	maxAnswer    = 4 << 10
)

// gate knows who may read protected pages.
type gate struct {
	hasher *people.Hasher
	now    func() time.Time
	mu     sync.Mutex
	each   map[string]*rate.Limiter
	// right are digests of passwords that were found right, for programs that
	// send theirs with each request.
	right map[[32]byte]bool
}

func newGate(now func() time.Time) *gate {
	return &gate{hasher: people.NewHasher(people.DefaultParams), now: now, each: map[string]*rate.Limiter{}, right: map[[32]byte]bool{}}
}

// take counts a password that a network gives, and says how long to wait where
// that is one too many.
func (g *gate) take(network string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.each[network]
	if one == nil {
		if len(g.each) >= maxGuessers {
			clear(g.each)
		}
		one = rate.NewLimiter(rate.Every(tryEvery), triesAtOnce)
		g.each[network] = one
	}
	now := g.now()
	r := one.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// knows reports whether a password is that of a page. One that was found right
// costs nothing the next time. wait is set where too many were tried.
func (g *gate) knows(ctx context.Context, p statuspage.Stored, password, network string) (ok bool, wait time.Duration, err error) {
	digest := sha256.Sum256([]byte(p.Key + "\n" + p.Password + "\n" + password))
	g.mu.Lock()
	ok = g.right[digest]
	g.mu.Unlock()
	if ok {
		return true, 0, nil
	}
	if wait = g.take(network); wait > 0 {
		return false, wait, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	ok, _, err = g.hasher.Check(ctx, p.Password, password)
	if err != nil || !ok {
		return false, 0, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.right) >= maxGuessers {
		clear(g.right)
	}
	g.right[digest] = true
	delete(g.each, network)
	return true, 0, nil
}

func cookieOf(s *site) string { return "probefleet_page_" + s.Slug }

// sign is what nobody can say who does not know the page's key.
func sign(s *site, until int64) string {
	m := hmac.New(sha256.New, []byte(s.Key+"\n"+s.Password))
	_, _ = m.Write([]byte("page " + s.Slug + " until " + strconv.FormatInt(until, 10))) // a hash takes everything
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// holds reports whether a request has the cookie of one who knew the password.
func (d *Dashboard) holds(r *http.Request, s *site) bool {
	c, err := r.Cookie(cookieOf(s))
	if err != nil {
		return false
	}
	text, signature, _ := strings.Cut(c.Value, ".")
	until, err := strconv.ParseInt(text, 10, 64)
	return err == nil && d.now().Unix() < until && hmac.Equal([]byte(signature), []byte(sign(s, until)))
}

// admit reports whether the maker of a request may read the page; else the
// answer is given.
func (d *Dashboard) admit(w http.ResponseWriter, r *http.Request, s *site) bool {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/static/") || !s.Protected():
		return true
	case path == "/unsubscribe": // whoever is told may end that from anywhere, and learns nothing there
		return true
	case !s.Admits(origin.Address(r.RemoteAddr)):
		d.serveMessage(w, r, http.StatusForbidden, "This page is not open to you", "It can be read from certain networks only, and yours is none of them.")
		return false
	case s.Password == "" || strings.HasPrefix(path, "/look/") || path == "/unlock" || d.holds(r, s):
		return true
	}
	_, password, given := r.BasicAuth()
	if given {
		ok, wait, err := d.gate.knows(r.Context(), s.Stored, password, origin.Network(r.RemoteAddr))
		if ok {
			return true
		}
		if err != nil || wait > 0 {
			d.later(w, r, s, wait, err)
			return false
		}
	}
	if readByPeople(r.URL.Path) && !given {
		w.Header().Set("WWW-Authenticate", `Cookie realm="status page"`)
		d.serveUnlock(w, r, s, http.StatusUnauthorized, r.URL.RequestURI(), "")
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="status page", charset="UTF-8"`)
	d.serveAPIError(w, r, http.StatusUnauthorized, "this page has a password: send it by HTTP basic authentication, with any name")
	return false
}

// readByPeople reports whether an address is that of a page, not of a file for
// programs.
func readByPeople(path string) bool {
	for _, p := range []string{"/checks/", "/incidents/", "/history", "/subscribe"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return path == "/"
}

// later answers where a password could not be looked at.
func (d *Dashboard) later(w http.ResponseWriter, r *http.Request, s *site, wait time.Duration, err error) {
	if err != nil {
		d.log.Warn("a password could not be checked", "page", s.Slug, "err", err)
		w.Header().Set("Retry-After", "5")
		d.serveUnlock(w, r, s, http.StatusServiceUnavailable, "/", "The password could not be checked. Try again in a moment.")
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	d.serveUnlock(w, r, s, http.StatusTooManyRequests, "/", "Too many wrong passwords came from your network. Try again in "+span(wait.Round(time.Second)+time.Second)+".")
}

// unlockView asks for the password.
type unlockView struct {
	layout
	To, Wrong string
}

func (d *Dashboard) serveUnlock(w http.ResponseWriter, r *http.Request, s *site, code int, to, wrong string) {
	d.serve(w, r, func() (*page, error) {
		p, err := execute(unlockPage, code, unlockView{layout: d.bare(s, "Password · "+s.title), To: to, Wrong: wrong})
		if err == nil {
			p.cache = "no-store"
		}
		return p, err
	})
}

// sameSite refuses what another site has sent.
var sameSite = http.NewCrossOriginProtection()

// unlock takes the password of a page, and has the browser keep that it was
// right.
func (d *Dashboard) unlock(w http.ResponseWriter, r *http.Request) {
	s := d.visited(r).site
	if s.Password == "" {
		d.serveNothing(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
	to := r.PostFormValue("to")
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		to = "/"
	}
	if sameSite.Check(r) != nil {
		d.serveUnlock(w, r, s, http.StatusForbidden, to, "Another site has sent this, so nothing was done.")
		return
	}
	ok, wait, err := d.gate.knows(r.Context(), s.Stored, r.PostFormValue("password"), origin.Network(r.RemoteAddr))
	switch {
	case err != nil || wait > 0:
		d.later(w, r, s, wait, err)
		return
	case !ok:
		d.serveUnlock(w, r, s, http.StatusUnauthorized, to, "That is not the password of this page.")
		return
	}
	until := d.now().Add(admitted).Unix()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: a page may be on plain HTTP in a network of its own
		Name: cookieOf(s), Value: strconv.FormatInt(until, 10) + "." + sign(s, until), Path: s.base + "/", MaxAge: int(admitted.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, s.base+to, http.StatusSeeOther)
}
