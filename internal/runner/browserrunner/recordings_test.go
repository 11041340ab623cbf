package browserrunner

import (
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/recording"
)

// A recorded flow, its pages, and what breaks it: a change of the pages after
// which the step of that number, from 0, no longer succeeds.
type recorded struct {
	name   string
	pages  map[string]string
	steps  string
	breaks []pageBreak
}

type pageBreak struct {
	old, new string
	step     int
}

// {{URL}} is the site, {{OTHER}} the same site by another name.
var recordedFlows = []recorded{
	{
		name: "a form of every kind of field",
		pages: map[string]string{"/": `<form>
			<label>Name <input id="name"></label><input id="mail" value="a@b"><input id="old" value="other">
			<textarea id="long"></textarea><div id="rich" contenteditable></div>
			<select id="size"><option value="s">Small<option value="l">Large</select>
			<input type="color" id="tint"><input type="checkbox" id="terms"><input type="password" id="secret"></form>
			<script>document.title = 'Form'</script>`},
		steps: `{"type": "setViewport", "width": 900, "height": 700, "deviceScaleFactor": 1, "isMobile": false, "hasTouch": false, "isLandscape": false},
			{"type": "navigate", "url": "{{URL}}/", "assertedEvents": [{"type": "navigation", "url": "{{URL}}/", "title": "Form"}]},
			{"type": "change", "selectors": [["aria/Name"], ["#name"]], "value": "Anna"},
			{"type": "change", "selectors": ["#mail"], "value": "a@b.example"},
			{"type": "change", "selectors": ["#old"], "value": "new"},
			{"type": "change", "selectors": ["#long"], "value": "one\ntwo"},
			{"type": "change", "selectors": ["#rich"], "value": "rich"},
			{"type": "change", "selectors": ["#size"], "value": "l"},
			{"type": "change", "selectors": ["#tint"], "value": "#336699"},
			{"type": "change", "selectors": ["#terms"], "value": "on"},
			{"type": "change", "selectors": ["#secret"], "value": "hush hush"},
			{"type": "customStep", "name": "of another tool", "parameters": {"x": 1}},
			{"type": "waitForExpression", "expression": "innerWidth === 900 && document.forms[0].innerText !== '' && ['name','mail','old','size','tint'].map((i) => document.getElementById(i).value).join() === 'Anna,a@b.example,new,l,#336699' && long.value === 'one\\ntwo' && rich.innerText === 'rich' && terms.checked && secret.value === 'hush hush'"}`,
		breaks: []pageBreak{
			{`id="name"`, `id="name" disabled`, 2}, {`id="mail"`, `id="post"`, 3}, {`id="long"`, `id="long" readonly`, 5},
			{`value="l"`, `value="xl"`, 7}, {`type="checkbox"`, `type="checkbox" onclick="return false"`, 12}, {`id="rich" contenteditable`, `id="rich"`, 6},
		},
	},
	{
		name: "mouse and keyboard",
		pages: map[string]string{"/": `<style>#far { margin-top: 3000px }</style><button id="b">b</button><input id="i"><p id="out">,</p><button id="far">far</button>
			<script>const say = (w) => out.textContent += w + ',';
			for (const t of ['mouseup', 'dblclick', 'mouseenter']) b.addEventListener(t, (e) => say(t + e.button));
			i.onkeydown = (e) => say(e.key + e.shiftKey); far.onclick = () => say('far ' + (scrollY > 1000));
			addEventListener('scroll', () => say('scrolled'));</script>`},
		steps: `{"type": "navigate", "url": "{{URL}}/"},
			{"type": "hover", "selectors": ["#b"]},
			{"type": "waitForExpression", "expression": "out.textContent.includes('mouseenter0')"},
			{"type": "click", "selectors": ["#b"], "offsetX": 2, "offsetY": 2, "button": "secondary"},
			{"type": "click", "selectors": ["#b"], "offsetX": 2, "offsetY": 2, "button": "auxiliary", "duration": 20},
			{"type": "doubleClick", "selectors": ["#b"], "offsetX": 2, "offsetY": 2, "deviceType": "touch"},
			{"type": "waitForExpression", "expression": "out.textContent.includes('mouseup2,mouseup1,mouseup0,mouseup0,dblclick0')"},
			{"type": "click", "selectors": ["#i"]},
			{"type": "keyDown", "key": "Shift"}, {"type": "keyDown", "key": "KeyA"}, {"type": "keyUp", "key": "KeyA"}, {"type": "keyUp", "key": "Shift"},
			{"type": "waitForExpression", "expression": "out.textContent.includes('true')"},
			{"type": "click", "selectors": ["#far"], "offsetX": 1, "offsetY": 1},
			{"type": "waitForExpression", "expression": "out.textContent.includes('far true')"},
			{"type": "scroll", "x": 0, "y": 20},
			{"type": "waitForExpression", "expression": "scrollY === 20"}`,
		breaks: []pageBreak{
			{"'mouseenter'", "'mouseover2'", 2}, {"'dblclick'", "'dblclack'", 6}, {"i.onkeydown", "b.onkeydown", 12},
			{"far.onclick", "far.onwheel", 14}, {"3000px", "10px", 14}, {`id="far"`, `id="near"`, 13},
		},
	},
	{
		name: "alternatives and shadow trees",
		pages: map[string]string{"/": `<x-shop></x-shop><p id="out"></p><script>
			customElements.define('x-shop', class extends HTMLElement { connectedCallback() {
				this.attachShadow({mode: 'open'}).innerHTML = '<button id="buy">Buy it now</button><ul><li class="row">a</li><li class="row">b</li></ul>';
				this.shadowRoot.querySelector('button').onclick = (e) => out.textContent += 'bought ';
			} });</script>`},
		steps: `{"type": "navigate", "url": "{{URL}}/"},
			{"type": "click", "selectors": [["#no-longer-there"], ["x-shop", "#buy"]], "offsetX": 3, "offsetY": 3},
			{"type": "click", "selectors": ["pierce/#buy"], "offsetX": 3, "offsetY": 3},
			{"type": "click", "selectors": ["text/Buy it"], "offsetX": 3, "offsetY": 3},
			{"type": "click", "selectors": [["aria/Buy it now[role=\"button\"]"]], "offsetX": 3, "offsetY": 3},
			{"type": "waitForElement", "selectors": [["x-shop", "li"]], "operator": "==", "count": 2, "properties": {"className": "row"}, "attributes": {"class": "row"}},
			{"type": "waitForElement", "selectors": ["xpath///p[contains(., 'bought bought bought bought')]"]},
			{"type": "waitForElement", "selectors": ["#gone"], "visible": false}`,
		breaks: []pageBreak{
			{`id="buy"`, `id="sell"`, 1}, {"Buy it now", "Sell it now", 3}, {`<button id="buy">Buy it now`, `<button id="buy" aria-label="Purchase">Buy it now`, 4},
			{`<li class="row">b</li>`, ``, 5}, {`class="row">b`, `class="line">b`, 5}, {"'bought '", "'sold '", 6}, {`<p id="out">`, `<p id="gone"><p id="out">`, 7},
		},
	},
	{
		name: "frames, popups and navigations",
		pages: map[string]string{
			"/":      `<iframe src="/a"></iframe><iframe src="/b"></iframe><button id="pop" onclick="open('/popup', 'w', 'width=300,height=200')">Open</button><a id="on" href="/next">On</a>`,
			"/a":     `<p>a</p>`,
			"/b":     `<iframe src="/c"></iframe>`,
			"/c":     `<button onclick="this.textContent = 'pressed'">deep</button>`,
			"/popup": `<button onclick="opener.document.title = 'told'">Tell</button>`,
			"/next":  `<h1>Next</h1>`,
		},
		steps: `{"type": "navigate", "url": "{{URL}}/"},
			{"type": "click", "selectors": ["aria/deep"], "frame": [1, 0], "offsetX": 2, "offsetY": 2},
			{"type": "waitForElement", "selectors": ["text/pressed"], "frame": [1, 0]},
			{"type": "click", "selectors": ["#pop"], "offsetX": 2, "offsetY": 2},
			{"type": "click", "selectors": ["aria/Tell"], "target": "{{URL}}/popup", "offsetX": 2, "offsetY": 2},
			{"type": "waitForExpression", "expression": "document.title === 'told'"},
			{"type": "close", "target": "{{URL}}/popup"},
			{"type": "click", "selectors": ["#on"], "offsetX": 2, "offsetY": 2, "assertedEvents": [{"type": "navigation", "url": "{{URL}}/next", "title": ""}]},
			{"type": "waitForElement", "selectors": ["h1"]}`,
		breaks: []pageBreak{
			{`<iframe src="/c"></iframe>`, `<p>no frame`, 1}, {"'pressed'", "'broken'", 2}, {`open('/popup'`, `open('/other'`, 4},
			{"'told'", "'silent'", 5}, {`href="/next"`, `href="javascript:void 0"`, 7}, {`<h1>Next</h1>`, `<p>Next`, 8},
		},
	},
	{
		name:  "network conditions",
		pages: map[string]string{"/": `<p id="out"></p><button id="go" onclick="fetch('/data').then((r) => out.textContent = 'got', () => out.textContent = 'lost')">go</button>`, "/data": "x"},
		steps: `{"type": "navigate", "url": "{{URL}}/"},
			{"type": "emulateNetworkConditions", "download": 0, "upload": 0, "latency": 0},
			{"type": "click", "selectors": ["#go"], "offsetX": 2, "offsetY": 2},
			{"type": "waitForElement", "selectors": ["text/lost"]},
			{"type": "emulateNetworkConditions", "download": 50000, "upload": 50000, "latency": 20},
			{"type": "click", "selectors": ["#go"], "offsetX": 2, "offsetY": 2},
			{"type": "waitForElement", "selectors": ["text/got"]}`,
		breaks: []pageBreak{{"'lost'", "'found'", 3}, {"'got'", "'had'", 6}},
	},
}

