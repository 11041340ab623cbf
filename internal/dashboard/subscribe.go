package dashboard

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/probefleet/probefleet/internal/origin"
	"github.com/probefleet/probefleet/internal/subscription"
)

// subscribers takes down who wants to be told of what. It answers no address,
// and not whether there is one.
type subscribers interface {
	// PublicWays says how one may subscribe to a page at present.
	PublicWays(ctx context.Context, page string) (subscription.Ways, error)
	PublicSubscribe(ctx context.Context, r subscription.Request) (subscription.Answer, error)
	// The others answer false where the token is not good for that, or is one of
	// another page.
	PublicSubscription(ctx context.Context, page string, token [32]byte) (subscription.Held, bool, error)
	PublicConfirm(ctx context.Context, page string, token [32]byte) (bool, error)
	PublicChange(ctx context.Context, page string, token [32]byte, c subscription.Choice) (bool, error)
	PublicUnsubscribe(ctx context.Context, page string, token [32]byte) (bool, error)
}

const (
	// A network may subscribe so many times at once, then once each so often; and
	// follow so many links.
	subscribeAtOnce, subscribeEvery = 5, time.Minute
	linksAtOnce, linkEvery          = 30, 2 * time.Second
	// maxSubscribeForm is more than the largest form with everything chosen.
	maxSubscribeForm = 64 << 10
	subscribeTimeout = 5 * time.Second
	// waysKept is how long it is believed what a page offers.
	waysKept = 10 * time.Second
)

// subscribeRoutes adds what readers do to be told.
func (d *Dashboard) subscribeRoutes(mux *http.ServeMux) {
	if d.options.Subscribers == nil {
		return
	}
	mux.HandleFunc("GET /subscribe", d.subscribing(d.showSubscribe))
	mux.HandleFunc("POST /subscribe", d.subscribing(d.subscribe))
	mux.HandleFunc("GET /subscribe/confirm", d.subscribing(d.showConfirm))
	mux.HandleFunc("POST /subscribe/confirm", d.subscribing(d.confirm))
	mux.HandleFunc("GET /subscribe/manage", d.subscribing(d.showManage))
	mux.HandleFunc("POST /subscribe/manage", d.subscribing(d.manage))
	mux.HandleFunc("GET /unsubscribe", d.showUnsubscribe)
	mux.HandleFunc("POST /unsubscribe", d.unsubscribe)
}

// subscribable reports whether a site says that one may subscribe to it.
func (d *Dashboard) subscribable(s *site) bool {
	return d.options.Subscribers != nil && s != nil && s.Subscriptions != nil && !s.Newer
}

// asking bounds what strangers ask of the database.
type asking struct {
	now       func() time.Time
	mu        sync.Mutex
	subscribe map[string]*rate.Limiter
	links     map[string]*rate.Limiter
	ways      map[string]knownWays
}

type knownWays struct {
	subscription.Ways
	at time.Time
}

func newAsking(now func() time.Time) *asking {
	return &asking{now: now, subscribe: map[string]*rate.Limiter{}, links: map[string]*rate.Limiter{}, ways: map[string]knownWays{}}
}

// take counts a request of a network, and says whether it is one too many.
func (a *asking) take(of map[string]*rate.Limiter, network string, every time.Duration, atOnce int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := of[network]
	if one == nil {
		if len(of) >= maxGuessers {
			clear(of)
		}
		one = rate.NewLimiter(rate.Every(every), atOnce)
		of[network] = one
	}
	return one.AllowN(a.now(), 1)
}

// waysOf says how one may subscribe to a site at present.
func (d *Dashboard) waysOf(ctx context.Context, s *site) (subscription.Ways, error) {
	a := d.asking
	now := d.now()
	a.mu.Lock()
	known, ok := a.ways[s.Slug]
	a.mu.Unlock()
	if ok && now.Sub(known.at) < waysKept {
		return known.Ways, nil
	}
	ctx, cancel := context.WithTimeout(ctx, subscribeTimeout)
	defer cancel()
	w, err := d.options.Subscribers.PublicWays(ctx, s.Slug)
	if err != nil {
		return w, err
	}
	w.Webhook = w.Webhook && s.Subscriptions.Webhook
	w.Email = w.Email && s.Subscriptions.Email != ""
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ways[s.Slug] = knownWays{w, now}
	return w, nil
}

