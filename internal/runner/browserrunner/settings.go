package browserrunner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// dialogs is how a tab answers them, and what they said.
type dialogs struct {
	accept bool
	text   string
	said   []string
}

// maxSaid is the number of dialogs and of responses that a run remembers.
const maxSaid = 500

// set changes how the pages of the run are from here on.
func (s *stepRun) set(ctx context.Context) error {
	switch s.step.Action {
	case check.ActionDialog:
		s.tab.mu.Lock()
		defer s.tab.mu.Unlock()
		s.tab.dialogs.accept, s.tab.dialogs.text = s.step.Value == "accept", strings.Join(s.step.Values, "")
		return nil
	case check.ActionCookies:
		return s.cookies(ctx)
	case check.ActionStorage:
		w := s.want(opKeep)
		w.Pairs = s.step.Pairs
		_, err := s.find(ctx, w)
		return err
	}
	return s.tab.set(ctx, s.step.Page)
}

func (s *stepRun) cookies(ctx context.Context) error {
	root := s.tab.browser.root()
	if s.step.Value == "clear" {
		if _, err := call(ctx, root, storage.ClearCookies, storage.ClearCookiesParams{BrowserContextID: s.tab.context}); err != nil {
			return err
		}
	}
	if len(s.step.Cookies) == 0 {
		return nil
	}
	params := storage.SetCookiesParams{BrowserContextID: s.tab.context}
	for _, c := range s.step.Cookies {
		url := c.URL
		if url == "" {
			url = s.tab.at()
		}
		if !strings.HasPrefix(url, "http") {
			return &stepError{class: jobs.FaultStep, message: fmt.Sprintf("the cookie %q has no address: give it a url, or open a page before", c.Name)}
		}
		s.scrub.typed(c.Value, true)
		params.Cookies = append(params.Cookies, &network.CookieParam{Name: c.Name, Value: c.Value, URL: url})
	}
	_, err := call(ctx, root, storage.SetCookies, params)
	return refused(err, "the cookies")
}

// refused makes a fault of the step of what the browser does not accept.
func refused(err error, what string) error {
	if e, ok := err.(*cdproto.Error); ok && !replaced(err) { //nolint:errorlint // as it came from the browser
		return &stepError{class: jobs.FaultStep, message: fmt.Sprintf("the browser refuses %s: %s", what, e.Message)}
	}
	return err
}

// set applies settings to every view of the tab, and to those that come.
func (t *tab) set(ctx context.Context, p *check.Page) error {
	t.mu.Lock()
	t.settings = append(t.settings, p)
	views := []*view{t.top}
	for _, v := range t.views {
		if v != t.top {
			views = append(views, v)
		}
	}
	t.mu.Unlock()
	if p.Geolocation != nil {
		if _, err := call(ctx, t.browser.root(), browser.SetPermission, browser.SetPermissionParams{
			BrowserContextID: t.context, Permission: &browser.PermissionDescriptor{Name: "geolocation"}, Setting: browser.PermissionSettingGranted,
		}); err != nil {
			return err
		}
	}
	for _, v := range views {
		if err := t.apply(ctx, v, p); err != nil && (v == t.top || !replaced(err)) {
			return refused(err, "the page settings ("+p.String()+")")
		}
	}
	return nil
}

// apply applies settings to one view.
func (t *tab) apply(ctx context.Context, v *view, p *check.Page) error {
	s := v.session
	var sent []*pending[cdp.Empty]
	if p.Width > 0 && v.page {
		sent = append(sent,
			send(ctx, s, emulation.SetDeviceMetricsOverride, metrics(p)),
			send(ctx, s, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: p.Touch}))
	}
	if p.UserAgent != "" || p.Locale != "" {
		agent := strings.ReplaceAll(p.UserAgent, "{version}", t.browser.version())
		if agent == "" {
			agent = t.agent(ctx)
		}
		sent = append(sent, send(ctx, s, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: p.Locale}))
	}
	if p.Locale != "" && v.page {
		sent = append(sent, send(ctx, s, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: p.Locale}))
	}
	if p.TimeZone != "" && v.page {
		sent = append(sent, send(ctx, s, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: p.TimeZone}))
	}
	if g := p.Geolocation; g != nil {
		accuracy := max(g.Accuracy, 1)
		sent = append(sent, send(ctx, s, emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{
			Latitude: &g.Latitude, Longitude: &g.Longitude, Accuracy: &accuracy,
		}))
	}
	sent = append(sent, t.intercept(ctx, s, p)...)
	if err := both(ctx, sent...); err != nil {
		return err
	}
	return t.limit(ctx, s, p.Network)
}

func metrics(p *check.Page) emulation.SetDeviceMetricsOverrideParams {
	m := emulation.SetDeviceMetricsOverrideParams{
		Width: int64(p.Width), Height: int64(p.Height), DeviceScaleFactor: p.Scale, Mobile: p.Mobile,
		ScreenOrientation: &emulation.ScreenOrientation{Type: emulation.ScreenOrientationTypePortraitPrimary},
	}
	if m.DeviceScaleFactor == 0 {
		m.DeviceScaleFactor = 1
	}
	if p.Landscape {
		m.ScreenOrientation = &emulation.ScreenOrientation{Type: emulation.ScreenOrientationTypeLandscapePrimary, Angle: 90}
	}
	return m
}

// version is the browser's own, "156.0.8078.79".
func (b *chromium) version() string {
	_, version, _ := strings.Cut(b.product, "/")
	return version
}

// agent is the browser's own user agent.
func (t *tab) agent(ctx context.Context) string {
	v, err := call(ctx, t.browser.root(), browser.GetVersion, cdp.Empty{})
	if err != nil {
		return ""
	}
	return v.UserAgent
}

// limit limits the network of a view; nil changes nothing.
func (t *tab) limit(ctx context.Context, s session, n *check.Network) error {
	if n == nil {
		return nil
	}
	c := &network.Conditions{
		Offline: n.Offline, Latency: float64(n.Latency.Microseconds()) / 1000, DownloadThroughput: -1, UploadThroughput: -1,
	}
	if n.Download > 0 {
		c.DownloadThroughput = float64(n.Download)
	}
	if n.Upload > 0 {
		c.UploadThroughput = float64(n.Upload)
	}
	if _, err := call(ctx, s, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	_, err := call(ctx, s, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{c},
	})
	return err
}

// dialogLocked answers a dialog, which would hold the page for ever: leaving a
// page is agreed to, everything else is dismissed, unless the flow said
// otherwise, and said in the console.
func (t *tab) dialogLocked(v *view, e page.EventJavascriptDialogOpening) {
	leave := e.Type == page.DialogTypeBeforeunload
	answer := page.HandleJavaScriptDialogParams{Accept: leave || t.dialogs.accept}
	if e.Type == page.DialogTypePrompt && t.dialogs.accept {
		answer.PromptText = t.dialogs.text
	}
	if len(t.dialogs.said) < maxSaid {
		t.dialogs.said = append(t.dialogs.said, e.Message)
	}
	if !answer.Accept {
		t.console.note(fmt.Sprintf("the page opened a dialog (%s) that was dismissed: %s", e.Type, e.Message), e.URL)
	}
	go func() {
		_, _ = call(t.ctx, v.session, page.HandleJavaScriptDialog, answer)
	}()
}

// wantsResponses reports whether a flow asks for responses.
func wantsResponses(steps []check.Step) bool {
	return slices.ContainsFunc(steps, func(s check.Step) bool { return s.Action == check.ActionExpectResponse })
}
