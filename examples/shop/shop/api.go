package shop

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// recommending is how long the recommendations think, every time.
const recommending = 450 * time.Millisecond

func (s *server) routeAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/health", s.apiHealth)
	mux.HandleFunc("POST /api/login", s.apiLogin)
	mux.HandleFunc("GET /api/orders", s.apiOrders)
	mux.HandleFunc("GET /api/products", s.apiProducts)
	mux.HandleFunc("GET /api/products/{id}", s.apiProduct)
	mux.HandleFunc("POST /api/cart", s.apiCart)
	mux.HandleFunc("POST /api/checkout", s.apiCheckout)
	mux.HandleFunc("GET /api/recommendations", s.apiRecommendations)
	mux.HandleFunc("GET /api/gift-cards", s.apiGiftCards)
	mux.HandleFunc("GET /api/flaky", s.apiFlaky)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusNotFound, fmt.Sprintf("there is no %s %s", r.Method, r.URL.Path))
	})
}

func (s *server) apiHealth(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"status": "ok", "products": len(catalog)})
}

func (s *server) apiLogin(w http.ResponseWriter, r *http.Request) {
	var in struct{ User, Password string }
	if !readJSON(w, r, &in) {
		return
	}
	if !admits(in.User, in.Password) || s.broken(FaultLogin) {
		reply(w, http.StatusUnauthorized, map[string]string{"error": "user or password is wrong"})
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"token": s.key.token(in.User, time.Now()), "user": in.User, "expires_in": int(loginLife.Seconds()),
	})
}

// bearer is the user of a request's token, or "".
func (s *server) bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return s.key.user(token, time.Now())
}

func (s *server) apiOrders(w http.ResponseWriter, r *http.Request) {
	user := s.bearer(r)
	if user == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="shop"`)
		reply(w, http.StatusUnauthorized, map[string]string{"error": "log in at /api/login and send its token"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"user": user, "orders": history})
}

// order is one of the past.
type order struct {
	ID     string `json:"id"`
	Date   string `json:"date"`
	Status string `json:"status"`
	Cents  price  `json:"total_cents"`
}

// history holds the orders of the one account.
var history = []order{
	{"SC-481203", "12 September", "delivered", 3410},
	{"SC-455019", "3 August", "delivered", 8900},
	{"SC-430777", "21 June", "returned", 1900},
}

func (s *server) search(q string) []product {
	if s.broken(FaultSearch) {
		return []product{}
	}
	return search(q)
}

func (s *server) apiProducts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	found := s.search(q)
	reply(w, http.StatusOK, map[string]any{"query": q, "count": len(found), "products": found})
}

func (s *server) apiProduct(w http.ResponseWriter, r *http.Request) {
	p, ok := find(r.PathValue("id"))
	if !ok {
		s.fail(w, r, http.StatusNotFound, fmt.Sprintf("there is no product %q", r.PathValue("id")))
		return
	}
	reply(w, http.StatusOK, p)
}

// wanted is a line of a cart as the API takes it.
type wanted struct {
	ProductID string `json:"product_id"`
	Quantity  int    `json:"quantity"`
}

// readCart reads {"items": [{"product_id", "quantity"}]}, and answers what is
// wrong with it.
func (s *server) readCart(w http.ResponseWriter, r *http.Request) (cart, bool) {
	var in struct {
		Items []wanted `json:"items"`
	}
	if !readJSON(w, r, &in) {
		return nil, false
	}
	var c cart
	for _, i := range in.Items {
		p, ok := find(i.ProductID)
		if !ok || i.Quantity < 1 || i.Quantity > maxQuantity {
			s.fail(w, r, http.StatusUnprocessableEntity, fmt.Sprintf("item %q: use a product_id of /api/products and a quantity of 1 to %d", i.ProductID, maxQuantity))
			return nil, false
		}
		c = c.add(p, i.Quantity)
	}
	if len(c) == 0 {
		s.fail(w, r, http.StatusUnprocessableEntity, "items is empty")
		return nil, false
	}
	return c, true
}

func (s *server) apiCart(w http.ResponseWriter, r *http.Request) {
	c, ok := s.readCart(w, r)
	if !ok {
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"count": c.Count(), "subtotal_cents": c.Subtotal(), "shipping_cents": c.Shipping(), "total_cents": c.Total(),
	})
}

func (s *server) apiCheckout(w http.ResponseWriter, r *http.Request) {
	c, ok := s.readCart(w, r)
	if !ok {
		return
	}
	if s.broken(FaultCheckout) {
		s.fail(w, r, http.StatusInternalServerError, "the order could not be placed")
		return
	}
	reply(w, http.StatusCreated, map[string]any{
		"order": map[string]any{"id": orderID(), "status": "placed", "total_cents": c.Total()},
	})
}

// apiRecommendations is right and slow: something to be degraded.
func (s *server) apiRecommendations(w http.ResponseWriter, r *http.Request) {
	if !wait(r, recommending) {
		return
	}
	first := rand.IntN(len(catalog) - 3)
	reply(w, http.StatusOK, map[string]any{"products": catalog[first : first+3]})
}

// apiGiftCards is always broken: something to be red.
func (s *server) apiGiftCards(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "3600")
	s.fail(w, r, http.StatusServiceUnavailable, "the gift-card service is closed for stocktaking")
}

// apiFlaky fails every other time, by chance.
func (s *server) apiFlaky(w http.ResponseWriter, r *http.Request) {
	if rand.IntN(2) == 0 {
		s.fail(w, r, http.StatusInternalServerError, "bad luck")
		return
	}
	reply(w, http.StatusOK, map[string]string{"status": "lucky"})
}
