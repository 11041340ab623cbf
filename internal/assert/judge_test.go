package assert

import (
	"fmt"
	"sync"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
)

func TestCacheIsBoundedAndCompilesOnce(t *testing.T) {
	c := newCache(3)
	first, _ := c.get(check.KindAPI, "status == 0")
	for i := range 3 {
		if _, err := c.get(check.KindAPI, fmt.Sprintf("status == %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ := c.get(check.KindAPI, "status == 0"); again != first {
		t.Error("a line that is still in the cache was compiled again")
	}
	for i := range 10 {
		_, _ = c.get(check.KindAPI, fmt.Sprintf("redirects == %d", i))
	}
	if n := c.recent.Len(); n != 3 || len(c.byLine) != 3 {
		t.Errorf("%d lines are kept, %d by name; want 3", n, len(c.byLine))
	}
	if again, _ := c.get(check.KindAPI, "status == 0"); again == first {
		t.Error("the line that was not used for longest was kept")
	}
	if _, err := c.get(check.KindBrowser, "redirects == 9"); err == nil {
		t.Error("a line of one kind was taken for a line of another")
	}
	if _, err := c.get(check.KindBrowser, "redirects == 9"); err == nil {
		t.Error("the error was forgotten")
	}
}

func TestJudgeFromManyGoroutines(t *testing.T) {
	lines := []string{`json.n == 3`, `any(json.items, .id == 3)`, `status == 200`, `nope`, `body matches 'ok'`, `json.n == 4`}
	want := fmt.Sprint(Judge(check.KindAPI, lines, nil, shop))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				if got := fmt.Sprint(Judge(check.KindAPI, lines, nil, shop)); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkStatus(b *testing.B)   { bench(b, `status == 200`) }
func BenchmarkHeader(b *testing.B)   { bench(b, `headers['content-type'] contains 'html'`) }
func BenchmarkDuration(b *testing.B) { bench(b, `time.total < 2s`) }
func BenchmarkJSON(b *testing.B)     { bench(b, `json.nested.deep.x == 'y' and len(json.items) >= 1`) }
func BenchmarkList(b *testing.B)     { bench(b, `any(json.items, .id == 3)`) }

// bench evaluates a compiled line on a document that is parsed already.
func bench(b *testing.B, line string) {
	a, err := Compile(check.KindAPI, line)
	if err != nil {
		b.Fatal(err)
	}
	o := &observation{api: shop}
	o.api.Status = 200
	o.document()
	b.ReportAllocs()
	for b.Loop() {
		if ok, why := a.judge(o); !ok {
			b.Fatal(why)
		}
	}
}

// The whole of Judge, cache and parsing included.
func BenchmarkJudge(b *testing.B) {
	lines := []string{`status == 503`, `json.n == 3`, `headers['content-type'] contains 'html'`}
	b.ReportAllocs()
	for b.Loop() {
		Judge(check.KindAPI, lines, nil, shop)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(check.KindAPI, `status == 200 and json.n == 3`); err != nil {
			b.Fatal(err)
		}
	}
}
