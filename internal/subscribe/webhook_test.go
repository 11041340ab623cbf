package subscribe_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/subscribe"
	"github.com/probefleet/probefleet/internal/subscription"
)

// hook is a program that is told by a webhook.
type hook struct {
	mu     sync.Mutex
	answer int
	got    []received
}

type received struct {
	key, stamp, signature string
	body                  []byte
	message               subscription.Message
	answer                int
}

func (h *hook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	g := received{r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), r.Header.Get("Webhook-Signature"), body, subscription.Message{}, h.answer}
	if err := json.Unmarshal(body, &g.message); err != nil {
		panic(err)
	}
	h.got = append(h.got, g)
	rw.WriteHeader(h.answer)
}

func (h *hook) set(answer int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

func (h *hook) all() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]received(nil), h.got...)
}

// hooked is a town with a program that has confirmed.
func hooked(t *testing.T) (w *town, h *hook, secret, address string) {
	t.Helper()
	h = &hook{answer: http.StatusOK}
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	w = newTown(t, roots)
	address = server.URL + "/in?key=hush"
	w.ask("shop", subscription.Webhook, address, all)
	w.pass(time.Second)
	got := h.all()
	if len(got) != 1 || got[0].message.Type != subscription.TypeConfirm || !strings.HasPrefix(got[0].message.Secret, "whsec_") {
		t.Fatalf("%d messages, the log:\n%s", len(got), w.log.String())
	}
	if ok, err := w.front.PublicConfirm(t.Context(), "shop", tokenIn(t, got[0].message.ConfirmURL).Hash); err != nil || !ok {
		t.Fatal(ok, err)
	}
	return w, h, got[0].message.Secret, address
}

// A program that answers 500 for an hour is told afterwards: each event once,
// by the same key as at the first try, signed.
func TestAnHourOfFailures(t *testing.T) {
	w, h, secret, address := hooked(t)
	h.set(http.StatusInternalServerError)
	first := w.incident("One", "cart")
	w.pass(time.Second)
	for i := range 60 {
		if i == 20 {
			w.update(first, status.Update{Phase: status.Resolved, Body: "Over.", Public: true})
		}
		w.pass(time.Minute)
	}
	tries := len(h.all()) - 1
	h.set(http.StatusNoContent)
	for range 25 {
		w.pass(time.Minute)
	}
	arrived, items := map[string]int{}, map[subscription.What]int{}
	keys := map[string]bool{}
	for _, g := range h.all()[1:] {
		keys[g.key] = true
		if g.key != g.message.Key {
			t.Errorf("key %q of message %q", g.key, g.message.Key)
		}
		if g.answer != http.StatusNoContent {
			continue
		}
		arrived[g.key]++
		for _, it := range g.message.Items {
			items[it.What]++
		}
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, raw)
		fmt.Fprintf(mac, "%s.%s.%s", g.key, g.stamp, g.body)
		if g.signature != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q", g.signature)
		}
	}
	t.Logf("%d tries failed within the hour; %d messages arrived", tries, len(arrived))
	if tries < 8 || len(arrived) != 2 || len(keys) != 2 || items[subscription.Opened] != 1 || items[subscription.Resolved] != 1 {
		t.Errorf("%d tries, arrived %v of %v, items %v", tries, arrived, keys, items)
	}
	for key, n := range arrived {
		if n != 1 {
			t.Errorf("%s arrived %d times", key, n)
		}
	}
	if strings.Contains(w.log.String(), address) || strings.Contains(w.log.String(), "hush") {
		t.Errorf("the log has the address:\n%s", w.log.String())
	}
	if n := w.count(`SELECT count(*)::int FROM subscription_deliveries WHERE error LIKE '%hush%'`); n != 0 {
		t.Error("the log of deliveries has the address")
	}
}

// Who dies between sending and saying so is followed by another with the same
// key: at least once, and whoever is told can tell.
func TestACrashBetweenSendingAndSayingSo(t *testing.T) {
	w, h, _, _ := hooked(t)
	w.incident("One", "cart")
	w.pass(time.Second)
	w.now = w.now.Add(subscription.Gather)
	if err := w.teller.Round(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	dead := subscribe.New(subscribe.Options{Book: dying{w.back}, Carrier: w.carrier})
	if sent, err := dead.SendOnce(t.Context(), w.now); !sent || err == nil {
		t.Fatal(sent, err)
	}
	w.pass(time.Minute)
	if n := len(h.all()); n != 2 {
		t.Fatalf("%d messages while the lease lasts", n)
	}
	w.pass(5 * time.Minute)
	w.pass(5 * time.Minute)
	got := h.all()
	if len(got) != 3 || got[1].key != got[2].key || got[1].key == "" {
		t.Fatalf("%d messages", len(got))
	}
}

// dying does not live to say what became of a message.
type dying struct{ *store.Store }

func (dying) SettleSubscriptionDelivery(context.Context, subscription.Delivery, [32]byte, subscription.Outcome) (subscription.Fate, error) {
	return subscription.Fate{}, context.DeadlineExceeded
}