// Each of our recordings passes on its pages, and fails at the right step once
// they are broken.
func TestRecordings(t *testing.T) {
	t.Parallel()
	for _, r := range recordedFlows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			passes(t, play(t, shared.Runner, r, pageBreak{}))
			for _, b := range r.breaks {
				broken(t, play(t, shared.Runner, r, b), b)
			}
		})
	}
}

// The same where every site has a process of its own.
func TestRecordingsAcrossProcesses(t *testing.T) {
	t.Parallel()
	own := isolated(t)
	r := recorded{
		pages: map[string]string{
			"/":       `<iframe id="far" style="margin: 150px 0 0 90px"></iframe><script>far.src = location.href.replace('127.0.0.1', 'oopifdomain') + 'inner'</script>`,
			"/inner":  `<a href="/inner2">On we go</a>`,
			"/inner2": `<input id="code"><iframe src="/leaf"></iframe>`,
			"/leaf":   `<button onclick="this.textContent = 'done'">leaf</button>`,
		},
		steps: `{"type": "navigate", "url": "{{URL}}/"},
			{"type": "click", "selectors": ["aria/On we go"], "target": "{{OTHER}}/inner", "offsetX": 3, "offsetY": 3, "assertedEvents": [{"type": "navigation", "url": "{{OTHER}}/inner2"}]},
			{"type": "change", "selectors": ["#code"], "target": "{{OTHER}}/inner2", "value": "1234"},
			{"type": "click", "selectors": ["text/leaf"], "target": "{{OTHER}}/inner2", "frame": [0], "offsetX": 3, "offsetY": 3},
			{"type": "waitForElement", "selectors": ["text/done"], "target": "{{OTHER}}/inner2", "frame": [0]},
			{"type": "waitForExpression", "expression": "code.value === '1234'", "target": "{{OTHER}}/inner2"}`,
		breaks: []pageBreak{
			{"+ 'inner'", "+ 'leaf'", 1}, {`href="/inner2"`, `href="javascript:void 0"`, 1}, {`id="code"`, `id="other"`, 2},
			{`src="/leaf"`, ``, 3}, {"'done'", "'not'", 4},
		},
	}
	passes(t, play(t, own, r, pageBreak{}))
	for _, b := range r.breaks {
		broken(t, play(t, own, r, b), b)
	}
}

