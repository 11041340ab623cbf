package browserrunner

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// BenchmarkFlow runs a flow of five steps (open, fill, submit, expect, picture)
// two at a time, the point of best throughput on two cores, and reports flows
// per minute.
func BenchmarkFlow(b *testing.B) {
	s := site(b, map[string]string{
		"/":       `<h1>Search</h1><form action="/search"><input id="q" name="q"><button id="go">Go</button></form>`,
		"/search": `<h1 id="title">Results</h1><ul id="list"></ul><script>setTimeout(() => { for (let i = 0; i < 20; i++) list.innerHTML += '<li>Item ' + i })</script>`,
	})
	j := job(
		open(s.URL), fillIn("#q", "shoes"), click("#go"), text("#list", "Item 19"),
		check.Step{Action: check.ActionScreenshot, Value: "end"},
	)
	if err := shared.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(1) // with -cpu 2: two at a time
	began := time.Now()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			res, err := shared.Run(b.Context(), j)
			if err != nil || res.Outcome != jobs.Passed {
				b.Error(fmt.Sprint(err, res.Fault))
				return
			}
			n.Add(1)
		}
	})
	b.ReportMetric(float64(n.Load())/time.Since(began).Minutes(), "flows/min")
}
