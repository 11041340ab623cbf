package browserrunner

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/template"
)

// hidingSite has a page, an iframe of another site and a popup, each with a
// field that hides its value and one that is marked; its forms repeat what was
// sent, as some pages do.
func hidingSite(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value := r.FormValue("v")
		fields := fmt.Sprintf(`<style>* { caret-color: transparent; outline: none }</style>
			<input type="password" value="%s"><input data-probefleet-mask value="%[1]s">`, value)
		w.Header().Set("Content-Type", "text/html")
		other := "http://" + strings.Replace(r.Host, "127.0.0.1", "oopifdomain", 1)
		switch r.URL.Path {
		case "/fields":
			fmt.Fprintf(w, `<title>Fields</title><body>%s<p>ready</p>`, fields)
		case "/frame":
			fmt.Fprintf(w, `<title>Frame</title><body><iframe id="f" src="%s/fields?v=%s"></iframe>`, other, value)
		case "/popup":
			fmt.Fprintf(w, `<title>Popup</title><body><button onclick="window.open('/fields?v=%s')">open</button>`, value)
		case "/plain":
			fmt.Fprint(w, `<title>Plain</title><style>* { caret-color: transparent; outline: none }</style><body>
				<form action="/again" method="post"><input id="v" name="v"><textarea id="t"></textarea><button>go</button></form>
				<div id="host"></div><script>
				const root = document.getElementById('host').attachShadow({mode: 'open'});
				root.innerHTML = '<input class="inner">';
				</script>`)
		case "/again":
			fmt.Fprintf(w, `<title>Again</title><style>* { caret-color: transparent }</style><body><input value="%s"><p>sent</p>`, value)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// seen is the picture that a run with a secret leaves.
func seen(t *testing.T, r *Runner, secret string, steps ...check.Step) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx = template.With(ctx, template.NewValues(map[string]string{"key": secret}))
	j := job(append(steps, check.Step{Action: check.ActionScreenshot, Value: "look", Target: steps[len(steps)-1].Target})...)
	j.Check.Timeout = time.Minute
	res, err := r.Run(ctx, j)
	if err != nil {
		t.Fatal(err)
	}
	passes(t, res)
	for _, a := range res.Evidence.Artifacts {
		if a.Name == "look" {
			return shared.store.get(a.Key)
		}
	}
	t.Fatalf("no picture: %+v", res.Evidence.Artifacts)
	return nil
}

// TestSecretsAreNotInPictures: whatever the secret is, the picture is the same.
func TestSecretsAreNotInPictures(t *testing.T) {
	t.Parallel()
	url := hidingSite(t)
	in := func(iframe string, s check.Step) check.Step { s.Iframe = iframe; return within(20*time.Second, s) }
	at := func(target string, s check.Step) check.Step { s.Target = target; return within(20*time.Second, s) }
	recordedChange := func(sel, value string) check.Step {
		s := fillIn(sel, value)
		s.Recorded = true
		return s
	}
	flows := map[string]func(secret string) []check.Step{
		"frame of another site": func(secret string) []check.Step {
			return []check.Step{open(url + "/frame?v=" + secret), in("#f", text("", "ready"))}
		},
		"popup": func(secret string) []check.Step {
			return []check.Step{open(url + "/popup?v=" + secret), click("button"), at(url+"/fields?v="+secret, text("", "ready"))}
		},
		"plain field": func(secret string) []check.Step {
			return []check.Step{open(url + "/plain"), fillIn("#v", secret), fillIn("#t", "say "+secret), recordedChange("#v", secret)}
		},
		"plain field of a shadow tree": func(secret string) []check.Step {
			return []check.Step{open(url + "/plain"), fillIn("pierce/.inner", secret)}
		},
		"field of the next page": func(secret string) []check.Step {
			return []check.Step{open(url + "/plain"), fillIn("#v", secret), click("button"), within(20*time.Second, text("", "sent"))}
		},
	}
	for name, flow := range flows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := shared.Runner
			if strings.HasPrefix(name, "frame") {
				r = isolated(t)
				r.artifacts = shared.store
			}
			a, b := seen(t, r, "first-secret", flow("first-secret")...), seen(t, r, "other-thing", flow("other-thing")...)
			if len(a) == 0 || string(a) != string(b) {
				t.Errorf("the pictures of two secrets differ (%d and %d bytes)", len(a), len(b))
			}
		})
	}
	// What is no secret is seen: the pictures can differ.
	plain := func(value string) []byte {
		res := run(t, open(url+"/plain"), fillIn("#v", value), check.Step{Action: check.ActionScreenshot, Value: "look"})
		passes(t, res)
		return shared.store.get(res.Evidence.Artifacts[0].Key)
	}
	if string(plain("first-secret")) == string(plain("other-thing")) {
		t.Error("values that are no secret are not seen either: this shows nothing")
	}
}

// TestFailureInAPopupShowsThePopup: the picture and the text are those of the
// page that the failed step was for.
func TestFailureInAPopupShowsThePopup(t *testing.T) {
	t.Parallel()
	s := site(t, map[string]string{"/": `<button onclick="window.open('/other')">open</button><p>opener</p>`, "/other": `<p>opened</p>`})
	step := within(3*time.Second, click("#none"))
	step.Target = s.URL + "/other"
	res := run(t, open(s.URL), click("button"), step)
	faults(t, res, jobs.Failed, jobs.FaultStep, "#none")
	if v := res.Evidence.Visit; v == nil || !strings.Contains(v.Text, "opened") || strings.Contains(v.Text, "opener") {
		t.Errorf("visit %+v", v)
	}
}
