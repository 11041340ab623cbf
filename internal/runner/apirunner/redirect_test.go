package apirunner_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/apirunner"
)

func redirects(n int) func(*check.Check, *check.APIStep) {
	return func(_ *check.Check, a *check.APIStep) { a.Request.MaxRedirects = n }
}

// countdown answers /n by a redirect to /n-1, and /0 by itself.
func countdown(w http.ResponseWriter, r *http.Request) {
	var n int
	_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
	if n > 0 {
		http.Redirect(w, r, fmt.Sprintf("/%d?a=b", n-1), http.StatusFound)
		return
	}
	_, _ = io.WriteString(w, "here")
}

func TestRedirectsAreFollowed(t *testing.T) {
	s := serve(t, countdown)
	r := apirunner.New(apirunner.Options{})
	res := run(t, r, job(s.URL+"/3", redirects(3), expecting("redirects == 3", "status == 200", "body == 'here'", "url endsWith '/0?a=b'")))
	if res.Outcome != jobs.Passed || res.Evidence.Response.Redirects != 3 || res.Evidence.Response.URL != s.URL+"/0?a=b" {
		t.Errorf("fault %+v, response %+v", res.Fault, res.Evidence.Response)
	}
	res = run(t, r, job(s.URL+"/3", redirects(0), expecting("status == 302", "redirects == 0", "headers.location == '/2?a=b'")))
	if res.Outcome != jobs.Passed {
		t.Errorf("fault %+v", res.Fault)
	}
}

func TestTooManyRedirects(t *testing.T) {
	s := serve(t, countdown)
	r := apirunner.New(apirunner.Options{})
	res := run(t, r, job(s.URL+"/3", redirects(2)))
	wantFault(t, res, jobs.FaultRedirect, "more than 2 redirects: "+s.URL+"/3 → "+s.URL+"/2?a=b → "+s.URL+"/1?a=b → "+s.URL+"/0?a=b")
	if res.Evidence.Response == nil || res.Evidence.Response.Status != 302 {
		t.Errorf("response %+v", res.Evidence.Response)
	}
	res = run(t, r, job(s.URL+"/30", redirects(20)))
	wantFault(t, res, jobs.FaultRedirect, "more than 20 redirects: ", "/28?a=b → … → ")
}

func TestRedirectLoop(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, map[string]string{"/a": "/b", "/b": "/a"}[r.URL.Path], http.StatusMovedPermanently)
	})
	res := run(t, apirunner.New(apirunner.Options{}), job(s.URL+"/a"))
	wantFault(t, res, jobs.FaultRedirect, "more than 10 redirects, in a loop", s.URL+"/a → "+s.URL+"/b → ")
}

func TestRedirectToABadPlace(t *testing.T) {
	var to string
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
	r := apirunner.New(apirunner.Options{})
	for location, words := range map[string]string{
		"file:///etc/passwd":   `"file:///etc/passwd": only http and https`,
		"javascript:alert(1)":  "only http and https",
		"ftp://u:pw@host/file": `"ftp://host/file": only http`,
		"http://":              "no host",
		"http://a b/":          "not a URL",
	} {
		to = location
		wantFault(t, run(t, r, job(s.URL)), jobs.FaultRedirect, s.URL+" redirects to", words)
	}
	to = "http://127.0.0.1:1/"
	wantFault(t, run(t, r, job(s.URL)), jobs.FaultConnect, "connection to 127.0.0.1:1 refused")
	to = ""
	if res := run(t, r, job(s.URL, expecting("status == 302"))); res.Outcome != jobs.Passed {
		t.Errorf("without a Location: %+v", res.Fault)
	}
}

func TestMethodAfterRedirect(t *testing.T) {
	var got string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			body, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %q %q", r.Method, body, r.Header.Get("Content-Type"))
			return
		}
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		http.Redirect(w, r, "/end", status)
	})
	want := map[string]string{}
	seen := map[string]string{}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			key := fmt.Sprintf("%s %d", method, status)
			want[key] = method + ` "x" "text/plain"`
			if status == 303 || method == "POST" && status < 303 {
				want[key] = `GET "" ""`
			}
			run(t, apirunner.New(apirunner.Options{}), job(fmt.Sprintf("%s/%d", s.URL, status), func(_ *check.Check, a *check.APIStep) {
				a.Request.Method, a.Request.Body = method, "x"
				a.Request.Headers = map[string]string{"Content-Type": "text/plain"}
			}))
			seen[key] = got
		}
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}

// Credentials stay with the origin for which they were written: another port
// is another origin, and what was dropped does not come back.
func TestCredentialsStopAtTheBorder(t *testing.T) {
	var seen []string
	note := func(r *http.Request) {
		seen = append(seen, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Authorization")+r.Header.Get("Cookie")+r.Header.Get("X-Api-Key")+" "+r.Header.Get("X-Plain")))
		if r.Host == "shop.example" && r.URL.Path != "/start" && r.URL.Path != "/same" {
			seen = append(seen, "host kept")
		}
	}
	var home string
	away := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		http.Redirect(w, r, home+"/back", http.StatusFound)
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		switch r.URL.Path {
		case "/start":
			http.Redirect(w, r, home+"/same", http.StatusFound)
		case "/same":
			http.Redirect(w, r, away.URL+"/away", http.StatusFound)
		}
	})
	home = s.URL
	run(t, apirunner.New(apirunner.Options{}), job(home+"/start", func(_ *check.Check, a *check.APIStep) {
		a.Request.Auth = &check.Auth{Bearer: "T"}
		a.Request.Headers = map[string]string{"Cookie": "+C", "x-api-key": "+K", "X-Plain": "plain", "Host": "shop.example"}
	}))
	want := []string{"/start Bearer T+C+K plain", "/same Bearer T+C+K plain", "/away  plain", "/back  plain"}
	if d := cmp.Diff(want, seen); d != "" {
		t.Error(d)
	}
}
