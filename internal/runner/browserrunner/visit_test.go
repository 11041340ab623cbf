package browserrunner

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/har"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/template"
)

// vital is a page whose vitals are known: late content, a shift, a busy
// script, a slow handler. It goes on when the browser has told of what was
// before: the late content comes after the first has been painted, and the
// page has settled once the largest content is known.
const vital = `<!doctype html><title>Vital</title><body style="margin:0">
<p>first</p><div id="ad"></div><p id="text">moves</p><button id="slow">slow</button>
<script>
document.getElementById('slow').onclick = () => { const t = performance.now(); while (performance.now() - t < 150); document.body.append('handled') };
const told = (type, of) => new Promise((done) => {
  new PerformanceObserver((list) => { if (list.getEntries().some(of)) done() }).observe({type, buffered: true});
});
(async () => {
  await told('paint', (e) => e.name === 'first-contentful-paint');
  await new Promise((done) => setTimeout(done, 200));
  const t = performance.now(); while (performance.now() - t < 130);
  document.getElementById('ad').style.height = '300px';
  const big = document.createElement('h1');
  big.textContent = 'The largest content of all'; big.style.fontSize = '90px';
  document.body.append(big);
  await Promise.all([told('largest-contentful-paint', (e) => e.element === big), told('longtask', () => true), told('layout-shift', () => true)]);
  document.body.append('settled');
})();
</script>`

func TestVitals(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-time.After(120 * time.Millisecond) // the server's part
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, vital)
	}))
	t.Cleanup(s.Close)
	res := run(t, open(s.URL+"/slow"), text("", "settled"), click("#slow"), text("", "handled"), open(s.URL+"/second"), text("", "settled"))
	passes(t, res)
	v := res.Evidence.Visit
	if v == nil || len(v.Vitals) != 2 {
		t.Fatalf("visit %+v, want two documents", v)
	}
	first, second := v.Vitals[0], v.Vitals[1]
	if first.URL != s.URL+"/slow" || second.URL != s.URL+"/second" {
		t.Errorf("documents %q and %q", first.URL, second.URL)
	}
	for name, ok := range map[string]bool{
		"TTFB is the server's":            first.TTFB >= 120*time.Millisecond && second.TTFB > 0,
		"FCP follows TTFB":                first.FCP > first.TTFB,
		"LCP is the late content":         first.LCP >= first.FCP+200*time.Millisecond,
		"TBT is what was beyond 50 ms":    first.TBT >= 60*time.Millisecond && first.TBT < 20*time.Second,
		"CLS is the shift":                first.CLS > 0.01 && first.CLS < 2,
		"INP is the slow click":           first.INP >= 150*time.Millisecond,
		"INP of a page without inputs":    second.INP == 0,
		"LCP of the document by itself":   second.LCP > second.FCP,
		"waiting is no part of the total": v.Waited > 0 && res.Timings.Total > 0,
	} {
		if !ok {
			t.Errorf("not so: %s: %+v, %+v, waited %s", name, first, second, v.Waited)
		}
	}
}

