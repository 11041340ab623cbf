package browserrunner

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

func TestConsole(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `<p>x</p><script>
		console.log('not kept');
		console.warn('careful', 1, {a: 2});
		console.error('broken', new Error('inner').message);
		setTimeout(() => { document.body.append('done'); missing.field }, 50);
	</script>
	<script>throw new TypeError('at once')</script><script>Promise.reject(new Error('nobody listens'))</script>
	<img src="/no-such.png"><img src="/favicon.ico">`})
	res := run(t, open(s.URL), text("", "done"), within(2*time.Second, text("", "x")))
	passes(t, res)
	var got []string
	for _, e := range res.Evidence.Console {
		got = append(got, e.Level+": "+e.Text)
		if e.URL == "" || !strings.HasPrefix(e.URL, s.URL) {
			t.Errorf("entry without its place: %+v", e)
		}
	}
	for _, want := range []string{
		"warning: careful 1 Object",
		"error: broken inner",
		"exception: Uncaught TypeError: at once",
		"exception: Uncaught (in promise) Error: nobody listens",
		"exception: Uncaught ReferenceError: missing is not defined",
		"error: Failed to load resource: the server responded with a status of 404 (Not Found)",
	} {
		n := 0
		for _, g := range got {
			if g == want {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d times %q in %q", n, want, got)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d entries: %q", len(got), got)
	}
	for _, e := range res.Evidence.Console {
		if e.Level == "exception" && strings.Contains(e.Text, "missing") && e.Line != 5 {
			t.Errorf("line %d of %+v", e.Line, e)
		}
	}
}

func TestConsoleIsBounded(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `<script>for (let i = 0; i < 1000; i++) console.error(i + 'é'.repeat(5000))</script>`})
	j := job(open(s.URL))
	j.Check.Spec.(*check.Browser).Expect = []string{"console_errors == 1000"}
	res := runOn(t, shared.Runner, j)
	passes(t, res)
	if n := len(res.Evidence.Console); n != maxConsole+1 {
		t.Fatalf("%d entries", n)
	}
	if n := len(res.Evidence.Console[0].Text); n > maxConsoleText {
		t.Errorf("%d bytes", n)
	}
	if last := res.Evidence.Console[maxConsole].Text; last != "950 more entries are not shown" {
		t.Errorf("last entry %q", last)
	}
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `<script>console.error('x')</script>`})
	j := job(open(s.URL + "/?q=1"))
	spec := j.Check.Spec.(*check.Browser)

	spec.Expect = []string{"url endsWith '/?q=1'", "title == 'Page /'", "time.total < 20s", "console_errors == 1"}
	passes(t, runOn(t, shared.Runner, j))

	spec.Degraded = []string{"time.total < 1ms"}
	faults(t, runOn(t, shared.Runner, j), jobs.Degraded, jobs.FaultAssertion, "time.total < 1ms")

	spec.Expect = []string{"title == 'Other'"}
	res := runOn(t, shared.Runner, j)
	faults(t, res, jobs.Failed, jobs.FaultAssertion, "title == 'Other'", "Page /")
	if len(res.Verdicts) != 2 {
		t.Errorf("verdicts %+v", res.Verdicts)
	}
}

// What opening a page that cannot be opened says.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + dead.Addr().String()
	_ = dead.Close()
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/cut":
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.Close()
		case "/garbage":
			c, _, _ := w.(http.Hijacker).Hijack()
			_, _ = fmt.Fprint(c, "HTTP/1.1 what\r\nContent-Length: x\r\nContent-Length: 7\r\n\r\n")
			_ = c.Close()
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		case "/file":
			w.Header().Set("Content-Disposition", "attachment; filename=x.bin")
			_, _ = w.Write(make([]byte, 100))
		case "/scheme":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/never":
			<-r.Context().Done()
		case "/half":
			_, _ = fmt.Fprint(w, "<title>Half</title><p>half", strings.Repeat(" ", 4096))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(hostile.Close)
	t.Cleanup(hostile.CloseClientConnections)
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	refuge := site(t, map[string]string{"/": "x"})

	rows := []struct {
		url   string
		class jobs.FaultClass
		words []string
	}{
		{refused, jobs.FaultConnect, []string{"refused the connection", "ERR_CONNECTION_REFUSED"}},
		{"http://no-such-host.invalid/", jobs.FaultDNS, []string{"host no-such-host.invalid does not resolve"}},
		{tls.URL, jobs.FaultTLS, []string{"certificate of", "signed by nobody that is trusted"}},
		{hostile.URL + "/loop", jobs.FaultRedirect, []string{"redirects in a circle"}},
		{hostile.URL + "/cut", jobs.FaultProtocol, []string{"closed the connection without an answer"}},
		{hostile.URL + "/garbage", jobs.FaultProtocol, []string{"ERR_"}},
		{hostile.URL + "/nothing", jobs.FaultProtocol, []string{"answered without a page"}},
		{hostile.URL + "/file", jobs.FaultProtocol, []string{"answered without a page"}},
		{hostile.URL + "/scheme", jobs.FaultRedirect, []string{"not http or https"}},
		{hostile.URL + "/never", jobs.FaultTimeout, []string{"the server did not answer within {limit}"}},
		{hostile.URL + "/half", jobs.FaultTimeout, []string{"did not finish loading within {limit}"}},
		{"file:///etc/passwd", jobs.FaultEgress, []string{"only http and https"}},
		{"chrome://crash", jobs.FaultEgress, []string{"only http and https"}},
	}
	for _, r := range rows {
		t.Run(r.url, func(t *testing.T) {
			t.Parallel()
			limit := 30 * time.Second // each but those that wait in vain ends at once
			if r.class == jobs.FaultTimeout {
				limit = patience(t, shared.Runner, refuge.URL)
			}
			said := run(t, within(limit, open(r.url)))
			faults(t, said, jobs.Failed, r.class, `open "`+r.url)
			for _, w := range r.words {
				faults(t, said, jobs.Failed, r.class, strings.ReplaceAll(w, "{limit}", brief(limit)))
			}
		})
	}
}