// subscribing is a handler of pages that one may subscribe to. Nothing of it is
// kept by anybody: there are secrets in addresses and forms.
func (d *Dashboard) subscribing(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := d.visited(r)
		if !d.subscribable(v.site) || v.frame == nil {
			d.serveNothing(w, r)
			return
		}
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxSubscribeForm)
			if sameSite.Check(r) != nil {
				d.say(w, r, http.StatusForbidden, "Nothing was done", "Another site has sent this.")
				return
			}
			if err := r.ParseForm(); err != nil {
				d.say(w, r, http.StatusBadRequest, "Nothing was done", "The form could not be read. Go back and send it once more.")
				return
			}
		}
		next(w, r)
	}
}

// say answers by a page that only says something and that nobody keeps.
func (d *Dashboard) say(w http.ResponseWriter, r *http.Request, code int, heading, text string) {
	d.answer(w, r, func() (*page, error) { return d.message(d.visited(r).site, code, heading, text) })
}

// answer serves a page that nobody keeps.
func (d *Dashboard) answer(w http.ResponseWriter, r *http.Request, get func() (*page, error)) {
	d.serve(w, r, func() (*page, error) {
		p, err := get()
		if err == nil {
			p.cache = "no-store"
		}
		return p, err
	})
}

func (d *Dashboard) tooMany(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "60")
	d.say(w, r, http.StatusTooManyRequests, "That was too often", "Many requests came from your network. Nothing was done; try again in a minute.")
}

// unreached answers where the store could not be asked.
func (d *Dashboard) unreached(w http.ResponseWriter, r *http.Request, err error) {
	d.log.Warn("a subscription could not be seen to", "page", d.visited(r).site.Slug, "err", err)
	w.Header().Set("Retry-After", "30")
	p, err := d.saying(d.visited(r).site, http.StatusServiceUnavailable, "That is not possible at the moment", "Nothing was changed. Try again in a few minutes.", false)
	if err == nil {
		p.cache = "no-store"
	}
	d.serve(w, r, func() (*page, error) { return p, err })
}

const noSuchLink = "The link is used up, too old, or of a subscription that has ended. You can subscribe anew."

func (d *Dashboard) showSubscribe(w http.ResponseWriter, r *http.Request) {
	c := subscription.Choice{Whole: true}
	if q := r.URL.Query(); len(q["check"])+len(q["group"]) > 0 {
		c = subscription.Choice{Checks: q["check"], Groups: q["group"]}
	}
	d.serveForm(w, r, http.StatusOK, formView{Choice: c})
}

// serveForm serves the form with which one subscribes.
func (d *Dashboard) serveForm(w http.ResponseWriter, r *http.Request, code int, v formView) {
	f := d.frameOf(r)
	ways, err := d.waysOf(r.Context(), f.site)
	if err != nil {
		d.unreached(w, r, err)
		return
	}
	v.Ways = ways
	d.answer(w, r, func() (*page, error) { return d.form(f, code, v) })
}

