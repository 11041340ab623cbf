package codec

import (
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/jobs"
)

func benchmark(b *testing.B, size int, f func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
}

// large is a result with evidence up to the inline cap.
func large() jobs.Result {
	r := samplePassed()
	r.Evidence.Response.Excerpt = strings.Repeat(`<p class="x">A line of a page.</p>`+"\n", 64<<10/36)
	return r
}

func BenchmarkEncodeJob(b *testing.B) {
	for _, name := range []string{"api", "browser"} {
		b.Run(name, func(b *testing.B) {
			j := jobSamples()[name]
			benchmark(b, len(jobBytes(b, name)), func() error { _, err := EncodeJob(j); return err })
		})
	}
}

func BenchmarkDecodeJob(b *testing.B) {
	for _, name := range []string{"api", "browser"} {
		b.Run(name, func(b *testing.B) {
			body := jobBytes(b, name)
			benchmark(b, len(body), func() error { _, err := DecodeJob(body); return err })
		})
	}
}

func benchmarkResults(b *testing.B, run func(b *testing.B, r jobs.Result, body []byte)) {
	b.Helper()
	for name, r := range map[string]jobs.Result{"api": samplePassed(), "browser": sampleBrowserFailed(), "64KiB": large()} {
		body, err := EncodeResult(r)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) { run(b, r, body) })
	}
}

func BenchmarkEncodeResult(b *testing.B) {
	benchmarkResults(b, func(b *testing.B, r jobs.Result, body []byte) {
		benchmark(b, len(body), func() error { _, err := EncodeResult(r); return err })
	})
}

func BenchmarkDecodeResult(b *testing.B) {
	benchmarkResults(b, func(b *testing.B, _ jobs.Result, body []byte) {
		benchmark(b, len(body), func() error { _, err := DecodeResult(body); return err })
	})
}

func BenchmarkAttributes(b *testing.B) {
	body := jobBytes(b, "api")
	benchmark(b, len(body), func() error { Attributes(body); return nil })
}
