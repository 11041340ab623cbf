package scale_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	readers = 50
	// publicFor and consoleFor are how long pages are read, alone how long one
	// kind.
	publicFor, consoleFor, aloneFor = 20 * time.Second, 40 * time.Second, 3 * time.Second
	// pause is how long a reader of the console looks at a page before the next.
	// Nobody pauses on the status page.
	pause = time.Second
)

// page is a kind of page; k is another number each time.
type page struct {
	name string
	path func(k int) string
}

func same(path string) page { return page{path, func(int) string { return path }} }

func of(path string, n int) page {
	return page{strings.ReplaceAll(path, "%d", "N"), func(k int) string { return fmt.Sprintf(path, (k*7919)%n) }}
}

func publicPages(checks int) []page {
	return []page{
		same("/"), same("/?days=90"), same("/?group=Group+7&days=90"), of("/checks/c-%d", checks), same("/history"),
		same("/api/v1/incidents"), same("/feed.atom"), of("/badges/c-%d/uptime.svg", checks),
	}
}

// lists are those of the console.
func lists(checks int) []page {
	return []page{
		same("/checks"), of("/checks?page=%d", checks/100), of("/checks?q=service+%d", checks), of("/checks?tag=team-%d", 25), same("/checks?state=outage"), of("/checks?group=Group+%d", 40),
		same("/incidents"), same("/incidents?state=open"), same("/alerts"), same("/fleet"),
	}
}

// consolePages are its lists, its other pages and the lists of its API.
func consolePages(t *testing.T, s *site, checks int) []page {
	deep := deepChecks(checks)
	incident := one[string](t, s.url, `SELECT id::text FROM incidents WHERE check_id = 'c-1' LIMIT 1`)
	run := one[string](t, s.url, `SELECT id::text FROM runs WHERE check_id = 'c-1' LIMIT 1`)
	return append(lists(checks),
		same("/incidents/"+incident), of("/checks/c-%d", deep), of("/checks/c-%d?outcome=failed", deep), same("/runs/"+run),
		of("/api/v1/runs?check=c-%d&since=24h", deep), of("/api/v1/checks?limit=100&q=service+%d", checks), same("/api/v1/alerts"),
	)
}

// measure has fifty read pages for a while, each another one every time, and
// prints how long each kind took beside the bar. rest is how long a reader looks
// at a page before the next.
func measure(t *testing.T, title, base string, jar http.CookieJar, pages []page, rest, long, bar time.Duration) {
	t.Helper()
	took, weight := readAll(t, base, jar, pages, rest, long)
	t.Logf("%s, %d readers", title, readers)
	t.Logf("%-42s %8s %9s %9s %9s %9s   %s", "", "reads", "p50", "p95", "p99", "bytes", "bar")
	for i, p := range pages {
		ds := took[i]
		if len(ds) == 0 {
			t.Errorf("%s was never read", p.name)
			continue
		}
		slices.Sort(ds)
		q := func(share float64) time.Duration {
			return ds[int(share*float64(len(ds)-1))].Round(10 * time.Microsecond)
		}
		verdict := "pass"
		if q(.95) > bar {
			verdict = "FAIL"
		}
		t.Logf("%-42s %8d %9s %9s %9s %9d   %s: p95 under %s", p.name, len(ds), q(.5), q(.95), q(.99), weight[i], verdict, bar)
	}
}

// readAll has readers read; each begins at another moment.
func readAll(t *testing.T, base string, jar http.CookieJar, pages []page, rest, long time.Duration) (took [][]time.Duration, weight []int64) {
	took, weight = make([][]time.Duration, len(pages)), make([]int64, len(pages))
	var mu sync.Mutex
	until := time.Now().Add(long)
	transport := &http.Transport{MaxIdleConnsPerHost: readers, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Jar: jar}
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			wait(t, rest*time.Duration(i)/readers)
			for k := 0; time.Now().Before(until); k++ {
				n := (i + k) % len(pages)
				path := pages[n].path(k*readers + i)
				begin := time.Now()
				size, err := bytesOf(t, client, base+path)
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				d := time.Since(begin)
				mu.Lock()
				took[n], weight[n] = append(took[n], d), max(weight[n], size)
				mu.Unlock()
				wait(t, rest-d)
			}
		})
	}
	all.Wait()
	return took, weight
}

func wait(t *testing.T, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// bytesOf reads a page and counts what came over the wire.
func bytesOf(t *testing.T, c *http.Client, address string) (int64, error) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	resp, err := c.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", resp.Status)
	}
	return n, err
}

// foreign are addresses of other sites that a browser would load by itself.
var foreign = regexp.MustCompile(`(?:src|srcset|poster|data)="(?:https?:)?//|<link[^>]*rel="(?:stylesheet|preload|preconnect|dns-prefetch|icon|modulepreload)"[^>]*href="(?:https?:)?//|url\((?:'|")?(?:https?:)?//|@import`)