// traffic is a site with requests of every fate.
func trafficSite(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Set-Cookie", "session=canary-cookie")
			fmt.Fprint(w, `<title>Traffic</title><body><img src="/missing.png"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><p>shown</p>
				<input id="key" type="password"><input id="plain">
				<script>
				const end = (f) => f.catch(() => {}).finally(() => { if (--left == 0) document.body.append('ended') });
				let left = 4;
				end(fetch('/moved')); end(fetch('http://127.0.0.1:1/refused')); end(fetch('/big')); end(fetch('/api?token=canary-token', {method: 'POST', body: 'x'}));
				</script>`)
		case "/moved":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/big":
			fmt.Fprint(w, strings.Repeat("x", 100_000))
		case "/here", "/api":
			fmt.Fprint(w, "{}")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestRequests(t *testing.T) {
	t.Parallel()
	url := trafficSite(t)
	store := &memory{files: map[string][]byte{}}
	r, _ := own(t, func(o *Options) { o.Artifacts, o.Film, o.lookTime = store, true, 30*time.Second })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx = template.With(ctx, template.NewValues(map[string]string{"token": "canary-token"}))
	res, err := r.Run(ctx, job(open(url), within(30*time.Second, text("", "ended")), fillIn("#key", "canary-password"), within(time.Second, text("", "never"))))
	if err != nil {
		t.Fatal(err)
	}
	faults(t, res, jobs.Failed, jobs.FaultStep, "does not contain")
	v := res.Evidence.Visit
	// The page, the missing picture, the redirect and where it leads, the
	// refused one, the big one, the API.
	if v.Requests != 7 || v.Failed != 2 || v.Bytes < 100_000 || v.Bytes > 110_000 {
		t.Errorf("%d requests, %d failed, %d bytes", v.Requests, v.Failed, v.Bytes)
	}
	var refused, posted bool
	for _, q := range v.Log {
		refused = refused || q.Error == "ERR_UNSAFE_PORT" || q.Error == "ERR_CONNECTION_REFUSED"
		posted = posted || q.Method == "POST" && q.Status == 200 && strings.HasSuffix(q.URL, "token=(redacted)") && q.Duration > 0
	}
	if !refused || !posted {
		t.Errorf("log %+v", v.Log)
	}
	if !strings.Contains(v.Text, "shown") || !strings.Contains(v.Text, "ended") {
		t.Errorf("text %q", v.Text)
	}
	var archive har.HAR
	frames := 0
	for _, a := range res.Evidence.Artifacts {
		switch {
		case a.Name == harName:
			if err := json.Unmarshal(store.get(a.Key), &archive); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(a.Name, "film-"):
			frames++
		}
	}
	if frames == 0 || frames > maxFilm {
		t.Errorf("%d pictures of the film in %+v", frames, res.Evidence.Artifacts)
	}
	checkArchive(t, archive)
	for key, data := range store.files {
		if !strings.HasSuffix(key, ".jpg") {
			for _, secret := range []string{"canary-token", "canary-cookie", "canary-password"} {
				if strings.Contains(string(data), secret) {
					t.Errorf("%s holds the secret %q", key, secret)
				}
			}
		}
	}
}

func checkArchive(t *testing.T, archive har.HAR) {
	t.Helper()
	if archive.Log == nil || archive.Log.Version != "1.2" || len(archive.Log.Entries) != 7 || len(archive.Log.Pages) != 1 {
		t.Fatalf("archive %+v", archive.Log)
	}
	for _, e := range archive.Log.Entries {
		if _, err := time.Parse(harTime, e.StartedDateTime); err != nil || e.Request.Cookies == nil || e.Request.QueryString == nil || e.Response.Headers == nil {
			t.Errorf("entry is not as HAR 1.2 wants it: %+v", e)
		}
		sum := 0.0
		for _, p := range []*float64{e.Timings.Blocked, e.Timings.DNS, e.Timings.Connect, &e.Timings.Send, &e.Timings.Wait, &e.Timings.Receive} {
			if p != nil && *p > 0 {
				sum += *p
			}
		}
		if e.Time < 0 || sum > e.Time+50 {
			t.Errorf("%s: phases sum up to %.1f ms of %.1f", e.Request.URL, sum, e.Time)
		}
	}
	if first := archive.Log.Entries[0]; first.Response.Status != 200 || first.Response.Content.MimeType != "text/html" || first.Response.HTTPVersion != "HTTP/1.1" {
		t.Errorf("first entry %+v %+v", first.Request, first.Response)
	}
}

// What passed keeps neither film nor archive, unless it is asked for.
func TestWhatPassedKeepsLittle(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": "<p>shown</p>"})
	for _, everything := range []bool{false, true} {
		store := &memory{files: map[string][]byte{}}
		r, _ := own(t, func(o *Options) {
			o.Artifacts, o.Film, o.Everything, o.lookTime = store, true, everything, 30*time.Second
		})
		res := runOn(t, r, job(open(s.URL), text("", "shown")))
		passes(t, res)
		kept := slices.ContainsFunc(res.Evidence.Artifacts, func(a jobs.Artifact) bool { return a.Name == harName })
		if kept != everything || !everything && len(res.Evidence.Artifacts) != 1 {
			t.Errorf("with everything=%v there are %+v", everything, res.Evidence.Artifacts)
		}
	}
}

// Fields that hide their value, and marked ones, cannot be read in a picture:
// whatever is in them, the picture is the same.
func TestMaskedFields(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	for name, value := range map[string]string{"/a": "short", "/b": "quite another secret"} {
		pages[name] = fmt.Sprintf(`<style>*{caret-color:transparent}</style><input type="password" value="%s"><br>
			<input data-probefleet-mask value="%s"><div data-probefleet-mask style="width:300px;height:40px">%s <b>%s</b></div>
			<script>document.adoptedStyleSheets = []</script>`, value, value, value, value)
	}
	s := site(t, pages)
	var pictures [2][]byte
	for i, name := range []string{"/a", "/b"} {
		res := run(t, open(s.URL+name), check.Step{Action: check.ActionScreenshot, Value: "masked"})
		passes(t, res)
		pictures[i] = shared.store.get(res.Evidence.Artifacts[0].Key)
	}
	if len(pictures[0]) == 0 || string(pictures[0]) != string(pictures[1]) {
		t.Error("the pictures of two secrets differ")
	}
}
