package apirunner_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

func maxBody(n int64) func(*check.Check, *check.APIStep) {
	return func(_ *check.Check, a *check.APIStep) { a.Request.MaxBody = n }
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.Bytes()
}

func TestBodyCap(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := map[string]int{"/less": 999, "/limit": 1000, "/more": 1001}[r.URL.Path]
		_, _ = io.WriteString(w, strings.Repeat("a", n))
	})
	r := apirunner.New(apirunner.Options{})
	for _, path := range []string{"/less", "/limit"} {
		if res := run(t, r, job(s.URL+path, maxBody(1000), expecting("len(body) == size"))); res.Outcome != jobs.Passed {
			t.Errorf("%s: %+v", path, res.Fault)
		}
	}
	res := run(t, r, job(s.URL+"/more", maxBody(1000)))
	wantFault(t, res, jobs.FaultBody, "body is larger than the cap of 1000 B")
	if res.Evidence.Response == nil || !strings.HasPrefix(res.Evidence.Response.Excerpt, "aaaa") {
		t.Errorf("response %+v", res.Evidence.Response)
	}
}

func TestEndlessBody(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("endless "), 4096)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	res := run(t, apirunner.New(apirunner.Options{}), job(s.URL))
	wantFault(t, res, jobs.FaultBody, "body is larger than the cap of 2 MiB")
}

// A bomb of 64 KiB holds 64 MiB. It must cost neither its memory nor its time.
func TestGzipBomb(t *testing.T) {
	bomb := bytes.Repeat(zipped(strings.Repeat("\x00", 1<<20)), 64)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb)
	})
	r := apirunner.New(apirunner.Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res := run(t, r, job(s.URL, expecting("body == ''")))
	runtime.ReadMemStats(&after)
	wantFault(t, res, jobs.FaultBody, "larger than the cap of 2 MiB")
	if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
		t.Errorf("a body of 64 MiB took %d MiB of memory", got>>20)
	}
}

func TestGzip(t *testing.T) {
	text := strings.Repeat("compressed and whole. ", 1000)
	var answer []byte
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(answer)
	})
	r := apirunner.New(apirunner.Options{})
	answer = zipped(text)
	for range 3 { // decoders are used again
		res := run(t, r, job(s.URL, expecting("size == 22000", "body startsWith 'compressed'", "headers['content-encoding'] == 'gzip'")))
		if res.Outcome != jobs.Passed {
			t.Errorf("fault %+v", res.Fault)
		}
	}
	answer = nil
	if res := run(t, r, job(s.URL, expecting("size == 0"))); res.Outcome != jobs.Passed {
		t.Errorf("empty: %+v", res.Fault)
	}
	if res := run(t, r, job(s.URL, func(_ *check.Check, a *check.APIStep) { a.Request.Method = "HEAD" })); res.Outcome != jobs.Passed {
		t.Errorf("HEAD: %+v", res.Fault)
	}
	answer = []byte("this is not gzip at all")
	wantFault(t, run(t, r, job(s.URL)), jobs.FaultBody, "not the gzip that its content-encoding says")
	answer = zipped(text)[:30]
	wantFault(t, run(t, r, job(s.URL)), jobs.FaultBody, "gzip that ends too early")
	answer = zipped(text)
	answer[len(answer)-8] ^= 1
	wantFault(t, run(t, r, job(s.URL)), jobs.FaultBody, "checksum")
}

func TestExcerptIsShortAndClean(t *testing.T) {
	var answer string
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Latin", "caf\xe9")
		_, _ = io.WriteString(w, answer)
	})
	r := apirunner.New(apirunner.Options{})
	for name, text := range map[string]string{
		"long":           strings.Repeat("a", 100_000),
		"long and wide":  strings.Repeat("a€", 10_000),
		"not UTF-8":      strings.Repeat("\xff\xfea", 10_000),
		"Latin-1":        "caf\xe9",
		"NUL":            "{\"a\": \"b\x00c\", \"d\": \"\\u0000\"}",
		"cut at the end": strings.Repeat("a", 4095) + "€",
	} {
		answer = text
		got := run(t, r, job(s.URL)).Evidence.Response
		if len(got.Excerpt) > 4<<10 || !utf8.ValidString(got.Excerpt) || strings.Contains(got.Excerpt, "\x00") {
			t.Errorf("%s: %d bytes, %q", name, len(got.Excerpt), got.Excerpt[:min(50, len(got.Excerpt))])
		}
		if len(text) > 8<<10 && len(got.Excerpt) < 4<<10-4 {
			t.Errorf("%s: the excerpt has only %d bytes", name, len(got.Excerpt))
		}
		if got.Size != int64(len(text)) {
			t.Errorf("%s: size %d", name, got.Size)
		}
	}
}

// A credential that straddles the end of the excerpt leaves no half behind.
func TestCredentialAtTheEndOfTheExcerpt(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("a", 4<<10-20)+r.Header.Get("Authorization"))
	})
	res := run(t, apirunner.New(apirunner.Options{}), job(s.URL, func(_ *check.Check, a *check.APIStep) {
		a.Request.Auth = &check.Auth{Bearer: "secretsecretsecret"}
	}))
	if got := res.Evidence.Response.Excerpt; strings.Contains(got, "secret") || !strings.HasSuffix(got, "aBearer (redacted)") {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-20:])
	}
}
