package shop

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed pages
var pageFiles embed.FS

// pages are templates by name, each within the frame.
type pages map[string]*template.Template

func parsePages() pages {
	ps := pages{}
	for _, name := range []string{"home", "search", "product", "login", "account", "cart", "checkout", "thanks", "error"} {
		ps[name] = template.Must(template.ParseFS(pageFiles, "pages/frame.html", "pages/parts.html", path.Join("pages", name+".html")))
	}
	return ps
}

// page is what a template sees.
type page struct {
	Title    string
	Message  string
	Query    string
	Products []product
	Product  product
	Orders   []order
	Order    string
	Form     form

	// Set for every page by show.
	User        string
	Cart        cart
	ScriptFault bool
}

// form is what a visitor has filled in at the check-out.
type form struct {
	Name, Email, Address string
}

func (s *server) routePages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /search", s.results)
	mux.HandleFunc("GET /product/{id}", s.product)
	mux.HandleFunc("GET /login", s.loginForm)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /account", s.account)
	mux.HandleFunc("GET /cart", s.cart)
	mux.HandleFunc("POST /cart", s.changeCart)
	mux.HandleFunc("GET /checkout", s.checkoutForm)
	mux.HandleFunc("POST /checkout", s.checkout)
	mux.HandleFunc("GET /thanks", s.thanks)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/static/favicon.svg", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusNotFound, "there is nothing on this shelf")
	})
}

// show answers by a page. It is rendered whole before the first byte, so that
// a broken template is not half a page.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	p.User, p.Cart, p.ScriptFault = s.visitor(r), cartOf(r), s.broken(FaultScript)
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "frame", p); err != nil {
		http.Error(w, "rendering the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the visitor may have left
}

func (s *server) home(w http.ResponseWriter, r *http.Request) {
	featured := []product{}
	for _, id := range []string{"round-teapot", "first-flush", "ember-mug", "copper-kettle"} {
		if p, ok := find(id); ok {
			featured = append(featured, p)
		}
	}
	s.show(w, r, http.StatusOK, "home", page{Title: "Tea, pots and quiet mornings", Products: featured})
}

func (s *server) results(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	title := "Everything"
	if q != "" {
		title = "Search: " + q
	}
	s.show(w, r, http.StatusOK, "search", page{Title: title, Query: q, Products: s.search(q)})
}

func (s *server) product(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PathValue("id"))
	if !ok {
		s.fail(w, r, http.StatusNotFound, "this product is not in our shop")
		return
	}
	s.show(w, r, http.StatusOK, "product", page{Title: p.Name, Product: p})
}

func (s *server) loginForm(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "login", page{Title: "Log in"})
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	user := r.PostFormValue("user")
	if !admits(user, r.PostFormValue("password")) || s.broken(FaultLogin) {
		s.show(w, r, http.StatusUnauthorized, "login", page{Title: "Log in", Message: "That user and password do not match."})
		return
	}
	setCookie(w, loginCookie, s.key.token(user, time.Now()))
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	setCookie(w, loginCookie, "")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *server) account(w http.ResponseWriter, r *http.Request) {
	if s.visitor(r) == "" {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, "account", page{Title: "Your account", Orders: history})
}

func (s *server) cart(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "cart", page{Title: "Your cart"})
}

// changeCart adds quantity of a product to the cart; 0 takes it out.
func (s *server) changeCart(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PostFormValue("product"))
	quantity, err := strconv.Atoi(r.PostFormValue("quantity"))
	if !ok || err != nil || quantity < 0 || quantity > maxQuantity {
		s.fail(w, r, http.StatusBadRequest, fmt.Sprintf("choose a product of ours and a quantity of 0 to %d", maxQuantity))
		return
	}
	c := cartOf(r)
	if quantity == 0 {
		c = c.without(p.ID)
	} else {
		c = c.add(p, quantity)
	}
	keepCart(w, c)
	http.Redirect(w, r, "/cart", http.StatusSeeOther)
}

func (s *server) checkoutForm(w http.ResponseWriter, r *http.Request) {
	if len(cartOf(r)) == 0 {
		http.Redirect(w, r, "/cart", http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, "checkout", page{Title: "Check out"})
}

func (s *server) checkout(w http.ResponseWriter, r *http.Request) {
	f := form{r.PostFormValue("name"), r.PostFormValue("email"), r.PostFormValue("address")}
	switch {
	case len(cartOf(r)) == 0:
		http.Redirect(w, r, "/cart", http.StatusSeeOther)
	case strings.TrimSpace(f.Name) == "" || !strings.Contains(f.Email, "@") || strings.TrimSpace(f.Address) == "":
		s.show(w, r, http.StatusUnprocessableEntity, "checkout", page{Title: "Check out", Form: f, Message: "Please fill in your name, e-mail and address."})
	case s.broken(FaultCheckout):
		s.fail(w, r, http.StatusInternalServerError, "your order could not be placed; nothing was charged")
	default:
		keepCart(w, nil)
		http.Redirect(w, r, "/thanks?order="+orderID(), http.StatusSeeOther)
	}
}

var orderForm = regexp.MustCompile(`^SC-[0-9]{6}$`)

func (s *server) thanks(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("order")
	if !orderForm.MatchString(id) {
		s.fail(w, r, http.StatusNotFound, "there is no such order")
		return
	}
	s.show(w, r, http.StatusOK, "thanks", page{Title: "Thank you", Order: id})
}
