package checkfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const channelsFile = `
vars: {team: shop}
channels:
  ops:
    webhook: {url: "https://hooks.example/{{ vars.team }}", secret: "{{ secrets.hook }}", body: '{"text": {{ toJSON(title) }}}'}
    tags: ["{{ vars.team }}"]
    group: 30s
    quiet: {from: "22:00", to: "07:00", zone: Europe/Berlin, days: [sat, sun]}
    expiry: [14, 7]
  beat:
    dead_man: {url: "https://hc.example/{{ secrets.hc }}", every: 2m}
`

func TestChannels(t *testing.T) {
	f, err := ParseAll("f", []byte(channelsFile), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Channels) != 2 || f.Channels[0].Webhook.URL != "https://hooks.example/shop" || f.Channels[0].Webhook.Secret != "{{ secrets.hook }}" ||
		f.Channels[0].Tags[0] != "shop" || f.Channels[1].DeadMan.Interval().Minutes() != 2 {
		t.Errorf("%+v", f.Channels)
	}
	_, judge := readSchema(t)
	if err := accepts(t, judge, channelsFile); err != nil {
		t.Error(err)
	}
	written, err := WriteChannels(f.Channels)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseAll("f", written, Options{})
	if d := cmp.Diff(f.Channels, again.Channels); err != nil || d != "" {
		t.Errorf("%v, written:\n%s\n(-want +got):\n%s", err, written, d)
	}
}

func TestFaultsOfChannels(t *testing.T) {
	for text, want := range map[string]string{
		"channels: {ops: {webhook: {url: \"https://a.example\", secret: clear}}}": `f:1:62: channel ops: webhook.secret: is a secret`,
		"channels: {ops: {webhok: {}}}":                                           `did you mean webhook?`,
		"channels: {ops: {after: 5, webhook: {url: \"https://a.example\"}}}":      `is not a duration`,
		"channels: {ops: {tags: [a]}}":                                            `f:1:17: channel ops: has 0 of url`,
		"channels: {ops: {url: \"{{ vars.none }}\"}}":                             `none`,
		"channels: {Ops: {url: \"{{ secrets.a }}\"}}":                             `f:1:12: channel Ops: name`,
	} {
		_, err := ParseAll("f", []byte(text), Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant %s", text, err, want)
		}
	}
	two := "channels: {ops: {url: \"{{ secrets.a }}\"}}\n"
	l := newLoader(Options{})
	l.file("a", []byte(two))
	l.file("b", []byte(two))
	if _, err := l.result(); err == nil || !strings.Contains(err.Error(), `channel "ops" is taken: the first is at a:1:12`) {
		t.Error(err)
	}
}