func (d *Dashboard) subscribe(w http.ResponseWriter, r *http.Request) {
	f := d.frameOf(r)
	s := f.site
	ways, err := d.waysOf(r.Context(), s)
	if err != nil {
		d.unreached(w, r, err)
		return
	}
	v := formView{Address: r.PostForm.Get("address"), Choice: f.chosen(r)}
	kind, address, fault := subscription.Address(v.Address, ways)
	v.AddressFault, v.ChoiceFault = fault, v.Fault()
	if v.AddressFault != "" || v.ChoiceFault != "" {
		d.serveForm(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if !d.asking.take(d.asking.subscribe, origin.Network(r.RemoteAddr), subscribeEvery, subscribeAtOnce) {
		d.tooMany(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), subscribeTimeout)
	defer cancel()
	a, err := d.options.Subscribers.PublicSubscribe(ctx, subscription.Request{Page: s.Slug, Kind: kind, Address: address, Choice: v.Choice})
	switch {
	case err != nil:
		d.unreached(w, r, err)
	case a == subscription.Full:
		w.Header().Set("Retry-After", "3600")
		d.say(w, r, http.StatusServiceUnavailable, "No subscription is taken at the moment", "Very many wait for their confirmation. Nothing of yours was kept; try again in an hour.")
	case a != subscription.Taken:
		d.say(w, r, http.StatusConflict, "That is not offered any more", "This page was changed while you looked at it. Go back and load it again.")
	case kind == subscription.Webhook:
		d.say(w, r, http.StatusAccepted, "Confirm the subscription", "A message goes to that address now. It has a link by which you, or your program, confirm within two days that it is wanted there. Nothing else is sent before.")
	default:
		d.say(w, r, http.StatusAccepted, "Look into your mail", "A message goes to that address now. Confirm within two days by the link in it that you want more; nothing else is sent before. If none comes within a few minutes, look among the unwanted mail.")
	}
}

// chosen is what a form chooses of the services that the frame shows.
func (f *frame) chosen(r *http.Request) subscription.Choice {
	if r.PostForm.Get("scope") != "some" {
		return subscription.Choice{Whole: true}
	}
	var c subscription.Choice
	for _, id := range r.PostForm["check"] {
		if _, ok := f.check(id); ok && !slices.Contains(c.Checks, id) {
			c.Checks = append(c.Checks, id)
		}
	}
	for _, name := range r.PostForm["group"] {
		if f.hasGroup(name) && !slices.Contains(c.Groups, name) {
			c.Groups = append(c.Groups, name)
		}
	}
	return c
}

func (f *frame) hasGroup(name string) bool {
	return name != "" && slices.ContainsFunc(f.checks, func(j judged) bool { return j.Group == name })
}

// tokenOf is the token of a link, or of the form behind one.
func tokenOf(r *http.Request) (subscription.Token, bool) {
	return subscription.ParseToken(r.FormValue("token"))
}

// linkView is a page behind a link of a message.
type linkView struct {
	layout
	Token string
	Slug  string
}

// showLink shows a page with a button: who only looks at a link, as scanners of
// mail do, does nothing.
func (d *Dashboard) showConfirm(w http.ResponseWriter, r *http.Request) {
	t, ok := tokenOf(r)
	if !ok {
		d.say(w, r, http.StatusNotFound, "This link leads nowhere", noSuchLink)
		return
	}
	s := d.visited(r).site
	d.answer(w, r, func() (*page, error) {
		v := linkView{layout: d.bare(s, "Confirm · "+s.title), Token: t.Text}
		v.Forms = true
		return execute(confirmPage, http.StatusOK, v)
	})
}

// follow bounds who follows links, and answers where they may not.
func (d *Dashboard) follow(w http.ResponseWriter, r *http.Request) bool {
	if d.asking.take(d.asking.links, origin.Network(r.RemoteAddr), linkEvery, linksAtOnce) {
		return true
	}
	d.tooMany(w, r)
	return false
}

func (d *Dashboard) confirm(w http.ResponseWriter, r *http.Request) {
	t, ok := tokenOf(r)
	if !d.follow(w, r) {
		return
	}
	s := d.visited(r).site
	if ok {
		ctx, cancel := context.WithTimeout(r.Context(), subscribeTimeout)
		defer cancel()
		var err error
		if ok, err = d.options.Subscribers.PublicConfirm(ctx, s.Slug, t.Hash); err != nil {
			d.unreached(w, r, err)
			return
		}
	}
	if !ok {
		d.say(w, r, http.StatusNotFound, "This link leads nowhere", noSuchLink)
		return
	}
	d.answer(w, r, func() (*page, error) {
		v := linkView{layout: d.bare(s, "Subscribed · "+s.title), Token: t.Text, Slug: s.Slug}
		v.Forms = true
		return execute(confirmPage, http.StatusOK, v)
	})
}

func (d *Dashboard) showManage(w http.ResponseWriter, r *http.Request) { d.serveManage(w, r, "") }

// serveManage serves the form with which one changes what one is told of.
func (d *Dashboard) serveManage(w http.ResponseWriter, r *http.Request, done string) {
	t, ok := tokenOf(r)
	if !d.follow(w, r) {
		return
	}
	f := d.frameOf(r)
	var h subscription.Held
	if ok {
		ctx, cancel := context.WithTimeout(r.Context(), subscribeTimeout)
		defer cancel()
		var err error
		if h, ok, err = d.options.Subscribers.PublicSubscription(ctx, f.site.Slug, t.Hash); err != nil {
			d.unreached(w, r, err)
			return
		}
	}
	if !ok || h.State != subscription.Confirmed {
		d.say(w, r, http.StatusNotFound, "This link leads nowhere", noSuchLink)
		return
	}
	d.answer(w, r, func() (*page, error) {
		return d.form(f, http.StatusOK, formView{Token: t.Text, Kind: h.Kind, Choice: h.Choice, Done: done})
	})
}

func (d *Dashboard) manage(w http.ResponseWriter, r *http.Request) {
	t, ok := tokenOf(r)
	if !ok {
		d.say(w, r, http.StatusNotFound, "This link leads nowhere", noSuchLink)
		return
	}
	f := d.frameOf(r)
	c := f.chosen(r)
	if fault := c.Fault(); fault != "" {
		d.answer(w, r, func() (*page, error) {
			return d.form(f, http.StatusUnprocessableEntity, formView{Token: t.Text, Kind: subscription.Kind(r.PostForm.Get("kind")), Choice: c, ChoiceFault: fault})
		})
		return
	}
	if !d.follow(w, r) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), subscribeTimeout)
	defer cancel()
	ok, err := d.options.Subscribers.PublicChange(ctx, f.site.Slug, t.Hash, c)
	switch {
	case err != nil:
		d.unreached(w, r, err)
	case !ok:
		d.say(w, r, http.StatusNotFound, "This link leads nowhere", noSuchLink)
	default:
		d.serveManage(w, r, "Saved. From now on you are told of what is chosen here.")
	}
}

