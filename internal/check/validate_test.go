package check

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func goodAPI() Check {
	return Check{
		ID: "shop-orders", Name: "Orders", Every: DefaultEvery, Timeout: DefaultAPITimeout,
		Locations: []string{"local", "eu-west-1"}, Tags: []string{"shop"}, Active: true,
		Spec: OneRequest(Request{
			Method: "GET", URL: "https://shop.example/api/orders?a=b#c",
			Headers: map[string]string{"Accept": "*/*"}, Query: map[string]string{"q": "ü"},
			Auth: &Auth{Bearer: "x"}, MaxRedirects: DefaultMaxRedirects, MaxBody: DefaultMaxBody,
		}, []string{"status == 200"}, nil),
	}
}

func goodBrowser() Check {
	return Check{
		ID: "0_shop-checkout", Name: "Check out", Every: MinEvery, Timeout: MaxTimeout, Locations: []string{"local"},
		Spec: &Browser{
			Width: DefaultWidth, Height: DefaultHeight,
			Steps: []Step{
				{Action: ActionOpen, Value: "http://[::1]:8080/"},
				{Action: ActionClick, Selector: "#buy", Timeout: MaxTimeout},
				{Action: ActionFill, Selector: "#name"},
				{Action: ActionPress, Value: "Enter"},
				{Action: ActionExpectText, Value: "Thank you"},
				{Action: ActionExpectURL, Value: "/done"},
				{Action: ActionScreenshot, Value: "done"},
			},
		},
	}
}

func TestGoodChecksHaveNoFaults(t *testing.T) {
	for _, c := range []Check{goodAPI(), goodBrowser()} {
		if fs := c.Validate(); fs != nil {
			t.Errorf("%s: %v", c.ID, fs)
		}
	}
}

