package netrunner_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
	"github.com/probefleet/probefleet/internal/runner/netrunner"
	"github.com/probefleet/probefleet/internal/secret"
)

const word = "open-sesame-4711"

// secretly runs a check where the secret word is known.
func secretly(t *testing.T, spec check.Spec) jobs.Result {
	t.Helper()
	known, err := secret.NewStore(map[string]string{"word": word})
	if err != nil {
		t.Fatal(err)
	}
	all := map[check.Kind]runner.Runner{}
	netrunner.New(netrunner.Options{}).Add(all)
	mux := runner.NewMux(all, time.Now, slog.New(slog.DiscardHandler))
	mux.Use(known)
	c := check.Check{ID: "net", Name: "Net", Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{"here"}, Spec: spec}
	now := time.Now()
	res, err := mux.Run(t.Context(), jobs.New(c, "here", now, 1, now, now.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// hides fails where a result has the word in whatever form.
func hides(t *testing.T, res jobs.Result) {
	t.Helper()
	all := fmt.Sprintf("%+v %+v %+v", res.Fault, res.Verdicts, res.Evidence.Response)
	for _, form := range []string{word, base64.StdEncoding.EncodeToString([]byte(word))} {
		if strings.Contains(all, form) {
			t.Errorf("%q is in the result: %s", form, all)
		}
	}
	if !strings.Contains(all, "(redacted)") {
		t.Errorf("nothing was hidden, so the server has not said it: %s", all)
	}
}

func TestSecretsInWhatIsSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, l, func(c net.Conn) {
		line, _ := bufio.NewReader(c).ReadString('\n')
		fmt.Fprintf(c, "you said %s %s\n", strings.TrimSpace(line), base64.StdEncoding.EncodeToString([]byte(word)))
	})
	spec := &check.TCP{Lines: expecting("body startsWith 'you said AUTH open-'", "body == ''"), Address: address, Send: "AUTH {{ secrets.word }}\r\n", Templates: true, MaxBody: 1 << 10}
	res := secretly(t, spec)
	if len(res.Verdicts) != 2 || !res.Verdicts[0].OK {
		t.Errorf("%+v", res.Verdicts)
	}
	hides(t, res)

	spec.Send = "{{ secrets.none }}"
	if res = secretly(t, spec); res.Outcome != jobs.Inconclusive || res.Fault.Class != jobs.FaultSecret {
		t.Errorf("%s %+v", res.Outcome, res.Fault)
	}
	spec.Send, spec.Templates = "AUTH {{ secrets.word }}\r\n", false
	if res = secretly(t, spec); !strings.Contains(res.Evidence.Response.Excerpt, "AUTH {{ secrets.word }}") {
		t.Errorf("what is no template was sent as %q", res.Evidence.Response.Excerpt)
	}
}

func TestSecretsOfWebSockets(t *testing.T) {
	s := socket(t, func(r *http.Request, c *websocket.Conn) {
		_, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		_ = c.Write(r.Context(), websocket.MessageText, []byte(string(message)+" "+r.Header.Get("Authorization")+" "+r.Header.Get("X-Api-Key")+" "+r.URL.RawQuery))
		_, _, _ = c.Read(r.Context())
	})
	s.Start()
	url := "ws" + strings.TrimPrefix(s.URL, "http")
	res := secretly(t, &check.WebSocket{
		Lines: expecting("body contains 'hello open-sesame'", "body contains 'Bearer open-sesame'", "body contains 'q=open-sesame'", "body == ''"),
		URL:   url + "/?q={{ secrets.word }}", Send: "hello {{ secrets.word }}", Templates: true, MaxBody: 1 << 10,
		Headers: map[string]string{"Authorization": "Bearer {{ secrets.word }}", "X-Api-Key": "written-in-the-file"},
	})
	if len(res.Verdicts) != 4 || !res.Verdicts[0].OK || !res.Verdicts[1].OK || !res.Verdicts[2].OK {
		t.Errorf("%s %+v %+v", res.Outcome, res.Fault, res.Verdicts)
	}
	hides(t, res)
	if strings.Contains(fmt.Sprintf("%+v %+v", res.Fault, res.Evidence.Response), "written-in-the-file") {
		t.Errorf("a credential of the headers is in %+v", res.Evidence.Response)
	}
	if res = secretly(t, &check.WebSocket{URL: "{{ secrets.word }}", Templates: true, MaxBody: 1}); res.Outcome != jobs.Inconclusive || !strings.Contains(res.Fault.Message, "ws://") {
		t.Errorf("%s %+v", res.Outcome, res.Fault)
	}
}
