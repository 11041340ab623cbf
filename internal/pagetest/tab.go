package pagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Tab is a page that stays open, so that somebody goes on from it. A fault of
// the browser fails the test.
type Tab struct {
	t      testing.TB
	ctx    context.Context
	end    context.CancelFunc
	view   View
	status int
}

// Visit opens the page at an address in a context of its own, until
// [Tab.Close].
func (b *Browser) Visit(t testing.TB, address string, v View) *Tab {
	t.Helper()
	if v.Width == 0 {
		v.Width, v.Height = 1280, 900
	}
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(ctx); err != nil {
		end()
		t.Fatalf("opening a tab: %v", err)
	}
	tab := &Tab{t: t, ctx: ctx, end: end, view: v}
	ctx, cancel := tab.soon()
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(v.Width), int64(v.Height)), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return v.prepare(ctx, t, address)
	})); err != nil {
		tab.Close()
		t.Fatalf("making a tab ready for %s: %v", address, err)
	}
	tab.Go(address)
	return tab
}

// prepare sets up a tab before its first page.
func (v View) prepare(ctx context.Context, t *chromedp.Target, address string) error {
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	if _, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}); err != nil {
		return err
	}
	if _, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript}); err != nil {
		return err
	}
	if v.Zone != "" {
		if _, err := cdp.Call(ctx, t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: v.Zone}); err != nil {
			return err
		}
	}
	if name, value, ok := strings.Cut(v.Cookie, "="); ok {
		if _, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: address}); err != nil {
			return err
		}
	}
	_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	return err
}

// Close ends the tab and what it has open.
func (b *Tab) Close() { b.end() }

// soon bounds one step.
func (b *Tab) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, patience)
}

// Go leads to another address, by hand.
func (b *Tab) Go(address string) {
	b.t.Helper()
	b.follow("opening "+address, chromedp.Navigate(address))
}

// follow does what leads to another page, and waits for it.
func (b *Tab) follow(doing string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, step)
	if err != nil {
		b.t.Fatalf("%s: %v", doing, err)
	}
	b.status = 0
	if answer != nil {
		b.status = int(answer.Status)
	}
}

// Status is that of the answer to the address that was opened last.
func (b *Tab) Status() int { return b.status }

// Eval is what an expression comes to in the page, as text.
func (b *Tab) Eval(expression string) string {
	b.t.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, awaited))
	if err != nil {
		b.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return got
}

// Main is the text of the page's main part.
func (b *Tab) Main() string {
	return b.Eval(`(document.querySelector("main") || document.body).innerText`)
}

// Path is the page's path with its query.
func (b *Tab) Path() string { return b.Eval(`location.pathname + location.search`) }

// Click follows the first link, or sends by the first button, that a selector
// finds, and waits for the page that comes.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	b.follow("clicking "+selector, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return evaluate(ctx, t, fmt.Sprintf(`{ const e = document.querySelector(%s); e.scrollIntoView({block: "center"}); e.click(); "" }`, quoted(selector)))
	}))
}

// Fill writes into the field that a selector finds, or ticks it where the text
// is "✓". Checks of the browser's own are switched off for its form, so that the
// server has to say what it does not take.
func (b *Tab) Fill(selector, text string) {
	b.t.Helper()
	b.Eval(fmt.Sprintf(`{ const e = document.querySelector(%s); if (e.form) e.form.noValidate = true;
		const text = %s; if (text === "✓") e.checked = true; else e.value = text; "" }`, quoted(selector), quoted(text)))
}

// Press presses keys, one after the other.
func (b *Tab) Press(keys string) {
	b.t.Helper()
	ctx, cancel := b.soon()
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatalf("pressing %q: %v", keys, err)
	}
}

// Stop is where the focus came to by the tabulator.
type Stop struct {
	// Name is what the element says of itself, Tag its tag, Href where it leads.
	Name, Tag, Href string
	// Ring says that the focus can be seen: the element has an outline, and is
	// within the view.
	Ring bool
	// Top and Left are where it stands in the page, in pixels.
	Top, Left float64
}

// Tab presses the tabulator once and says where the focus is then.
func (b *Tab) Tab() Stop {
	b.t.Helper()
	b.Press(kb.Tab)
	ctx, cancel := b.soon()
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[Stop](focus))
	if err != nil {
		b.t.Fatalf("asking for the focus: %v", err)
	}
	return got
}

const focus = `(() => {
	const e = document.activeElement, r = e.getBoundingClientRect(), s = getComputedStyle(e);
	const label = e.labels && e.labels[0] && e.labels[0].innerText, picture = e.querySelector("img[alt]");
	return {
		Name: (e.getAttribute("aria-label") || label || e.innerText.trim() || (picture && picture.alt) || e.name || "").trim(), Tag: e.tagName.toLowerCase(), Href: e.getAttribute("href") || "",
		Ring: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 && r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
		Top: r.top + scrollY, Left: r.left + scrollX,
	};
})()`

// Look is what is seen of the page as it is now.
func (b *Tab) Look() Seen {
	b.t.Helper()
	seen := Seen{Status: b.status}
	if b.view.Then != "" {
		seen.Result = b.Eval(b.view.Then)
	}
	ctx, cancel := b.soon()
	defer cancel()
	shoot(ctx, b.t, b.view)
	if b.view.NoScript {
		return seen
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[Seen](report, awaited))
	if err != nil {
		b.t.Fatalf("asking what was seen: %v", err)
	}
	found.Result, found.Status = seen.Result, b.status
	if b.view.Axe {
		found.Findings = axe(ctx, b.t, b.Path())
	}
	return found
}

func evaluate(ctx context.Context, t *chromedp.Target, expression string) error {
	_, err := chromedp.Evaluate[string](expression)(ctx, t)
	return err
}

// quoted is a text as a script writes it.
func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		return `""` // a text is always written
	}
	return string(out)
}
