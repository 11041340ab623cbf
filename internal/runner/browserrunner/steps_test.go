package browserrunner

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

func TestFlow(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{
		"/": `<form action="/hello"><input name="q" id="q"><button id="go">Search</button></form>`,
		"/hello": `<h1>Results</h1><p id="out"></p>
			<script>out.textContent = 'for ' + new URLSearchParams(location.search).get('q')</script>`,
	})
	res := run(t,
		open(s.URL),
		fillIn("#q", "green shoes"),
		click("#go"),
		expectURL("/hello?q=green"),
		text("#out", "for green shoes"),
		check.Step{Action: check.ActionScreenshot, Value: "Results"},
	)
	passes(t, res)
	if len(res.Steps) != 6 || res.Timings.Total <= 0 {
		t.Errorf("%d steps in %s", len(res.Steps), res.Timings.Total)
	}
	for _, st := range res.Steps {
		if !st.OK || st.Duration <= 0 || st.Duration > res.Timings.Total {
			t.Errorf("step %+v", st)
		}
	}
	want := jobs.Page{URL: s.URL + "/hello?q=green+shoes", Title: "Page /hello"}
	if *res.Evidence.Page != want {
		t.Errorf("page %+v, want %+v", *res.Evidence.Page, want)
	}
	if !strings.Contains(res.Worker.Browser, "Chrome/") {
		t.Errorf("browser %q", res.Worker.Browser)
	}
}

