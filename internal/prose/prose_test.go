package prose

import (
	"regexp"
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	for in, want := range map[string]string{
		"We **look** into it.":             "<p>We <strong>look</strong> into it.</p>\n",
		"# Learnt\n\n- one\n- two":         "<h4>Learnt</h4>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n",
		"see [this](https://x.example/a)":  `<p>see <a href="https://x.example/a" rel="nofollow noopener noreferrer">this</a></p>` + "\n",
		"https://x.example/a":              `<p><a href="https://x.example/a" rel="nofollow noopener noreferrer">https://x.example/a</a></p>` + "\n",
		"[x](javascript:alert(1))":         "<p>x</p>\n",
		"[x](JaVaScRiPt&colon;alert(1))":   "<p>x</p>\n",
		"[x](data:text/html,hi)":           "<p>x</p>\n",
		"[x](/checks/a)":                   "<p>x</p>\n",
		"[x](//elsewhere.example)":         "<p>x</p>\n",
		"![a *cat*](https://x.example/c)":  "<p>a <em>cat</em></p>\n",
		"<javascript:alert(1)>":            "<p>javascript:alert(1)</p>\n",
		"a <b onclick=x>b</b>":             "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n",
		"<script>alert(1)</script>\n\nb":   "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n<p>b</p>\n",
		"<!-- x\n-->":                      "<p>&lt;!-- x\n--&gt;</p>\n",
		"[![p](https://x.example/p)](x:y)": "<p>p</p>\n",
	} {
		if got := string(HTML(in)); got != want {
			t.Errorf("%q:\n%q, want\n%q", in, got, want)
		}
	}
	if got := Text("# All\n\nis **well**, see [this](https://x.example) and `code`\n\n    block"); got != "All is well, see this and code block" {
		t.Errorf("text %q", got)
	}
}

// Whatever is written, only known elements and attributes come out.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<script>alert(1)</script>", "[a](javascript:x \"t\\\" onmouseover=\\\"alert(1)\")", "<img src=x onerror=alert(1)>", "`<svg/onload=x>`", "```\"><script>\nx\n```", "|a|\n|-|\n|<b>|"} {
		f.Add(s)
	}
	tag := regexp.MustCompile(`<[^>]*>`)
	known := regexp.MustCompile(`^<(/?(p|strong|em|del|ul|li|h4|h5|h6|blockquote|pre|tr|thead|tbody|table|br|hr)( /)?|ol( start="\d+")?|/ol|code( class="language-[^"<>]*")?|/code|a href="(https?://|mailto:)[^"<>]*"( title="[^"<>]*")? rel="nofollow noopener noreferrer"|/a|t[hd]( style="text-align:(left|right|center)")?|/t[hd]|!-- raw HTML omitted --)>$`)
	f.Fuzz(func(t *testing.T, in string) {
		out := strings.ToValidUTF8(string(HTML(in)), "")
		for _, m := range tag.FindAllString(out, -1) {
			if !known.MatchString(m) {
				t.Errorf("%q leads to %q in\n%s", in, m, out)
			}
		}
	})
}
