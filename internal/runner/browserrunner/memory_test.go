//go:build linux

package browserrunner

import (
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
)

// greedy allocates without end, outside of the heap of scripts too.
const greedy = `<p>hungry</p><button id="eat" onclick="const all = []; setInterval(() => { all.push(new Uint8Array(16 << 20).fill(1)) }, 1)">eat</button>`

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	r, _ := own(t, func(o *Options) { o.Memory = 600 << 20 })
	s := site(t, map[string]string{"/": greedy, "/modest": "<p>content</p>"})
	first := pid(t, r)
	j := job(open(s.URL), click("#eat"), within(80*time.Second, text("", "never")))
	j.Check.Timeout = 90 * time.Second // it ends by its memory long before, also where the machine is slow
	res := runOn(t, r, j)
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "the page was ended: a page took", "more than the 600 MiB that this worker allows")
	// The browser itself goes on.
	passes(t, runOn(t, r, job(open(s.URL+"/modest"), text("", "content"))))
	if second := pid(t, r); second != first {
		t.Error("the browser was replaced for one page")
	}
}

func TestBrowserOutgrowsItsLimit(t *testing.T) {
	t.Parallel()
	// Less than this no browser takes by itself.
	r, _ := own(t, func(o *Options) { o.Memory = 20 << 20 })
	s := site(t, map[string]string{"/": "<p>content</p>"})
	res := runOn(t, r, job(open(s.URL), within(time.Hour, text("", "never"))))
	faults(t, res, jobs.Inconclusive, jobs.FaultBrowser, "more than the 20 MiB that this worker allows")
}

func TestBrowserThatHasGrownIsReplaced(t *testing.T) {
	t.Parallel()
	like, _ := own(t, nil)
	var itself int64
	for _, p := range processes(pid(t, like)) {
		if !p.renderer {
			itself += p.bytes
		}
	}
	_ = like.Close()
	t.Logf("a browser without pages takes %d MiB", itself>>20)
	r, _ := own(t, func(o *Options) { o.Memory = itself / 2 * growthShare })
	url, _ := busy(t, "")
	first := pid(t, r)
	passes(t, runOn(t, r, job(open(url), text("", "waiting"))))
	eventually(t, "the grown browser is replaced", func() bool { return pid(t, r) != first })
}

func TestCensusFindsNewRenderers(t *testing.T) {
	t.Parallel()
	r, _ := own(t, nil)
	watched := newCensus(pid(t, r))
	watched.look() // the walk
	url, here, letGo := held(t, "")
	passes(t, during(t, r, job(open(url), text("", "let go")), here, func(*tab) {
		defer letGo() // until then no page is made ahead
		seen := map[int]bool{}
		for _, p := range watched.look() {
			seen[p.pid] = p.renderer
		}
		var renderers int
		for _, p := range processes(pid(t, r)) {
			if p.renderer {
				renderers++
			}
			// The browser may have started a helper of another kind meanwhile: the
			// next walk finds those.
			if renderer, ok := seen[p.pid]; !ok && p.renderer || ok && renderer != p.renderer {
				t.Errorf("process %d (renderer: %v) was not seen between two walks", p.pid, p.renderer)
			}
		}
		if renderers == 0 {
			t.Error("no renderer: this shows nothing")
		}
	}))
}

func TestNextLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		left  int64
		cores int
		want  time.Duration
	}{
		{4 << 30, 2, watchSeldom},
		{1 << 30, 2, time.Second / 2},
		{1 << 30, 8, time.Second / 8},
		{0, 2, watchOften},
		{-1 << 30, 2, watchOften},
	} {
		if got := nextLook(c.left, c.cores); got != c.want {
			t.Errorf("with %d bytes left on %d cores the next look is after %s, want %s", c.left, c.cores, got, c.want)
		}
	}
}
