package shop_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/examples/shop/shop"
)

// visitor is a client with cookies at a shop of its own.
type visitor struct {
	t   *testing.T
	url string
	*http.Client
}

func visit(t *testing.T, o shop.Options) visitor {
	t.Helper()
	s := httptest.NewServer(shop.Handler(o))
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{t, s.URL, &http.Client{Jar: jar}}
}

func (v visitor) read(resp *http.Response, err error) (int, string) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (v visitor) get(path string) (int, string) {
	v.t.Helper()
	return v.read(v.Get(v.url + path))
}

func (v visitor) submit(path string, pairs ...string) (int, string) {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return v.read(v.PostForm(v.url+path, form))
}

func (v visitor) post(path, body string) (int, string) {
	v.t.Helper()
	return v.read(v.Post(v.url+path, "application/json", strings.NewReader(body)))
}

// want checks a status and that the body has all the words.
func (v visitor) want(status int, words ...string) func(int, string) string {
	return func(got int, body string) string {
		v.t.Helper()
		if got != status {
			v.t.Errorf("status %d, want %d: %.300s", got, status, body)
		}
		for _, w := range words {
			if !strings.Contains(body, w) {
				v.t.Errorf("the answer lacks %q: %.2000s", w, body)
			}
		}
		return body
	}
}

func TestPages(t *testing.T) {
	v := visit(t, shop.Options{})
	v.want(200, "<h1>Tea, pots and quiet mornings", "Round Teapot", `id="q"`)(v.get("/"))
	v.want(200, "Results for “teapot”", "2 products", "Little Teapot")(v.get("/search?q=teapot"))
	v.want(200, "1 product<", "Smoked Pine")(v.get("/search?q=PINE+embers"))
	v.want(200, "12 products")(v.get("/search"))
	v.want(200, "Nothing found")(v.get("/search?q=coffee"))
	v.want(200, "Results for “&lt;script&gt;”")(v.get("/search?q=<script>"))
	v.want(200, "Copper Kettle", "€89.00")(v.get("/product/copper-kettle"))
	v.want(404, "not in our shop")(v.get("/product/samovar"))
	v.want(404, "nothing on this shelf")(v.get("/nowhere"))
	for _, path := range []string{"shop.css", "shop.js", "art.svg", "favicon.svg"} {
		v.want(200)(v.get("/static/" + path))
	}
}

func TestLogInOnThePages(t *testing.T) {
	v := visit(t, shop.Options{})
	v.want(200, "<h1>Log in")(v.get("/account"))
	v.want(401, "do not match")(v.submit("/login", "user", "demo", "password", "wrong"))
	v.want(200, "Welcome back, demo", "SC-481203")(v.submit("/login", "user", "demo", "password", "demo"))
	v.want(200, "Account")(v.get("/"))
	v.want(200, "Log in")(v.submit("/logout"))
	v.want(200, "<h1>Log in")(v.get("/account"))
}

func TestBuySomething(t *testing.T) {
	v := visit(t, shop.Options{})
	v.want(200, "It is empty")(v.get("/checkout"))
	v.want(200, "Ember Mug", "€23.90", "<b>1</b>")(v.submit("/cart", "product", "ember-mug", "quantity", "1"))
	v.want(200, "2 × €19.00", "Subtotal")(v.submit("/cart", "product", "ember-mug", "quantity", "1"))
	v.want(200, "€127.00", "free")(v.submit("/cart", "product", "copper-kettle", "quantity", "1"))
	v.want(200, "€42.90")(v.submit("/cart", "product", "copper-kettle", "quantity", "0"))
	v.want(422, "Please fill in", `value="Ada"`)(v.submit("/checkout", "name", "Ada", "email", "nowhere", "address", "12 Square"))
	v.want(200, "Thank you!", "SC-")(v.submit("/checkout", "name", "Ada", "email", "ada@example.com", "address", "12 Square"))
	v.want(200, "It is empty")(v.get("/cart"))

	for _, bad := range [][2]string{{"samovar", "1"}, {"ember-mug", "21"}, {"ember-mug", "-1"}, {"ember-mug", "many"}} {
		v.want(400, "choose a product")(v.submit("/cart", "product", bad[0], "quantity", bad[1]))
	}
	v.want(404)(v.get("/thanks?order=<b>"))
}

func TestAPI(t *testing.T) {
	v := visit(t, shop.Options{})
	v.want(200, `"status":"ok"`)(v.get("/api/health"))
	v.want(200, `"count":2`, `"price_cents":5400`)(v.get("/api/products?q=teapot"))
	v.want(200, `"products":[]`)(v.get("/api/products?q=coffee"))
	v.want(200, `"id":"fog-mug"`)(v.get("/api/products/fog-mug"))
	v.want(404, `"error"`)(v.get("/api/products/samovar"))
	v.want(404, `"error"`)(v.get("/api/nothing"))
	v.want(503, "gift-card")(v.get("/api/gift-cards"))
	v.want(200, `"count":3`, `"total_cents":12700`, `"shipping_cents":0`)(v.post("/api/cart",
		`{"items": [{"product_id": "fog-mug", "quantity": 2}, {"product_id": "copper-kettle", "quantity": 1}]}`))
	v.want(201, `"id":"SC-`, `"total_cents":4290`)(v.post("/api/checkout", `{"items": [{"product_id": "fog-mug", "quantity": 2}]}`))
	for body, status := range map[string]int{
		`{"items": [{"product_id": "fog-mug", "quantity": 0}]}`: 422,
		`{"items": [{"product_id": "none", "quantity": 1}]}`:    422,
		`{"items": []}`:                         422,
		`{"items": `:                            400,
		`"` + strings.Repeat("a", 70<<10) + `"`: 413,
	} {
		v.want(status, `"error"`)(v.post("/api/checkout", body))
	}
	v.want(401, `"error"`)(v.post("/api/login", `{"user": "demo", "password": "wrong"}`))
	v.want(401, `"error"`)(v.get("/api/orders"))
}