// Each change is one fault, no more, and its message says what would be right.
func TestEachFaultOnce(t *testing.T) {
	api := func(change func(*Check, *Request)) []Fault {
		c := goodAPI()
		change(&c, &c.Spec.(*API).Steps[0].Request)
		return c.Validate()
	}
	browser := func(change func(*Browser)) []Fault {
		c := goodBrowser()
		change(c.Spec.(*Browser))
		return c.Validate()
	}
	step := func(s Step) []Fault {
		return browser(func(b *Browser) { b.Steps[1] = s })
	}
	for _, f := range []struct {
		want string
		got  []Fault
	}{
		{`id: "Shop" is not an id; use 1 to 63 of a-z, 0-9, '-' and '_', starting with a letter or digit`, api(func(c *Check, _ *Request) { c.ID = "Shop" })},
		{`name: has 0 characters; use 1 to 200`, api(func(c *Check, _ *Request) { c.Name = "" })},
		{`name: has 201 characters; use 1 to 200`, api(func(c *Check, _ *Request) { c.Name = strings.Repeat("ü", 201) })},
		{`description: has 501 characters; at most 500`, api(func(c *Check, _ *Request) { c.Description = strings.Repeat("ü", 501) })},
		{`every: 999ms is out of range; use 1s to 24h0m0s`, api(func(c *Check, _ *Request) { c.Every = 999 * time.Millisecond })},
		{`every: 24h0m0.000000001s is out of range; use 1s to 24h0m0s`, api(func(c *Check, _ *Request) { c.Every = MaxEvery + 1 })},
		{`timeout: 99ms is out of range; use 100ms to 10m0s`, api(func(c *Check, _ *Request) { c.Timeout = 99 * time.Millisecond })},
		{`timeout: 10m1s is out of range; use 100ms to 10m0s`, api(func(c *Check, _ *Request) { c.Timeout = MaxTimeout + time.Second })},
		{`locations: is empty; name at least one location`, api(func(c *Check, _ *Request) { c.Locations = nil })},
		{`locations[1]: "eu west" is not a location; use 1 to 63 of a-z, 0-9, '-' and '_'`, api(func(c *Check, _ *Request) { c.Locations[1] = "eu west" })},
		{`locations[1]: "local" is named twice`, api(func(c *Check, _ *Request) { c.Locations[1] = "local" })},
		{`tags[0]: is empty; write a word or take it away`, api(func(c *Check, _ *Request) { c.Tags[0] = " \t" })},
		{fmt.Sprintf("kind: is missing; use one of %q", Kinds), api(func(c *Check, _ *Request) { c.Spec = nil })},

		{`request.method: "get" is not a method; use one of GET, POST, PUT, PATCH, HEAD, DELETE, OPTIONS`, api(func(_ *Check, r *Request) { r.Method = "get" })},
		{`request.url: is missing; write an absolute URL such as https://example.com/`, api(func(_ *Check, r *Request) { r.URL = "" })},
		{`request.url: is 2049 bytes long; at most 2048`, api(func(_ *Check, r *Request) { r.URL = "https://a/" + strings.Repeat("x", 2039) })},
		{`request.url: "ftp://a/" does not start with http:// or https://`, api(func(_ *Check, r *Request) { r.URL = "ftp://a/" })},
		{`request.url: "/orders" does not start with http:// or https://`, api(func(_ *Check, r *Request) { r.URL = "/orders" })},
		{`request.url: "https://:443/" has no host`, api(func(_ *Check, r *Request) { r.URL = "https://:443/" })},
		{`request.url: "http://a b/" is not a URL: parse "http://a b/": invalid character " " in host name`, api(func(_ *Check, r *Request) { r.URL = "http://a b/" })},
		{`request.max_redirects: 21 is out of range; use 0 to 20`, api(func(_ *Check, r *Request) { r.MaxRedirects = 21 })},
		{`request.max_redirects: -1 is out of range; use 0 to 20`, api(func(_ *Check, r *Request) { r.MaxRedirects = -1 })},
		{`request.max_body: 0 bytes is out of range; use 1 to 33554432`, api(func(_ *Check, r *Request) { r.MaxBody = 0 })},
		{`request.max_body: 33554433 bytes is out of range; use 1 to 33554432`, api(func(_ *Check, r *Request) { r.MaxBody = MaxMaxBody + 1 })},

		{"steps: has no steps; the first is usually `open: URL`", browser(func(b *Browser) { b.Steps = nil })},
		{`viewport: 199×720 is out of range; each side is 200 to 4000 pixels`, browser(func(b *Browser) { b.Width = 199 })},
		{`viewport: 1280×4001 is out of range; each side is 200 to 4000 pixels`, browser(func(b *Browser) { b.Height = 4001 })},
		{`steps[1].open: "shop" does not start with http:// or https://`, step(Step{Action: ActionOpen, Value: "shop"})},
		{`steps[1].click: needs a selector, such as #buy or text/Buy`, step(Step{Action: ActionClick})},
		{`steps[1].fill: needs a selector, such as #buy or text/Buy`, step(Step{Action: ActionFill, Value: "x"})},
		{`steps[1].press: needs a value`, step(Step{Action: ActionPress, Selector: "#x"})},
		{`steps[1].expect_text: needs a value`, step(Step{Action: ActionExpectText})},
		{`steps[1].expect_url: needs a value`, step(Step{Action: ActionExpectURL})},
		{`steps[1].screenshot: needs a value`, step(Step{Action: ActionScreenshot})},
		{`steps[1].juggle: is not an action that this build knows`, step(Step{Action: "juggle"})},
		{`steps[1].click: has the timeout -1s; use up to 10m0s`, step(Step{Action: ActionClick, Selector: "a", Timeout: -time.Second})},
		{`steps[1].click: has the timeout 11m0s; use up to 10m0s`, step(Step{Action: ActionClick, Selector: "a", Timeout: 11 * time.Minute})},
	} {
		var got []string
		for _, f := range f.got {
			got = append(got, f.Error())
		}
		if d := cmp.Diff([]string{f.want}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestAllFaultsAreListed(t *testing.T) {
	fs := Check{Spec: OneRequest(Request{}, nil, nil)}.Validate()
	var paths []string
	for _, f := range fs {
		paths = append(paths, f.Path)
	}
	want := []string{"id", "name", "every", "timeout", "locations", "request.method", "request.url", "request.max_body"}
	if d := cmp.Diff(want, paths); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestFaultsOfAPISteps(t *testing.T) {
	good := goodAPI().Spec.(*API).Steps[0]
	named := func(ids ...string) (steps []APIStep) {
		for _, id := range ids {
			s := good
			s.ID = id
			steps = append(steps, s)
		}
		return steps
	}
	broken := named("token", "orders")
	broken[1].Request.URL = "orders"
	garbled := named("token", "orders")
	garbled[1].Expect = []string{"\xff"}
	for _, f := range []struct {
		steps []APIStep
		want  []string
	}{
		{named("token", "orders"), nil},
		{named("token"), nil},
		{nil, []string{"steps: has 0 steps; use 1 to 20"}},
		{named(make([]string, 2)...), []string{
			"steps[0].id: is missing; name the step, such as `id: login`",
			"steps[1].id: is missing; name the step, such as `id: login`",
		}},
		{named("token", "a-b"), []string{`steps[1].id: "a-b" is not a step's id; use 1 to 63 of a-z, 0-9 and '_', starting with a letter`}},
		{named("a", "b", "a"), []string{`steps[2].id: "a" is the id of step 1 already`}},
		{broken, []string{`steps[1].request.url: "orders" does not start with http:// or https://`}},
		{garbled, []string{"steps[1].expect[0]: holds a NUL or bytes that are not UTF-8; neither can be sent or stored"}},
	} {
		c := goodAPI()
		c.Spec = &API{Steps: f.steps}
		var got []string
		for _, fault := range c.Validate() {
			got = append(got, fault.Error())
		}
		if d := cmp.Diff(f.want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

// Text that JSONB and JSON cannot hold would be altered on its way.
func TestTextThatCannotTravel(t *testing.T) {
	for _, bad := range []string{"\x00", "a\x00b", "\xff", "cut \xe2\x82", "\xed\xa0\x80"} {
		for path, change := range map[string]func(*Check, *APIStep){
			"name":                        func(c *Check, _ *APIStep) { c.Name = bad },
			"description":                 func(c *Check, _ *APIStep) { c.Description = bad },
			"group":                       func(c *Check, _ *APIStep) { c.Group = bad },
			"tags[0]":                     func(c *Check, _ *APIStep) { c.Tags[0] = bad },
			"request.body":                func(_ *Check, a *APIStep) { a.Request.Body = bad },
			"request.auth.basic.password": func(_ *Check, a *APIStep) { a.Request.Auth = &Auth{User: "u", Password: bad} },
			`request.headers["Accept"]`:   func(_ *Check, a *APIStep) { a.Request.Headers["Accept"] = bad },
			`request.query["q"]`:          func(_ *Check, a *APIStep) { a.Request.Query["q"] = bad },
			`request.query["\xe2"]`:       func(_ *Check, a *APIStep) { a.Request.Query = map[string]string{"\xe2": "\x82\xac"} },
			"expect[0]":                   func(_ *Check, a *APIStep) { a.Expect[0] = bad },
			"degraded[1]":                 func(_ *Check, a *APIStep) { a.Degraded = []string{"true", bad} },
		} {
			c := goodAPI()
			change(&c, &c.Spec.(*API).Steps[0])
			want := []Fault{{path, "holds a NUL or bytes that are not UTF-8; neither can be sent or stored"}}
			if d := cmp.Diff(want, c.Validate()); d != "" {
				t.Errorf("%s = %q (-want +got):\n%s", path, bad, d)
			}
		}
		c := goodBrowser()
		b := c.Spec.(*Browser)
		b.Steps[2].Value, b.Steps[1].Selector, b.Expect = bad, bad, []string{bad}
		if fs := c.Validate(); len(fs) != 3 || fs[0].Path != "steps[1].click" || fs[1].Path != "steps[2].fill" || fs[2].Path != "expect[0]" {
			t.Errorf("%q: %v", bad, fs)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "0": true, "shop-login_2": true, strings.Repeat("a", 63): true,
		"": false, strings.Repeat("a", 64): false, "-a": false, "_a": false, "A": false,
		"a.b": false, "a b": false, "ä": false, "a\n": false, "a/b": false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("%q: got %v, want %v", id, got, want)
		}
	}
}

func TestKinds(t *testing.T) {
	if k := (Check{}).Kind(); k != "" {
		t.Errorf("a check without a spec is of kind %q", k)
	}
	got := []Kind{goodAPI().Kind(), goodBrowser().Kind()}
	for _, spec := range goodNet() {
		got = append(got, spec.Kind())
	}
	if d := cmp.Diff(Kinds, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestStepsInWords(t *testing.T) {
	for want, s := range map[string]Step{
		`open "https://shop.example/"`: {Action: ActionOpen, Value: "https://shop.example/"},
		`click "#buy"`:                 {Action: ActionClick, Selector: "#buy"},
		// A value that is filled in may be a password: it is not shown.
		`fill "#password"`:              {Action: ActionFill, Selector: "#password", Value: "hunter2"},
		`press "Enter"`:                 {Action: ActionPress, Value: "Enter"},
		`press "Enter" in "#search"`:    {Action: ActionPress, Selector: "#search", Value: "Enter"},
		`expect text "Thanks"`:          {Action: ActionExpectText, Value: "Thanks"},
		`expect text "Thanks" in "h1"`:  {Action: ActionExpectText, Selector: "h1", Value: "Thanks"},
		`expect url "/done"`:            {Action: ActionExpectURL, Value: "/done"},
		`screenshot "done \"and\" out"`: {Action: ActionScreenshot, Value: `done "and" out`},
	} {
		if got := s.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
