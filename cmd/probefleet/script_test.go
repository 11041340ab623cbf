package main

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/examples/shop/shop"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"probefleet": func() { daemon.Main(run) }})
}

// TestScripts runs the command as a person would; $SHOP is a demo shop.
func TestScripts(t *testing.T) {
	server := httptest.NewServer(shop.Handler(shop.Options{}))
	t.Cleanup(server.Close)
	d := newDesk(t)
	d.measure("recorded")
	d.serveTriggers()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("SHOP", server.URL)
			// The unprivileged account has to reach the browser's profile.
			e.Setenv("TMPDIR", os.TempDir())
			for name, value := range d.env { // a console, for those who speak to one
				e.Setenv(name, value)
			}
			return nil
		},
	})
}