// Strict recordings compare where a navigation led to.
func TestStrictRecordings(t *testing.T) {
	t.Parallel()
	r := recorded{
		pages: map[string]string{"/": `<a href="/next">Go</a>`, "/next": `x<script>document.title = 'Next'</script>`},
		steps: `{"type": "navigate", "url": "{{URL}}/"},
			{"type": "click", "selectors": ["a"], "assertedEvents": [{"type": "navigation", "url": "{{URL}}/next", "title": "Next"}]}`,
	}
	elsewhere := pageBreak{`href="/next"`, `href="/next?x"`, 1}
	passes(t, play(t, shared.Runner, r, elsewhere))
	strict := func(s *check.Step) { s.Strict = true }
	passes(t, play(t, shared.Runner, r, pageBreak{}, strict))
	broken(t, play(t, shared.Runner, r, elsewhere, strict), elsewhere)
	title := pageBreak{"'Next'", "'Other'", 1}
	broken(t, play(t, shared.Runner, r, title, strict), title)
}

// play runs a recording on its pages, broken as b says.
func play(t *testing.T, runner *Runner, r recorded, b pageBreak, change ...func(*check.Step)) jobs.Result {
	t.Helper()
	pages, hits := map[string]string{}, 0
	for path, body := range r.pages {
		if b.old != "" && strings.Contains(body, b.old) {
			body, hits = strings.Replace(body, b.old, b.new, 1), hits+1
		}
		pages[path] = body
	}
	if b.old != "" && hits == 0 {
		t.Fatalf("%q is on no page: nothing is broken", b.old)
	}
	s := site(t, pages)
	other := strings.Replace(s.URL, "127.0.0.1", "oopifdomain", 1)
	steps := strings.NewReplacer("{{URL}}", s.URL, "{{OTHER}}", other).Replace(r.steps)
	text := `{"title": "x", "steps": [` + steps + `]}`
	rec, faults := recording.Parse([]byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for i := range rec.Steps {
		// Only what is to fail fails soon: this machine may be a slow one.
		rec.Steps[i].Timeout = 30 * time.Second
		if b.old != "" && i == b.step {
			rec.Steps[i].Timeout = patience(t, runner, s.URL)
		}
		for _, f := range change {
			f(&rec.Steps[i])
		}
	}
	j := job(rec.Steps...)
	j.Check.Timeout = 3 * time.Minute
	return runOn(t, runner, j)
}

// broken checks that the step failed that a break of the page is for.
func broken(t *testing.T, res jobs.Result, b pageBreak) {
	t.Helper()
	last := len(res.Steps) - 1
	if res.Outcome != jobs.Failed || last != b.step || res.Steps[last].OK {
		t.Errorf("with %q for %q: outcome %s, %d steps; want that step %d fails: %+v", b.new, b.old, res.Outcome, len(res.Steps), b.step, res.Fault)
	}
}
