// Package pagetest shows our own pages to tests in a real browser: what they
// execute, what their content security policy reports, what they fetch from
// elsewhere, how much they weigh, and what axe-core finds. It refuses to judge:
// tests do.
package pagetest

import (
	"context"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/runner/browserrunner"
)

// AxeVariable names the environment variable with the path of axe.min.js;
// `make axe` sets it.
const AxeVariable = "PROBEFLEET_AXE"

// ShotsVariable names a folder for pictures of the pages; none are taken where
// it is not set.
const ShotsVariable = "PROBEFLEET_SHOTS"

// patience bounds one step: opening a page, a look at it, a key. It is for a
// browser that hangs, not for one that is slow.
const patience = 5 * time.Minute

// Browser is a running browser.
type Browser struct{ ctx context.Context }

// Start starts a browser that ends with the test. A machine without one fails
// the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := browserrunner.Find("")
	if err != nil {
		t.Fatal(err)
	}
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "probefleet-pagetest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) }) // what stays is in the temporary folder
	if err := account.Own(home); err != nil {
		t.Fatal(err)
	}
	allocated, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(home, "profile")), chromedp.Flag("no-sandbox", false),
		chromedp.Flag("headless", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("disable-background-networking", true), chromedp.Flag("no-first-run", true),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			account.Prepare(c, syscall.SIGKILL)
			c.Env, c.Dir = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}, home
		}))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return &Browser{ctx}
}

// View is how a page is looked at. The zero value is a desktop by day.
type View struct {
	Width, Height int // 1280 and 900 where 0
	Dark          bool
	// Zone is the time zone of the reader's machine; "" is that of this one.
	Zone string
	// NoScript switches the page's scripts off.
	NoScript bool
	// Then is evaluated in the page after it has loaded; "" for nothing.
	Then string
	// Shot names a picture of the whole page, in the folder of ShotsVariable;
	// "" for none.
	Shot string
	// Axe has axe-core look at the page, which AxeVariable has to name.
	Axe bool
	// Cookie is sent to the page's host, as name=value; "" for none.
	Cookie string
}

// Seen is what was seen of a page.
type Seen struct {
	// Status is that of the answer to the page's address.
	Status int
	// Executed are the texts with which alert was called, Violations what the
	// content security policy reports, Elsewhere the addresses on other hosts
	// that were fetched.
	Executed, Violations, Elsewhere []string
	// Bytes went over the wire, Files were fetched, the page itself included.
	Bytes, Files int
	// Findings of axe-core that are serious or critical.
	Findings []string
	// Overflow says that the page is wider than the view.
	Overflow bool
	// Result is what Then came to, as text.
	Result string
}

//go:embed watch.js
var watch string

//go:embed report.js
var report string

// Open looks at the page at an address in a context of its own.
func (b *Browser) Open(t testing.TB, address string, v View) Seen {
	t.Helper()
	tab := b.Visit(t, address, v)
	defer tab.Close()
	return tab.Look()
}

func awaited(p *runtime.EvaluateParams) {
	yes := true
	p.AwaitPromise = &yes
}

func shoot(ctx context.Context, t testing.TB, v View) {
	t.Helper()
	dir := os.Getenv(ShotsVariable)
	if dir == "" || v.Shot == "" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, v.Shot+".png"), picture, 0o600) //nolint:gosec // the person names the folder, the test the picture
	}
	if err != nil {
		t.Errorf("taking a picture: %v", err)
	}
}

// axe lists the serious and critical findings of axe-core, the size of targets
// included, which is new in WCAG 2.2 and left out by default.
func axe(ctx context.Context, t testing.TB, address string) []string {
	t.Helper()
	script, err := os.ReadFile(os.Getenv(AxeVariable)) //nolint:gosec // the person names it
	if err != nil {
		t.Fatalf("axe-core is missing, run `make axe`: %v", err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](string(script)+`;
		axe.run(document, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}}).then((r) => r.violations.filter((v) => ["serious", "critical"].includes(v.impact))
			.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + ": " + (n.failureSummary || v.help))))`, awaited))
	if err != nil {
		t.Fatalf("%s: running axe-core: %v", address, err)
	}
	return found
}
