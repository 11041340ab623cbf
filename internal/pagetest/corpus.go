package pagetest

import (
	"slices"
	"strings"
)

// Corpus are texts that want to be executed, or to fetch something: what they
// execute is alert.
var Corpus = []string{
	`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `<svg onload=alert(1)>`, `</title><script>alert(1)</script>`,
	`</style><script>alert(1)</script>`, `</textarea><script>alert(1)</script>`, `<iframe srcdoc="<script>parent.alert(1)</script>">`, `javascript:alert(1)`,
	`{{constructor.constructor('alert(1)')()}}`, "${alert(1)}", `" autofocus onfocus=alert(1) x="`, `' onmouseover='alert(1)`, `<a href="javascript:alert(1)">x</a>`,
	`<math><mi xlink:href="javascript:alert(1)">x</mi></math>`, `<details open ontoggle=alert(1)>`, `<base href="https://evil.example/">`, `<meta http-equiv=refresh content="0;url=javascript:alert(1)">`,
	`<link rel=stylesheet href=https://evil.example/x.css>`, `<img src=https://evil.example/p.png>`, `<object data="javascript:alert(1)">`, `<form action="javascript:alert(1)"><button>`,
	"[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)", "![x](https://evil.example/p.png)", "<javascript:alert(1)>",
	"[x](https://ok.example \"a\\\" onmouseover=\\\"alert(1)\")", "`<script>alert(1)</script>`", "```html\n<script>alert(1)</script>\n```", "[a]: javascript:alert(1)\n\n[a]", "<!-- --><script>alert(1)</script>",
	"\u2028alert(1)", "\x00<script>alert(1)</script>", "<scr\x00ipt>alert(1)</scr\x00ipt>", "&lt;script&gt;alert(1)&lt;/script&gt;", "]]><script>alert(1)</script>", "--!><script>alert(1)</script>",
	`<style>@import 'https://evil.example/x.css';*{background:url(https://evil.example/)}</style>`, `</pre></code><iframe srcdoc="<script>parent.alert(1)</script>"></iframe>`,
	`{{template "main"}}{{.}}`, "\u202e<b>\u2028<script>alert(1)</script>", `<template shadowrootmode=open><script>alert(1)</script></template>`, `<a href="//evil.example" id="main">x</a>`,
	`<img srcset="https://evil.example/p.png 1x">`, `<video poster=https://evil.example/p.png autoplay onplay=alert(1)><source onerror=alert(1)></video>`, `</option></select><script>alert(1)</script>`, `"><datalist><option value=x onfocus=alert(1)>`,
}

// Hostile answers a function that puts the corpus behind what is said, each time
// from another text on, so that each has its turn where there is room for few.
func Hostile() func(plain string) string {
	turn := 0
	return func(plain string) string {
		turn++
		at := turn % len(Corpus)
		return plain + " " + strings.Join(Corpus[at:], " ") + " " + strings.Join(Corpus[:at], " ")
	}
}

// Tempt is for [View.Then]: it puts into the page what its policy has to keep
// from running and from being fetched.
const Tempt = `(() => {
	const put = (tag, about) => { const e = Object.assign(document.createElement(tag), about); document.body.append(e); return e; };
	put("script", { textContent: "alert('a script')" });
	put("script", { src: "https://evil.example/x.js" });
	put("style", { textContent: "* { color: red }" });
	put("link", { rel: "stylesheet", href: "https://evil.example/x.css" });
	put("img", { src: "https://evil.example/p.png" });
	put("iframe", { src: "https://evil.example/" });
	const b = put("div", {});
	b.setAttribute("onclick", "alert('a handler')");
	b.click();
	fetch("https://evil.example/").catch(() => {});
	return "";
})()`

// Tempted are the beginnings of what a policy that holds reports of [Tempt].
var Tempted = []string{
	"script-src-elem: inline", "script-src-elem: https://evil.example", "script-src-attr: inline", "style-src-elem: inline", "style-src-elem: https://evil.example",
	"img-src: https://evil.example", "frame-src: https://evil.example", "connect-src: https://evil.example",
}

// Untempted are the reports of [Tempted] that were not made: what the policy of a
// page that was looked at with [Tempt] lets through.
func Untempted(s Seen) (missing []string) {
	for _, want := range Tempted {
		if !slices.ContainsFunc(s.Violations, func(v string) bool { return strings.HasPrefix(v, want) }) {
			missing = append(missing, want)
		}
	}
	return missing
}