// Each page does something to #out that the flow then expects.
func TestActions(t *testing.T) {
	t.Parallel()
	said := func(what string) check.Step { return text("#out", what) }
	rows := []struct {
		name, body string
		steps      []check.Step
	}{
		{"real mouse events", `<button id="b">b</button><p id="out"></p><script>
			b.onclick = (e) => out.textContent = 'trusted ' + e.isTrusted + ' detail ' + e.detail</script>`,
			[]check.Step{click("#b"), said("trusted true detail 1")}},
		{"click waits for the element", `<p id="out"></p><script>
			setTimeout(() => { document.body.insertAdjacentHTML('beforeend', '<button id="late" onclick="out.textContent=1234">x</button>') }, 300)</script>`,
			[]check.Step{click("#late"), said("1234")}},
		{"click waits until it is enabled", `<button id="b" disabled onclick="out.textContent='ok'">b</button><p id="out"></p>
			<script>setTimeout(() => b.disabled = false, 300)</script>`,
			[]check.Step{click("#b"), said("ok")}},
		{"click waits until it is visible", `<button id="b" style="display:none" onclick="out.textContent='ok'">b</button><p id="out"></p>
			<script>setTimeout(() => b.style.display = '', 300)</script>`,
			[]check.Step{click("#b"), said("ok")}},
		{"click takes the first visible match", `<button class="b" hidden onclick="out.textContent='first'">b</button>
			<button class="b" onclick="out.textContent='second'">b</button><p id="out"></p>`,
			[]check.Step{click(".b"), said("second")}},
		{"click waits for the overlay to go", `<button id="b" onclick="out.textContent='ok'">b</button><p id="out"></p>
			<div id="over" style="position:fixed;inset:0"></div><script>setTimeout(() => over.remove(), 300)</script>`,
			[]check.Step{click("#b"), said("ok")}},
		{"click waits until it stands still", `<style>@keyframes m { from { left: 0 } to { left: 600px } } #b { position: absolute; animation: m .4s linear forwards }</style>
			<button id="b" onclick="out.textContent = 'at ' + this.getBoundingClientRect().left">b</button><p id="out"></p>`,
			[]check.Step{click("#b"), said("at 600")}},
		{"click scrolls", `<div style="height:4000px"></div><button id="b" onclick="out.textContent='ok'">b</button><p id="out"></p>`,
			[]check.Step{click("#b"), said("ok")}},
		{"click scrolls within a box", `<div style="height:100px;overflow:auto"><div style="height:900px"></div><button id="b" onclick="out.textContent='ok'">b</button></div><p id="out"></p>`,
			[]check.Step{click("#b"), said("ok")}},
		{"click on a hidden box's label", `<label for="c" id="l">agree</label><input type="checkbox" id="c" onchange="out.textContent='on '+this.checked"><p id="out"></p>`,
			[]check.Step{click("#l"), said("on true")}},
		{"text selects the deepest", `<div onclick="out.textContent='div'"><p><b onclick="event.stopPropagation();out.textContent='b'">Buy now</b></p></div><p id="out"></p>`,
			[]check.Step{click("text/Buy now"), said("b")}},
		{"text collapses white space", `<button onclick="out.textContent='ok'">Add
			to   cart</button><p id="out"></p>`,
			[]check.Step{click("text/Add to cart"), said("ok")}},
		{"text takes a button's value", `<input type="button" value="Send it" onclick="out.textContent='sent'"><p id="out"></p>`,
			[]check.Step{click("text/Send it"), said("sent")}},
		{"text goes into shadow trees", `<x-y></x-y><p id="out"></p><script>
			customElements.define('x-y', class extends HTMLElement { connectedCallback() {
				this.attachShadow({mode: 'open'}).innerHTML = '<button>In the shadow</button>';
				this.shadowRoot.querySelector('button').onclick = () => out.textContent = 'found';
			} })</script>`,
			[]check.Step{click("text/In the shadow"), said("found"), text("", "In the shadow")}},
		{"xpath", `<ul><li>a<li><a onclick="out.textContent='second'">b</a></ul><p id="out"></p>`,
			[]check.Step{click("xpath///li[2]/a"), said("second")}},
		{"fill replaces", `<input id="i" value="old" oninput="out.textContent = 'now ' + this.value + ' ' + event.isTrusted"><p id="out"></p>`,
			[]check.Step{fillIn("#i", "new"), said("now new true")}},
		{"fill takes a field that moves", `<style>@keyframes m { from { left: 0 } to { left: 600px } } #i { position: absolute; animation: m 2s linear infinite }</style>
			<input id="i" oninput="out.textContent = 'now ' + this.value"><p id="out"></p>`,
			[]check.Step{fillIn("#i", "new"), said("now new")}},
		{"fill clears", `<input id="i" value="old" oninput="out.textContent = 'now [' + this.value + ']'"><p id="out"></p>`,
			[]check.Step{fillIn("#i", ""), said("now []")}},
		{"fill a text area", `<textarea id="i" oninput="out.textContent = this.value.split('\n').length + ' lines'">old</textarea><p id="out"></p>`,
			[]check.Step{fillIn("#i", "a\nb\nc"), said("3 lines")}},
		{"fill editable content", `<div id="i" contenteditable>old <b>text</b></div><p id="out"></p><script>i.oninput = () => out.textContent = '[' + i.textContent + ']'</script>`,
			[]check.Step{fillIn("#i", "new"), said("[new]")}},
		{"fill a select by value", `<select id="i" onchange="out.textContent = 'size ' + this.value"><option>S<option value="l">Large</select><p id="out"></p>`,
			[]check.Step{fillIn("#i", "l"), said("size l")}},
		{"fill a select by label", `<select id="i" onchange="out.textContent = 'size ' + this.value"><option>S<option value="l">Large</select><p id="out"></p>`,
			[]check.Step{fillIn("#i", "Large"), said("size l")}},
		{"fill a checkbox", `<input type="checkbox" id="i" onclick="out.textContent = 'now ' + this.checked + ' ' + event.isTrusted"><p id="out"></p>`,
			[]check.Step{fillIn("#i", "true"), said("now true true"), fillIn("#i", "true"), fillIn("#i", "false"), said("now false")}},
		{"fill a date", `<input type="date" id="i" onchange="out.textContent = 'date ' + this.value"><p id="out"></p>`,
			[]check.Step{fillIn("#i", "2026-02-28"), said("date 2026-02-28")}},
		{"fill a number", `<input type="number" value="1" id="i" oninput="out.textContent = 'number ' + this.value"><p id="out"></p>`,
			[]check.Step{fillIn("#i", "42"), said("number 42")}},
		{"press Enter submits", `<form onsubmit="out.textContent='submitted'; return false"><input id="i"></form><p id="out"></p>`,
			[]check.Step{fillIn("#i", "x"), pressKey("", "Enter"), said("submitted")}},
		{"press types", `<input id="i" onkeydown="out.textContent += event.key + event.code + ';'" oninput="out.textContent += this.value + ';'"><p id="out"></p>`,
			[]check.Step{pressKey("#i", "a"), said("aKeyA;a;"), pressKey("", "B"), said("BKeyB;aB;"), pressKey("", "ü"), said("aBü;")}},
		{"press with Control", `<input id="i" value="old" onkeydown="if (event.ctrlKey) out.textContent = event.key"><p id="out"></p>`,
			[]check.Step{pressKey("#i", "Control+a"), said("a"), pressKey("", "Backspace"), pressKey("", "x")}},
		{"press Tab moves on", `<input id="i"><input onfocus="out.textContent='second'"><p id="out"></p>`,
			[]check.Step{pressKey("#i", "Tab"), said("second")}},
		{"expect text waits", `<p id="out"></p><script>setTimeout(() => out.textContent = 'ready', 300)</script>`,
			[]check.Step{said("ready"), text("", "ready")}},
		{"expect text in a field", `<input id="out"><script>setTimeout(() => out.value = 'ready', 300)</script>`,
			[]check.Step{said("ready")}},
		{"expect url waits", `<script>setTimeout(() => history.pushState({}, '', '/there'), 300)</script>`,
			[]check.Step{expectURL("/there")}},
		{"dialogs do not hold", `<button id="b" onclick="out.textContent = 'said ' + confirm('sure?')">b</button><p id="out"></p>`,
			[]check.Step{click("#b"), said("said false")}},
		{"a page that breaks its own prototypes", `<button id="b" onclick="out.textContent='ok'">b</button><p id="out"></p><script>
			window.Promise = null; Element.prototype.getBoundingClientRect = null; document.querySelectorAll = null; window.requestAnimationFrame = null</script>`,
			[]check.Step{click("#b"), said("ok")}},
	}
	pages := map[string]string{}
	for _, r := range rows {
		pages["/"+strings.ReplaceAll(r.name, " ", "-")] = r.body
	}
	s := site(t, pages)
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			passes(t, run(t, append([]check.Step{open(s.URL + "/" + strings.ReplaceAll(r.name, " ", "-"))}, r.steps...)...))
		})
	}
}

