package checkfile

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/statuspage"
)

// onePixel is a PNG.
var onePixel, _ = base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

const aHash = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const everyKey = `
vars: {who: Shop}
pages:
  - slug: shop
    title: "{{ vars.who }} status"
    hosts: [status.shop.example, "*"]
    description: "Written {{ \"{{\" }} like this"
    logo: logo.png
    accent: {light: "#1b6b3a", dark: "#7fd6a4"}
    zone: Europe/Berlin
    groups: [Shop]
    checks: [home]
    tags: [money]
    hide: [uptime, latency, reasons]
    password: ` + aHash + `
    allow: [10.0.0.0/8, "2001:db8::1"]
  - {slug: all, title: Everything}
`

// Every key of a page is read, and what is written of it says the same.
func TestPagesOfAFile(t *testing.T) {
	o := Options{ReadFile: func(path string) ([]byte, error) {
		if path != "dir/logo.png" {
			return nil, os.ErrNotExist
		}
		return onePixel, nil
	}}
	f, err := ParseAll("dir/f.yaml", []byte(everyKey), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []statuspage.Page{{
		Slug: "shop", Title: "Shop status", Hosts: []string{"status.shop.example", "*"}, Description: "Written {{ like this",
		Logo: statuspage.DataURL("image/png", onePixel), Accent: &statuspage.Accent{Light: "#1b6b3a", Dark: "#7fd6a4"}, Zone: "Europe/Berlin",
		Groups: []string{"Shop"}, Checks: []string{"home"}, Tags: []string{"money"},
		Hide: []statuspage.Detail{"uptime", "latency", "reasons"}, Password: aHash, Allow: []string{"10.0.0.0/8", "2001:db8::1"},
	}, {Slug: "all", Title: "Everything"}}
	if d := cmp.Diff(want, f.Pages); d != "" {
		t.Errorf("read (-want +got):\n%s", d)
	}
	written, err := WritePages(f.Pages)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAll("f.yaml", written, Options{})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, written)
	}
	if d := cmp.Diff(want, again.Pages); d != "" {
		t.Errorf("written and read again (-want +got):\n%s", d)
	}
	_, judge := readSchema(t)
	if err := accepts(t, judge, string(written)); err != nil {
		t.Errorf("%s: %v in:\n%s", schemaFile, err, written)
	}
}

// What is wrong with a page is said where it is written.
func TestFaultsOfPages(t *testing.T) {
	for text, want := range map[string]string{
		"{slug: A b, title: x}": `f:2:12: page A b: slug: "A b" is not a name`,
		"{slug: a}":             `f:2:5: page a: title: is missing`,
		"{slug: a, title: A, hosts: [Status.example]}":                                                                `f:2:33: page a: hosts[0]: "Status.example" is not the name of a host in small letters`,
		"{slug: a, title: A, hosts: [\"a.example:80\"]}":                                                              `there is no port`,
		"{slug: a, title: A, logo: \"https://evil.example/p.png\"}":                                                   `f:2:31: page a: logo: is not a picture of our own: nothing is fetched`,
		"{slug: a, title: A, logo: \"//evil.example/p.png\"}":                                                         `nothing is fetched`,
		"{slug: a, title: A, logo: \"data:text/html;base64,PGI+\"}":                                                   `"text/html" cannot be a logo`,
		"{slug: a, title: A, logo: \"data:image/png;base64,PGI+\"}":                                                   `says that it is image/png, and is not`,
		"{slug: a, title: A, logo: nowhere.png}":                                                                      `nowhere.png cannot be read`,
		"{slug: a, title: A, accent: {light: red}}":                                                                   `f:2:41: page a: accent.light: "red" is not a colour`,
		"{slug: a, title: A, accent: {light: \"#ffee00\"}}":                                                           `has a contrast of 1.1 to the light page, and has to have 4.5: take a darker colour`,
		"{slug: a, title: A, accent: {dark: \"#333333\"}}":                                                            `take a lighter colour`,
		"{slug: a, title: A, accent: {light: \"#123456;} * {color:red\"}}":                                            `is not a colour`,
		"{slug: a, title: A, zone: Europe/Berlinn}":                                                                   `is no time zone`,
		"{slug: a, title: A, hide: [runs]}":                                                                           `f:2:32: page a: hide[0]: "runs" cannot be hidden`,
		"{slug: a, title: A, password: secret}":                                                                       `f:2:35: page a: password: is not the argon2id hash`,
		"{slug: a, title: A, allow: [nobody]}":                                                                        `allow[0]: "nobody" is no network`,
		"{slug: a, title: A, colour: red}":                                                                            `a page has no key "colour"`,
		"{slug: a, title: A}\n  - {slug: a, title: B}":                                                                `f:3:5: page "a" is taken: the first is at f:2:5`,
		"{slug: a, title: A, hosts: [x]}\n  - {slug: b, title: B, hosts: [x]}":                                        `page "b": the host "x" is that of page "a"`,
		"{slug: a, title: A, password: \"$argon2id$v=19$m=1000000,t=1,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA\"}": `would cost 1000000 KiB`,
	} {
		_, err := ParseAll("f", []byte("pages:\n  - "+text), Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
