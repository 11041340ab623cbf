package browserrunner

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Every example of docs/steps.md does what it says, on a page that has all it
// speaks of.
func TestExamplesOfTheDocumentation(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/steps.md")
	if err != nil {
		t.Fatal(err)
	}
	s := yard(t)
	sections := strings.Split(string(doc), "\n## ")[1:]
	ran := 0
	for _, section := range sections {
		title, body, _ := strings.Cut(section, "\n")
		_, example, found := strings.Cut(body, "```yaml\n")
		if !found {
			continue
		}
		ran++
		example, _, _ = strings.Cut(example, "```")
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			file := "checks:\n- id: example\n  base: \"{{ vars.base }}\"\n  timeout: 60s\n  steps:\n" + indent(example)
			cs, err := checkfile.Parse("docs/steps.md", []byte(file), checkfile.Options{Vars: map[string]string{"base": s.URL}})
			if err != nil {
				t.Fatalf("%v\n%s", err, file)
			}
			j, spec := job(), cs[0].Spec.(*check.Browser)
			spec.Steps = unhurried(spec.Steps)
			j.Check.Spec = spec
			res := runOn(t, shared.Runner, j)
			if res.Outcome != jobs.Passed {
				last := res.Steps[len(res.Steps)-1]
				t.Errorf("%s: %+v\ninstead %q, console %+v", res.Outcome, res.Fault, last.Instead, res.Evidence.Console)
			}
		})
	}
	if ran < 6 {
		t.Errorf("%d examples", ran)
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

// yard is a site with a page of everything, and one that asks for a name.
func yard(t *testing.T) *httptest.Server {
	t.Helper()
	pages := map[string]string{"/": yardPage, "/pay": payPage, "/popup": popupPage}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		visitor := ""
		if c, err := r.Cookie("visitor"); err == nil {
			visitor = c.Value
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, strings.ReplaceAll(body, "VISITOR", visitor))
	})
	mux.HandleFunc("/api/stock", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"left": 3}`) })
	mux.HandleFunc("/tracker.js", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "window.tracked = true") })
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "pong") })
	mux.HandleFunc("/settings", func(w http.ResponseWriter, r *http.Request) {
		user, _, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="yard"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, strings.NewReplacer("HEADER", r.Header.Get("X-Check"), "USER", user).Replace(settingsPage))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

const yardPage = `<!doctype html><title>Steep</title>
<h1>Fine teas</h1>
<ul id="teas"><li>Black</li><li>Green</li><li>White</li></ul>
<a id="cart-link" href="/cart">Cart</a><div id="spinner" hidden>…</div>
<button id="menu" onclick="done('menu')">Menu</button><button onclick="done('log in')">Log in now</button>
<label>E-mail <input></label><input id="q" placeholder="Search here">
<button onclick="done('added 1')">Add to cart</button><button onclick="done('added 2')">Add to cart</button>
<button data-testid="cart" onclick="done('cart')">Basket</button><x-help></x-help><p id="done"></p>
<p id="tip" onmouseenter="did('tip')">hover here</p><p id="word" ondblclick="did('word')" oncontextmenu="did('menu of word'); return false">word</p>
<select id="size"><option value="s">Small</option><option value="l">Large</option></select>
<label>Extras <select multiple onchange="did([...this.selectedOptions].map((o) => o.text).join('+'))"><option>milk</option><option>sugar</option><option>honey</option></select></label>
<label><input type="checkbox" onchange="did(this.checked ? 'agreed' : 'not agreed')">I agree</label>
<input type="checkbox" id="news" checked onchange="did(this.checked ? 'news' : 'no news')">
<p><span id="card" draggable="true" style="padding: 10px; background: silver">card</span></p>
<p id="slot" ondragover="event.preventDefault()" ondrop="event.preventDefault(); did('dropped')" style="height: 40px">slot</p><p id="did"></p>
<label>Photo <input type="file" hidden onchange="this.files[0].text().then((x) => state(this.files[0].name + ' ' + x))"></label>
<button id="sure" onclick="state(confirm('Are you sure?'))">Sure</button><button id="who" onclick="state(prompt('Who?'))">Who</button><p id="state"></p>
<iframe id="payment" src="/pay"></iframe><button id="popup" onclick="open('/popup', '', 'width=300,height=300')">Popup</button>
<button id="log-out">Log out</button><div style="height: 2000px"></div><p id="far">far</p>
<script>
const note = (id) => (what) => { const at = document.getElementById(id); at.textContent += (at.textContent && ', ') + what; };
const done = note('done'), did = note('did'), state = note('state');
if ('VISITOR') state('cookie VISITOR');
q.onkeydown = (e) => { if (e.key === 'Enter') did('asked ' + q.value); };
fetch('/api/stock');
customElements.define('x-help', class extends HTMLElement { connectedCallback() {
	this.attachShadow({ mode: 'open' }).innerHTML = '<button>Help</button>';
	this.shadowRoot.firstChild.onclick = () => done('help');
} });
</script>`

const payPage = `<!doctype html><button onclick="paid.textContent = 'paid'">Pay</button><p id="paid"></p>`

const popupPage = `<!doctype html><button>Close me</button>`

const settingsPage = `<!doctype html><meta name="viewport" content="width=device-width"><p id="out"></p><button id="ping">Ping</button><p id="pong"></p>
<script src="/tracker.js"></script><script>
ping.onclick = () => fetch('/ping').then((r) => r.text()).then((x) => pong.textContent = x + ' at ' + innerWidth, () => pong.textContent = 'offline');
navigator.geolocation.getCurrentPosition(async (at) => {
	const stock = await fetch('/api/stock');
	out.textContent = [innerWidth + ' px', navigator.maxTouchPoints > 0 ? 'touch' : 'mouse', navigator.language, Intl.DateTimeFormat().resolvedOptions().timeZone,
		at.coords.latitude, 'header HEADER', 'USER', window.tracked ? 'tracked' : 'no tracker', 'stock ' + stock.status].join(', ');
}, (e) => out.textContent = e.message);
</script>`