// A click that leads to another page is done when that page is there: the next
// step is not meant for the old one, however alike it looks.
func TestClickWaitsForTheNextPage(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/" {
			_, _ = fmt.Fprint(w, `<form action="/second" method="post"><button id="next">next</button></form>`)
			return
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		_, _ = fmt.Fprint(w, `<button id="next" onclick="out.textContent = 'second'">next</button><p id="out"></p>`)
	}))
	t.Cleanup(s.Close)
	passes(t, run(t, open(s.URL), click("#next"), pressKey("#next", "Enter"), text("#out", "second")))
}

// Each row's last step cannot succeed; the message says why.
func TestStepsThatDoNotSucceed(t *testing.T) {
	t.Parallel()
	// Some of them end at once, whatever time they have; others wait in vain.
	atOnce := []string{"not a selector", "not an xpath", "not a field", "a file", "no such key"}
	rows := []struct {
		name, body string
		step       check.Step
		want       string
	}{
		{"missing", `x`, click("#buy"), `click "#buy": no element matches "#buy" after {limit}; the page is {url} titled "Page /`},
		{"hidden", `<p class="a" hidden>x</p><p class="a" hidden>y</p>`, click(".a"), `2 elements match ".a", but none is visible after {limit}`},
		{"disabled", `<button id="b" disabled>b</button>`, click("#b"), `"#b" is disabled (<button id="b">) after {limit}`},
		{"covered", `<button id="b">b</button><div class="cookie wall" style="position:fixed;inset:0"></div>`, click("#b"), `"#b" is covered by <div class="cookie wall">`},
		{"moving", `<style>@keyframes m { from { left: 0 } to { left: 600px } } #b { position: absolute; animation: m 2s linear infinite }</style><button id="b">b</button>`, click("#b"), `"#b" does not stand still`},
		{"a box that moves", `<style>@keyframes m { from { left: 0 } to { left: 600px } } #b { position: absolute; animation: m 2s linear infinite }</style><input type="checkbox" id="b">`, fillIn("#b", "true"), `"#b" does not stand still`},
		{"not a selector", `x`, click("p["), `"p[" is not a valid selector`},
		{"not an xpath", `x`, click("xpath///["), `is not a valid selector`},
		{"text in other case", `<p>Buy Now</p>`, click("text/buy now"), `the page has that text in other upper and lower case`},
		{"not a field", `<div id="d">x</div>`, fillIn("#d", "value"), `"#d" is no field that can be filled (<div id="d">)`},
		{"a file", `<input type="file" id="d">`, fillIn("#d", "value"), `no field that can be filled (<input type="file">)`},
		{"read only", `<input readonly id="d">`, fillIn("#d", "value"), `"#d" is read-only`},
		{"no such option", `<select id="d"><option>S<option>M</select>`, fillIn("#d", "XL"), `"#d" has no option "XL"; it has S, M`},
		{"no such key", `x`, pressKey("", "Entr"), `"Entr" is not the name of a key`},
		{"other text", `<p id="total">12.00 €</p>`, text("#total", "13.00"), `expect text "13.00" in "#total": "#total" does not contain "13.00"; it says "12.00 €" after {limit}`},
		{"other text on the page", `<p>Sold out</p>`, text("", "Thanks"), `the page does not contain "Thanks"; it says "Sold out"`},
		{"no text", ``, text("", "Thanks"), `the page does not contain "Thanks"; it shows no text`},
		{"other url", `x`, expectURL("/thanks"), `expect url "/thanks": the URL does not contain "/thanks" after {limit}; the page is {url}`},
	}
	pages := map[string]string{}
	for _, r := range rows {
		pages["/"+strings.ReplaceAll(r.name, " ", "-")] = r.body
	}
	s := site(t, pages)
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			url := s.URL + "/" + strings.ReplaceAll(r.name, " ", "-")
			limit := 30 * time.Second
			if !slices.Contains(atOnce, r.name) {
				limit = patience(t, shared.Runner, url)
			}
			j := job(open(url), within(limit, r.step), click("#not-begun"))
			j.Check.Timeout += limit
			res := runOn(t, shared.Runner, j)
			faults(t, res, jobs.Failed, jobs.FaultStep, strings.NewReplacer("{url}", url, "{limit}", brief(limit)).Replace(r.want))
			if len(res.Steps) != 2 || res.Steps[1].OK || res.Steps[1].Error == "" {
				t.Errorf("steps %+v", res.Steps)
			}
		})
	}
}