func TestTokens(t *testing.T) {
	v := visit(t, shop.Options{})
	var in struct{ Token string }
	if err := json.Unmarshal([]byte(v.want(200)(v.post("/api/login", `{"user": "demo", "password": "demo"}`))), &in); err != nil {
		t.Fatal(err)
	}
	elsewhere := visit(t, shop.Options{})
	for token, status := range map[string]int{
		in.Token:       200,
		in.Token + "x": 401,
		strings.Replace(in.Token, "demo", "x", 1):                401,
		"demo.99999999999." + in.Token[len("demo.1791201600."):]: 401,
		"": 401,
	} {
		req, _ := http.NewRequest("GET", v.url+"/api/orders", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		v.want(status)(v.read(v.Do(req)))
	}
	req, _ := http.NewRequest("GET", elsewhere.url+"/api/orders", nil)
	req.Header.Set("Authorization", "Bearer "+in.Token)
	v.want(401)(v.read(v.Do(req)))
}

// Each fault breaks what it names and nothing else.
func TestFaults(t *testing.T) {
	login := func(v visitor) (int, string) { return v.submit("/login", "user", "demo", "password", "demo") }
	buy := func(v visitor) (int, string) {
		v.submit("/cart", "product", "fog-mug", "quantity", "1")
		return v.submit("/checkout", "name", "Ada", "email", "a@b", "address", "x")
	}
	for name, want := range map[string]struct{ home, search, login, buy int }{
		"none":     {200, 12, 200, 200},
		"search":   {200, 0, 200, 200},
		"login":    {200, 12, 401, 200},
		"checkout": {200, 12, 200, 500},
		"5xx":      {503, -1, 503, 503},
	} {
		faults, err := shop.ParseFaults(name)
		if err != nil {
			t.Fatal(err)
		}
		v := visit(t, shop.Options{Faults: faults})
		home, _ := v.get("/")
		count := struct{ Count int }{-1}
		if status, body := v.get("/api/products"); status == 200 {
			_ = json.Unmarshal([]byte(body), &count)
		}
		in, _ := login(v)
		bought, _ := buy(v)
		got := want
		got.home, got.search, got.login, got.buy = home, count.Count, in, bought
		if got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	v := visit(t, shop.Options{Faults: []shop.Fault{shop.FaultScript}})
	v.want(200, "/static/broken.js")(v.get("/"))
}

func TestHangEndsWithTheVisitor(t *testing.T) {
	v := visit(t, shop.Options{Faults: []shop.Fault{shop.FaultHang}})
	v.Timeout = 50 * time.Millisecond
	if _, err := v.Get(v.url); err == nil {
		t.Error("something was answered")
	}
}

func TestFaultRate(t *testing.T) {
	v := visit(t, shop.Options{Faults: []shop.Fault{shop.Fault5xx}, FaultRate: 0.5})
	seen := map[int]int{}
	for range 60 {
		status, _ := v.get("/api/health")
		seen[status]++
	}
	if seen[200] == 0 || seen[503] == 0 {
		t.Errorf("statuses %v", seen)
	}
}

func TestSlow(t *testing.T) {
	const pause = 30 * time.Millisecond
	v := visit(t, shop.Options{Slow: pause})
	start := time.Now()
	v.want(200)(v.get("/api/health"))
	if took := time.Since(start); took < pause {
		t.Errorf("answered after %s", took)
	}
}

func TestParseFaults(t *testing.T) {
	got, err := shop.ParseFaults("search, login")
	if err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := shop.ParseFaults("serach"); err == nil || !strings.Contains(err.Error(), "use none, search, login") {
		t.Errorf("err = %v", err)
	}
}

// Pages ask nothing of other sites, and let nobody frame or post to them.
func TestPagesAreOnTheirOwn(t *testing.T) {
	v := visit(t, shop.Options{})
	resp, err := v.Get(v.url)
	if err != nil {
		t.Fatal(err)
	}
	csp := resp.Header.Get("Content-Security-Policy")
	_, body := v.read(resp, nil)
	if !strings.HasPrefix(csp, "default-src 'self'") || strings.Contains(body, "http://") || strings.Contains(body, "https://") || strings.Contains(body, "style=") {
		t.Errorf("policy %q, page %s", csp, body)
	}
	req, _ := http.NewRequest("POST", v.url+"/login", strings.NewReader("user=demo&password=demo"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	v.want(403)(v.read(v.Do(req)))
}
