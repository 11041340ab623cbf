package dashboard

import (
	"context"
	"flag"
	"net/http"
	"testing"
	"time"
)

var serveAt = flag.String("serve", "", "serve the pages of the fake store on this host:port until interrupted")

// TestServe shows the pages to a person:
//
//	go test ./internal/dashboard -run TestServe -timeout 0 -serve 127.0.0.1:9300
//
// The stories stand still from then on, at NAME.localhost: rich, calm, major,
// waiting, empty, young, stale, pages, unread.
func TestServe(t *testing.T) {
	if *serveAt == "" {
		t.Skip("serves only when asked to, with -serve")
	}
	now := time.Now()
	mux := http.NewServeMux()
	own := rich(now)
	own.pages = tenants(t)
	for name, f := range map[string]*fake{
		"pages": own, "rich": rich(now), "calm": calm(now), "major": major(now), "waiting": waiting(now), "empty": newFake(), "young": young(now), "stale": rich(now),
	} {
		clock := now
		d := New(Options{Store: f, Title: "Acme Commerce", Now: func() time.Time { return clock }})
		d.refresh(context.Background())
		if name == "stale" {
			f.err = errAway
			clock = now.Add(4 * time.Minute)
			d.refresh(context.Background())
		}
		mux.Handle(name+".localhost/", d.Handler())
	}
	d := New(Options{Store: newFake()})
	mux.Handle("unread.localhost/", d.Handler())
	t.Fatal(http.ListenAndServe(*serveAt, mux))
}