func TestCheckTimeoutCutsAStepShort(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `x`})
	j := job(open(s.URL), within(time.Hour, click("#buy")))
	j.Check.Timeout = patience(t, shared.Runner, s.URL)
	faults(t, runOn(t, shared.Runner, j), jobs.Failed, jobs.FaultTimeout,
		fmt.Sprintf(`click "#buy": no element matches "#buy" when the check's timeout of %s was over`, brief(j.Check.Timeout)))
}

func TestFilledValuesAreNotRepeated(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{
		"/": `<form action="/in"><input id="user" name="user"><input id="pw" name="pw" type="password"><button id="go">Log in</button></form>`,
		"/in": `<p id="p">Welcome</p><script>
			const pw = new URLSearchParams(location.search).get('pw');
			document.title = 'Hello ' + pw; p.textContent = 'You typed ' + pw; console.error('password', pw, 'is weak')</script>`,
	})
	secret := "hunter2&more"
	res := run(t,
		open(s.URL), fillIn("#user", "demo-user"), fillIn("#pw", secret), click("#go"),
		within(patience(t, shared.Runner, s.URL), text("#p", "Thanks")),
	)
	faults(t, res, jobs.Failed, jobs.FaultStep, `it says "You typed •••"`, `titled "Hello •••"`)
	said := res.Fault.Message + res.Evidence.Page.URL + res.Evidence.Page.Title
	for _, st := range res.Steps {
		said += st.Name + st.Error
	}
	for _, c := range res.Evidence.Console {
		said += c.Text + c.URL
	}
	for _, never := range []string{secret, "hunter2", "%26more"} {
		if strings.Contains(said, never) {
			t.Errorf("%q is in the result: %s", never, said)
		}
	}
}
