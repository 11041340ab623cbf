package browserrunner

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/browser"

	"github.com/probefleet/probefleet/internal/jobs"
)

// marking is a page that says what it finds of earlier visits, leaves a mark
// of every kind, and says so.
const marking = `<!doctype html><title>Marks</title><body><p id="found">looking</p><p id="state">marking</p>
<a id="download" href="/download" download>download</a>
<script src="/cached.js"></script><script>
const found = [], say = (id, text) => { document.getElementById(id).textContent = text };
const db = (use) => new Promise((done, gone) => {
  const q = indexedDB.open('marks', 1);
  q.onupgradeneeded = () => q.result.createObjectStore('marks');
  q.onerror = () => gone(q.error);
  q.onsuccess = () => {
    const r = use(q.result.transaction('marks', 'readwrite').objectStore('marks'));
    r.onsuccess = () => { q.result.close(); done(r.result) };
    r.onerror = () => gone(r.error);
  };
});
const shared = (message) => new Promise((done) => {
  const w = new SharedWorker('/shared.js');
  w.port.onmessage = (e) => done(e.data);
  w.port.postMessage(message);
});
(async () => {
  if (document.cookie.includes('mark=')) found.push('cookie');
  if (localStorage.mark) found.push('local storage');
  if (sessionStorage.mark) found.push('session storage');
  if (await db((s) => s.get('mark'))) found.push('IndexedDB');
  if ((await caches.keys()).length) found.push('cache storage');
  if ((await navigator.serviceWorker.getRegistrations()).length || navigator.serviceWorker.controller) found.push('service worker');
  if ((await navigator.permissions.query({name: 'geolocation'})).state === 'granted') found.push('permission');
  if (await shared('look')) found.push('shared worker');
  if (window.name) found.push('window name');
  if (history.length > 2) found.push('history');
  say('found', 'found: ' + (found.join(', ') || 'nothing'));
  document.cookie = 'mark=1; max-age=3600';
  localStorage.mark = sessionStorage.mark = window.name = 'mark';
  await db((s) => s.put('mark', 'mark'));
  await (await caches.open('marks')).put('/mark', new Response('mark'));
  await navigator.serviceWorker.register('/worker.js');
  await navigator.serviceWorker.ready;
  await shared('mark');
  say('state', 'marked');
})().catch((e) => say('found', 'broken: ' + e));
</script>`

// markingSite serves the page, and counts who asks for the file that may be
// cached for ever.
func markingSite(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script := func(text string) {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, text)
		}
		switch r.URL.Path {
		case "/cached.js":
			asked.Add(1)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			script("")
		case "/worker.js":
			script("self.onactivate = (e) => e.waitUntil(clients.claim())")
		case "/shared.js":
			script("let mark; onconnect = (e) => { const p = e.ports[0]; p.onmessage = (m) => { const was = mark; if (m.data === 'mark') mark = 1; p.postMessage(was) } }")
		case "/download":
			w.Header().Set("Content-Disposition", "attachment; filename=mark.bin")
			fmt.Fprint(w, "downloaded mark")
		case "/private":
			if _, _, ok := r.BasicAuth(); !ok {
				w.Header().Set("WWW-Authenticate", "Basic")
				w.WriteHeader(http.StatusUnauthorized)
			}
		default:
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, marking)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// TestNothingLeaksBetweenRuns: what one run leaves the next does not find, nor
// one that goes on beside it, in the same browser.
func TestNothingLeaksBetweenRuns(t *testing.T) {
	t.Parallel()
	r, dir := own(t, nil)
	url, asked := markingSite(t)
	nothing := []jobs.Job{
		job(open(url), text("#found", "found: nothing"), text("#state", "marked")),
		job(open(url), text("#found", "found: nothing"), text("#state", "marked"), click("#download"), text("#state", "marked")),
		job(open(url), text("#found", "found: nothing")),
	}
	// Within one run marks are found: the page can see them.
	passes(t, runOn(t, r, job(
		open(url), text("#state", "marked"),
		open(url), text("#found", "found: cookie, local storage, session storage, IndexedDB, cache storage, service worker, window name"),
	)))
	first := pid(t, r)
	if n := asked.Load(); n != 1 {
		t.Fatalf("within one run the file that may be cached was asked for %d times", n)
	}
	for i, j := range nothing {
		before := asked.Load()
		passes(t, runOn(t, r, j))
		if asked.Load() == before {
			t.Errorf("run %d used the HTTP cache of another", i)
		}
	}
	if pid(t, r) != first {
		t.Fatal("another browser was used: this shows nothing")
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && strings.Contains(d.Name(), "mark") {
			t.Errorf("downloaded: %s", path)
		}
		return nil
	})
}

func TestNothingLeaksToARunBeside(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	url, _ := markingSite(t)
	waiting, here, letGo := held(t, "")
	// A run that has left its marks, was given a permission, and goes on.
	j := job(open(url), text("#state", "marked"), open(waiting), text("", "let go"))
	passes(t, during(t, r, j, here, func(tb *tab) {
		defer letGo()
		if _, err := call(t.Context(), tb.browser.root(), browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: "geolocation"}, Setting: browser.PermissionSettingGranted,
			Origin: url, BrowserContextID: tb.context,
		}); err != nil {
			t.Error(err)
		}
		passes(t, runOn(t, r, job(open(url), text("#found", "found: nothing"))))
	}))
	passes(t, runOn(t, r, job(open(url), text("#found", "found: nothing"))))
}