// stranger is what a page says of a site to one who need not be its reader:
// nothing but where it is.
func (d *Dashboard) stranger(s *site, title string) layout {
	if s.Protected() {
		l := d.bare(d.own, title)
		l.Base = s.base
		return l
	}
	return d.bare(s, title)
}

// showUnsubscribe shows the button that ends a subscription. Whoever holds the
// link may, from wherever they are.
func (d *Dashboard) showUnsubscribe(w http.ResponseWriter, r *http.Request) {
	s := d.visited(r).site
	t, ok := tokenOf(r)
	if s.Slug == "" || s.listing {
		d.serveNothing(w, r)
		return
	}
	d.serveUnsubscribe(w, r, s, t.Text, ok, "")
}

func (d *Dashboard) serveUnsubscribe(w http.ResponseWriter, r *http.Request, s *site, token string, ok bool, done string) {
	code := http.StatusOK
	if !ok {
		code = http.StatusNotFound
	}
	d.answer(w, r, func() (*page, error) {
		v := struct {
			layout
			Token, Done string
			Lost        bool
		}{d.stranger(s, "Unsubscribe"), token, done, !ok}
		v.Forms = true
		return execute(unsubscribePage, code, v)
	})
}

// unsubscribe ends a subscription. It asks for no origin: the token is all that
// one needs, and those who post it by RFC 8058 have none.
func (d *Dashboard) unsubscribe(w http.ResponseWriter, r *http.Request) {
	s := d.visited(r).site
	r.Body = http.MaxBytesReader(w, r.Body, maxSubscribeForm)
	t, ok := tokenOf(r)
	if s.Slug == "" || s.listing {
		d.serveNothing(w, r)
		return
	}
	if !d.asking.take(d.asking.links, origin.Network(r.RemoteAddr), linkEvery, linksAtOnce) {
		w.Header().Set("Retry-After", strconv.Itoa(int(linkEvery.Seconds())))
		http.Error(w, "too many requests came from your network; try again in a moment", http.StatusTooManyRequests)
		return
	}
	if ok {
		ctx, cancel := context.WithTimeout(r.Context(), subscribeTimeout)
		defer cancel()
		if _, err := d.options.Subscribers.PublicUnsubscribe(ctx, s.Slug, t.Hash); err != nil {
			d.log.Warn("a subscription could not be ended", "page", s.Slug, "err", err)
			w.Header().Set("Retry-After", "30")
			http.Error(w, "that is not possible at the moment; try again in a few minutes", http.StatusServiceUnavailable)
			return
		}
	}
	// One that had ended before has ended too.
	d.serveUnsubscribe(w, r, s, "", ok, strings.TrimSpace("You are not told of anything any more, and your address is forgotten."))
}
