package consolecmd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/pagetest"
)

// meddled counts what no page of ours has within its main part, however strangers
// write: elements that run or load something, handlers, and addresses that do.
const meddled = `String(document.querySelectorAll("main script, main iframe, main object, main embed, main base, main meta, main link, main style, main template, main video").length
	+ [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on") || /^(href|src|action|formaction|srcset|poster|data)$/.test(a.name)
		&& !/^([\/?#](?!\/)|data:image\/|https:\/\/(status|bank|ok)\.example|$)/.test(a.value.trim()))).length)`

// Whatever strangers write, in names, tags, requests, answers, headers, titles,
// consoles, updates, post-mortems, maintenance, alerts, workers, dead letters,
// tokens and addresses: no page of the console executes it, fetches anything for
// it, or has anything to report of its policy.
func TestNothingOfTheTownIsExecuted(t *testing.T) {
	w := settle(t, pagetest.Hostile())
	b, sessions := pagetest.Start(t), w.sessions(t)
	for _, p := range w.pages {
		s := b.Open(t, w.url+p.path, pagetest.View{Cookie: sessions[p.as], Then: meddled})
		if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 || s.Result != "0" {
			t.Errorf("%s (%s): executed %q, violations %q, from elsewhere %q, meddled with in %s places", p.path[:min(80, len(p.path))], p.name, s.Executed, s.Violations, s.Elsewhere, s.Result)
		}
		if s.Status >= 500 || s.Status == 0 {
			t.Errorf("%s answers %d", p.name, s.Status)
		}
	}
	t.Logf("%d pages, each with %d attacks in every place", len(w.pages), len(pagetest.Corpus))
}

// What is sent by forms comes back as text: where it is not taken, and where it
// is shown afterwards.
func TestNothingOfFormsIsExecuted(t *testing.T) {
	w := settle(t, plainly)
	b, cookie := pagetest.Start(t), w.session(t, access.Admin)
	byHand := ""
	for _, p := range w.pages {
		if p.name == "incident-by-hand" {
			byHand = p.path
		}
	}
	for _, f := range []struct {
		page, button string
		fields       []string
		// sometimes are fields that make the server refuse the form.
		sometimes map[string]string
	}{
		{"/login?next=/", "main button", []string{"#name", "#password"}, nil},
		{"/incidents/new", "main button.primary", []string{"#title", "#body"}, map[string]string{"#checks": "*"}},
		{byHand, "form[action$='/updates'] button", []string{"#body"}, nil},
		{byHand, "form[action$='/describe'] button", []string{"#called"}, nil},
		{byHand, "form[action$='/postmortem'] button", []string{"textarea[name=postmortem]"}, nil},
		{"/maintenance", "form[action='/maintenance'] button", []string{"#title", "#why"}, map[string]string{"#tags": "*", "#groups": "*", "#checks": "*", "#cron": "*", "#zone": "*"}},
		{"/settings/tokens", "form[action='/settings/tokens'] button", []string{"form[action='/settings/tokens'] #name"}, map[string]string{"#days": "*"}},
		{"/settings/people", "form[action='/settings/people'] button", []string{"form[action='/settings/people'] #name"}, nil},
		{"/settings/audit", ".filters button", []string{"#actor", "#action", "#subject"}, nil},
		{"/checks", ".filter button", []string{"#q"}, nil},
	} {
		for _, refused := range []bool{false, true} {
			if refused && f.sometimes == nil {
				continue
			}
			for _, attack := range packs() {
				v := pagetest.View{Cookie: cookie, Then: meddled}
				if strings.HasPrefix(f.page, "/login") {
					v.Cookie = ""
				}
				tab := b.Visit(t, w.url+f.page, v)
				for _, field := range f.fields {
					tab.Fill(field, attack)
				}
				for field, text := range f.sometimes {
					if refused {
						tab.Fill(field, strings.ReplaceAll(text, "*", attack))
					}
				}
				tab.Click(f.button)
				s := tab.Look()
				if len(s.Executed)+len(s.Violations)+len(s.Elsewhere) > 0 || s.Result != "0" {
					t.Errorf("%s, refused %t, with %q: executed %q, violations %q, from elsewhere %q, meddled with in %s places", f.page, refused, attack, s.Executed, s.Violations, s.Elsewhere, s.Result)
				}
				if s.Status >= 500 || s.Status == 0 || refused && s.Status != 422 {
					t.Errorf("%s answers %d at %s, refused %t", f.page, s.Status, tab.Path(), refused)
				}
				tab.Close()
			}
		}
	}
}

// packs are the texts of the corpus, as many together as fit into a short field
// and on one line of it.
func packs() (list []string) {
	const room = 200
	pack := ""
	for _, text := range pagetest.Corpus {
		text = strings.Map(func(r rune) rune {
			if r == '\n' || r == 0 {
				return ' '
			}
			return r
		}, text)
		if pack != "" && utf8.RuneCountInString(pack)+1+utf8.RuneCountInString(text) > room {
			list, pack = append(list, pack), ""
		}
		pack = strings.TrimPrefix(pack+" "+text, " ")
	}
	return append(list, pack)
}

// Pages that do it wrong are seen to.
func TestWhatMeddlesIsSeen(t *testing.T) {
	w := settle(t, plainly)
	tab := pagetest.Start(t).Visit(t, w.url+"/login", pagetest.View{})
	defer tab.Close()
	seen := 0
	for _, text := range pagetest.Corpus {
		if tab.Eval(fmt.Sprintf(`{ const m = document.createElement("main"); m.innerHTML = %q; document.body.append(m); const n = %s; m.remove(); n }`, text, meddled)) != "0" {
			seen++
		}
	}
	if seen < 20 {
		t.Errorf("of %d attacks that are taken as markup only %d are seen", len(pagetest.Corpus), seen)
	}
}

// The policy of every kind of page holds by itself: what got into a page all the
// same neither runs nor fetches.
func TestThePolicyHolds(t *testing.T) {
	w := settle(t, plainly)
	b, sessions := pagetest.Start(t), w.sessions(t)
	looked := 0
	for _, p := range w.pages {
		if !slices.Contains([]string{"log-in", "checks", "check-cart", "run-check-out-failed", "incident-by-hand", "fleet", "missing", "people-forbidden", "account"}, p.name) {
			continue
		}
		looked++
		s := b.Open(t, w.url+p.path, pagetest.View{Cookie: sessions[p.as], Then: pagetest.Tempt})
		if missing := pagetest.Untempted(s); len(s.Executed)+len(missing) > 0 {
			t.Errorf("%s: executed %q, let through %q", p.name, s.Executed, missing)
		}
	}
	if looked != 9 {
		t.Errorf("%d pages were looked at, want 9", looked)
	}
}