// An error page is a page where the check says what it expects to see there;
// else it fails the step that opened it.
func TestErrorStatusIsShown(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		if r.URL.Path == "/empty" {
			return
		}
		_, _ = fmt.Fprint(w, `<title>Down</title><h1>Back soon</h1>`)
	}))
	t.Cleanup(s.Close)
	res := run(t, open(s.URL+"/moved"), text("h1", "Back soon"))
	passes(t, res)
	if name := res.Steps[0].Name; !strings.Contains(name, "(answered 503 Service Unavailable)") {
		t.Errorf("step name %q", name)
	}
	if name := run(t, open(s.URL+"/empty")).Steps[0].Name; !strings.Contains(name, "(answered 503 Service Unavailable)") {
		t.Errorf("step name %q", name)
	}
	faults(t, run(t, open(s.URL)), jobs.Failed, jobs.FaultProtocol, "the page answered 503 Service Unavailable")
	res = run(t, open(s.URL), within(200*time.Millisecond, click("#buy")), text("h1", "Thanks"))
	faults(t, res, jobs.Failed, jobs.FaultStep, `titled "Down", answered 503 Service Unavailable`)
}

func TestPictures(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `<p>x</p>`})
	j := job(open(s.URL),
		check.Step{Action: check.ActionScreenshot, Value: "Bild: eins/../../x"},
		check.Step{Action: check.ActionScreenshot, Value: "end"},
		within(200*time.Millisecond, click("#buy")))
	j.Attempt = 3
	spec := j.Check.Spec.(*check.Browser)
	spec.Width, spec.Height = 400, 300
	res := runOn(t, shared.Runner, j)
	faults(t, res, jobs.Failed, jobs.FaultStep)
	var keys []string
	for _, a := range res.Evidence.Artifacts {
		if a.Name == harName {
			continue
		}
		keys = append(keys, a.Key)
		data := shared.store.get(a.Key)
		config, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil || config.Width != 400 || config.Height != 300 || int64(len(data)) != a.Size || a.ContentType != "image/jpeg" {
			t.Errorf("picture %+v: %d×%d, %v", a, config.Width, config.Height, err)
		}
	}
	prefix := "runs/2026-03-01/" + j.RunID + "/3-"
	want := []string{prefix + "bild--eins-------x.jpg", prefix + "end.jpg", prefix + "failure.jpg"}
	if d := cmp.Diff(want, keys); d != "" {
		t.Error(d)
	}
}

func TestStoreThatIsAwayChangesNoOutcome(t *testing.T) {
	t.Parallel()
	r, _ := own(t, func(o *Options) { o.Artifacts, o.lookTime = &memory{err: errors.New("disk full")}, 30*time.Second })
	s := site(t, map[string]string{"/": `<p>x</p>`})
	res := runOn(t, r, job(open(s.URL)))
	passes(t, res)
	if len(res.Evidence.Artifacts) != 1 || res.Evidence.Artifacts[0].Key != "" || res.Evidence.Artifacts[0].Size == 0 {
		t.Errorf("artifacts %+v", res.Evidence.Artifacts)
	}
}

func TestRunsShareNothing(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := r.Cookie("visited")
		http.SetCookie(w, &http.Cookie{Name: "visited", Value: "yes", MaxAge: 3600})
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = fmt.Fprintf(w, `<p id="out">cookie %v, </p><script>
			out.textContent += 'local ' + localStorage.getItem('k') + ', session ' + sessionStorage.getItem('k');
			localStorage.setItem('k', 'v'); sessionStorage.setItem('k', 'v');
			const open = indexedDB.open('db');
			open.onupgradeneeded = () => out.textContent += ', new db';
			caches.keys().then(async (k) => { await caches.open('c'); out.textContent += ', caches ' + k.length });
		</script>`, err == nil)
	}))
	t.Cleanup(s.Close)
	for range 2 {
		passes(t, run(t, open(s.URL), text("#out", "cookie false, local null, session null"), text("#out", ", new db"), text("#out", ", caches 0")))
	}
	// The same within one run shows that the page would tell.
	passes(t, run(t, open(s.URL), text("#out", ", caches 0"), open(s.URL+"/?again"), text("#out", "cookie true, local v, session v"), text("#out", ", caches 1")))
}

func TestFourAtOnce(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{
		"/": `<input id="i"><button id="b" onclick="out.textContent = 'hello ' + i.value">b</button><p id="out"></p>`,
	})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			name := fmt.Sprintf("visitor %d", n)
			passes(t, run(t, open(s.URL), fillIn("#i", name), click("#b"), text("#out", "hello "+name)))
		})
	}
	wg.Wait()
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	r, _ := own(t, func(o *Options) { o.Metrics = NewMetrics(reg) })
	if err := r.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := r.Version(); !strings.Contains(v, "Chrome/") {
		t.Errorf("version %q", v)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{
		"probefleet_browser_starts_total":           1,
		"probefleet_browser_crashes_total browser":  0,
		"probefleet_browser_crashes_total renderer": 0,
		"probefleet_browser_overruns_total":         0,
		"probefleet_browser_runs_in_flight":         0,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
