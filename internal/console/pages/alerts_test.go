package pages

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

const hostileText = `<script>alert(1)</script>"><img src=x onerror=alert(2)>`

// hostileBoard has a stranger's words in every text.
type hostileBoard struct{ tested string }

func (*hostileBoard) StoredChannels(context.Context) ([]console.StoredChannel, error) {
	return []console.StoredChannel{{Channel: alert.Channel{Name: "ops", Webhook: &alert.Webhook{}, Tags: []string{hostileText}}}}, nil
}

func (*hostileBoard) ApplyChannels(context.Context, []alert.Channel, string, bool) (console.ChannelsApplied, error) {
	return console.ChannelsApplied{}, nil
}
func (*hostileBoard) RemoveChannel(context.Context, string) (bool, error) { return false, nil }

func (b *hostileBoard) TestChannel(_ context.Context, name string) (string, error) {
	b.tested = name
	return "d1", nil
}

func (*hostileBoard) AlertList(context.Context, console.AlertFilter) ([]alert.Alert, error) {
	a := alert.Alert{ID: "1", Kind: alert.Outage, CheckID: "a", Name: hostileText, Opened: time.Now(), Hushed: hostileText, Facts: alert.Facts{Message: hostileText}}
	over := a
	over.Closed = time.Now()
	return []alert.Alert{a, over}, nil
}

func (b *hostileBoard) DeliveryList(ctx context.Context, _ console.DeliveryFilter) ([]console.Delivery, error) {
	d, _, err := b.DeliveryOf(ctx, "")
	return []console.Delivery{d}, err
}

func (*hostileBoard) DeliveryOf(context.Context, string) (console.Delivery, bool, error) {
	m := alert.TestMessage("ops", "k", time.Now())
	m.Items[0].Line, m.Items[0].Message = hostileText, hostileText
	return console.Delivery{
		ID: "d1", Channel: "ops", State: "given_up", Title: hostileText, Error: hostileText, Created: time.Now(), Message: &m,
		Log: []console.DeliveryTry{{Try: 1, At: time.Now(), Error: hostileText}},
	}, true, nil
}

type porter struct{ scopes []access.Scope }

func (p porter) Viewer(*http.Request) (*web.Viewer, error) {
	return &web.Viewer{Name: "Anna", Scopes: p.scopes}, nil
}
func (porter) Challenge(http.ResponseWriter, *http.Request) error { return nil }

// board is what the console knows of alerts.
type board interface {
	StoredChannels(context.Context) ([]console.StoredChannel, error)
	ApplyChannels(context.Context, []alert.Channel, string, bool) (console.ChannelsApplied, error)
	RemoveChannel(context.Context, string) (bool, error)
	TestChannel(context.Context, string) (string, error)
	AlertList(context.Context, console.AlertFilter) ([]alert.Alert, error)
	DeliveryList(context.Context, console.DeliveryFilter) ([]console.Delivery, error)
	DeliveryOf(context.Context, string) (console.Delivery, bool, error)
}

func visit(b board, method, path string, scopes ...access.Scope) *httptest.ResponseRecorder {
	f := web.New(web.Options{Door: porter{scopes}, Nav: Nav, Logger: slog.New(slog.DiscardHandler)})
	p := &pages{shelf: newShelf(), Options: Options{Frame: f, Console: console.New(console.Options{Alerts: b, Logger: slog.New(slog.DiscardHandler)})}}
	p.addAlerts()
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestPagesOfAlerts(t *testing.T) {
	b := &hostileBoard{}
	for _, path := range []string{"/alerts", "/alerts/deliveries/d1"} {
		w := visit(b, "GET", path, access.RunsRead, access.ChannelsAdmin)
		if w.Code != 200 || strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "<img src=x") || !strings.Contains(w.Body.String(), "&lt;script&gt;") {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
	}
	if w := visit(b, "GET", "/alerts"); w.Code != http.StatusForbidden {
		t.Errorf("without a scope: %d", w.Code)
	}
	if w := visit(b, "GET", "/alerts", access.RunsRead); strings.Contains(w.Body.String(), "<button aria-label=\"Send a test") {
		t.Error("who may not change is shown a button")
	}
	if w := visit(b, "POST", "/alerts/channels/ops/test", access.RunsRead); w.Code != http.StatusForbidden || b.tested != "" {
		t.Errorf("a viewer sends a test: %d", w.Code)
	}
	if w := visit(b, "POST", "/alerts/channels/ops/test", access.ChannelsAdmin); w.Code != http.StatusSeeOther || b.tested != "ops" || w.Header().Get("Location") != "/alerts/deliveries/d1" {
		t.Errorf("%d to %s, tested %q", w.Code, w.Header().Get("Location"), b.tested)
	}
}
