package subscription

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func TestAddress(t *testing.T) {
	both := Ways{Email: true, Webhook: true}
	for _, row := range []struct {
		text, want string
		kind       Kind
		ways       Ways
	}{
		{" ada@Example.COM\n", "ada@example.com", Email, both},
		{"a.b+c@sub.example.co.uk", "a.b+c@sub.example.co.uk", Email, both},
		{"HTTPS://Hooks.example:8443/In?k=V#x", "https://hooks.example:8443/In?k=V", Webhook, both},
		{"https://[2001:db8::1]/x", "https://[2001:db8::1]/x", Webhook, both},
		{"ada@example.com", "", "", Ways{Webhook: true}},
		{"https://hooks.example", "", "", Ways{Email: true}},
		{"", "", "", both}, {"ada", "", "", both}, {"ada@localhost", "", "", both}, {"ada@127.0.0.1", "", "", both}, {"ada@-x.example", "", "", both},
		{"a@b@example.com", "", "", both}, {`"a b"@example.com`, "", "", both}, {"ada@example.com, eve@example.com", "", "", both},
		{"ada@example.com\r\nBcc: eve@example.com", "", "", both}, {"<ada@example.com>", "", "", both}, {"ädä@example.com", "", "", both},
		{strings.Repeat("a", 65) + "@example.com", "", "", both}, {"a@" + strings.Repeat("x.", 130) + "com", "", "", both},
		{"http://hooks.example/", "", "", both}, {"https://u:p@hooks.example/", "", "", both}, {"https://", "", "", both}, {"https://a b/", "", "", both},
		{"https://hooks.example/" + strings.Repeat("x", 1000), "", "", both}, {"https://<script>alert(1)</script>.example/", "", "", both}, {"https://localhost/", "", "", both}, {"javascript:alert(1)", "", "", both}, {"file:///etc/passwd", "", "", both},
	} {
		kind, got, fault := Address(row.text, row.ways)
		if row.want == "" && fault == "" || row.want != "" && (got != row.want || kind != row.kind || fault != "") {
			t.Errorf("%q: %s %q %q, want %q", row.text, kind, got, fault, row.want)
		}
		if row.want != "" {
			if masked := Masked(kind, got); strings.Contains(masked, "ada") || strings.Contains(masked, "k=V") || !strings.Contains(masked, "…") {
				t.Errorf("%q is masked as %q", got, masked)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a.Text == b.Text || a.Hash == b.Hash || len(a.Text) != 43 {
		t.Fatal(a, b)
	}
	if back, ok := ParseToken(a.Text); !ok || back.Hash != a.Hash {
		t.Error("a token is not its own")
	}
	for _, text := range []string{"", "x", a.Text + "A", a.Text[1:], strings.Repeat("=", 43)} {
		if _, ok := ParseToken(text); ok {
			t.Errorf("%q is taken", text)
		}
	}
}

// recorded is an incident by the rules.
func recorded(id string, opened, closed time.Time) status.Recorded {
	r := status.Recorded{ID: id, ByRules: true, CheckID: "pay", Checks: []string{"pay"}, Impact: status.ImpactOutage, Public: true}
	r.Opened, r.Closed, r.Message = opened, closed, "connection refused"
	return r
}

// play notices one moment after the other and lists what was told.
func play(known []Event, moments ...func() (time.Time, Seen)) (told []string, all []Event) {
	for _, m := range moments {
		now, seen := m()
		for range 3 { // however often it is looked at
			known = append(known, Notice(now, seen, known)...)
		}
	}
	keys := map[string]bool{}
	for _, e := range known {
		if keys[e.Key] {
			told = append(told, "twice: "+e.Key)
		}
		keys[e.Key] = true
		if e.Told {
			told = append(told, string(e.What))
		}
	}
	return told, known
}

func TestNotice(t *testing.T) {
	never := time.Time{}
	at := func(after time.Duration, gone map[string]bool, rs ...status.Recorded) func() (time.Time, Seen) {
		return func() (time.Time, Seen) { return noon.Add(after), Seen{Incidents: rs, Gone: gone} }
	}
	with := func(r status.Recorded, us ...status.Update) status.Recorded {
		r.Updates = us
		return r
	}
	open := recorded("1", noon, never)
	said := status.Update{Phase: status.Identified, Body: "The bank.", At: noon.Add(time.Minute), Public: true}
	over := recorded("1", noon, noon.Add(2*time.Minute))
	for name, row := range map[string]struct {
		moments []func() (time.Time, Seen)
		want    string
	}{
		"an outage":                {[]func() (time.Time, Seen){at(0, nil, open), at(time.Minute, nil, with(open, said)), at(2*time.Minute, nil, with(over, said)), at(time.Hour, nil)}, "opened updated resolved"},
		"all of it at once":        {[]func() (time.Time, Seen){at(time.Hour, nil, with(over, said))}, "opened updated resolved"},
		"it begins again":          {[]func() (time.Time, Seen){at(0, nil, open), at(time.Minute, nil, over), at(2*time.Minute, nil, open), at(3*time.Minute, nil, over)}, "opened resolved opened resolved"},
		"it never was":             {[]func() (time.Time, Seen){at(0, nil, open), at(time.Minute, map[string]bool{"i/1": true}), at(time.Hour, nil)}, "opened withdrawn"},
		"it is private now":        {[]func() (time.Time, Seen){at(0, nil, open), at(time.Minute, map[string]bool{"i/1": false}), at(time.Hour, nil)}, "opened"},
		"and public again":         {[]func() (time.Time, Seen){at(0, nil, open), at(time.Minute, map[string]bool{"i/1": false}), at(time.Hour, nil, open), at(2*time.Hour, nil, over)}, "opened resolved"},
		"what is long over":        {[]func() (time.Time, Seen){at(72*time.Hour, nil, with(over, said))}, ""},
		"open for long":            {[]func() (time.Time, Seen){at(72*time.Hour, nil, open)}, "opened"},
		"told open, over for long": {[]func() (time.Time, Seen){at(0, nil, open), at(72*time.Hour, nil, over)}, "opened resolved"},
	} {
		told, _ := play(nil, row.moments...)
		if got := strings.Join(told, " "); got != row.want {
			t.Errorf("%s: told %q, want %q", name, got, row.want)
		}
	}
}

func TestNoticeOfMaintenance(t *testing.T) {
	plan := status.Planned{ID: "p", Title: "New roof", Checks: []string{"pay"}, Public: true, Maintenance: check.Maintenance{From: noon.Add(48 * time.Hour), To: noon.Add(50 * time.Hour)}}
	daily := status.Planned{ID: "d", Checks: []string{"pay"}, Public: true, Maintenance: check.Maintenance{Cron: "0 3 * * *", Zone: "UTC", For: time.Hour}}
	far := plan
	far.From, far.To = noon.Add(400*time.Hour), noon.Add(401*time.Hour)
	at := func(after time.Duration, plans ...status.Planned) func() (time.Time, Seen) {
		return func() (time.Time, Seen) {
			now := noon.Add(after)
			return now, Seen{Windows: Windows(plans, now)}
		}
	}
	for name, row := range map[string]struct {
		moments []func() (time.Time, Seen)
		want    string
	}{
		"as planned":        {[]func() (time.Time, Seen){at(0, plan), at(48*time.Hour, plan), at(50*time.Hour, plan), at(51 * time.Hour)}, "announced begun ended"},
		"too far":           {[]func() (time.Time, Seen){at(0, far)}, ""},
		"called off":        {[]func() (time.Time, Seen){at(0, plan), at(time.Hour)}, "announced cancelled"},
		"ended before":      {[]func() (time.Time, Seen){at(0, plan), at(49*time.Hour, plan), at(49 * time.Hour)}, "announced begun ended"},
		"at once":           {[]func() (time.Time, Seen){at(49*time.Hour, plan)}, "announced begun"},
		"nobody looked":     {[]func() (time.Time, Seen){at(0, plan), at(51 * time.Hour)}, "announced ended"},
		"again and again":   {[]func() (time.Time, Seen){at(0, daily), at(15*time.Hour+time.Minute, daily), at(17*time.Hour, daily)}, "announced begun ended announced"},
		"nobody for a week": {[]func() (time.Time, Seen){at(0, plan), at(300 * time.Hour)}, "announced"},
	} {
		told, _ := play(nil, row.moments...)
		got := strings.Join(told, " ")
		if name == "again and again" { // what ended and what is announced come in either order
			got = strings.Replace(got, "announced begun announced ended", "announced begun ended announced", 1)
		}
		if got != row.want {
			t.Errorf("%s: told %q, want %q", name, got, row.want)
		}
	}
}

func TestConcerns(t *testing.T) {
	services := map[string]Service{"pay": {Name: "Pay", Group: "Shop"}, "sso": {Name: "SSO", Group: "Accounts"}}
	page := statuspage.Page{Slug: "shop", Groups: []string{"Shop"}}
	for _, row := range []struct {
		checks []string
		c      Choice
		want   bool
	}{
		{[]string{"pay"}, Choice{Whole: true}, true}, {[]string{"sso"}, Choice{Whole: true}, false}, {[]string{"gone"}, Choice{Whole: true}, false},
		{[]string{"sso"}, Choice{Checks: []string{"sso"}}, false}, {[]string{"pay"}, Choice{Checks: []string{"sso"}}, false}, {[]string{"pay"}, Choice{Checks: []string{"pay"}}, true},
		{[]string{"pay", "sso"}, Choice{Groups: []string{"Shop"}}, true}, {nil, Choice{Checks: []string{"pay"}}, true}, {[]string{"pay"}, Choice{Groups: []string{""}}, false},
	} {
		e := Event{Subject: "i/1", Told: true, Checks: row.checks}
		if got := e.Concerns(page, row.c, services); got != row.want {
			t.Errorf("%v for %+v: %v", row.checks, row.c, got)
		}
		e.Told = false
		if e.Concerns(page, row.c, services) {
			t.Errorf("%v: what nobody is told of", row.checks)
		}
	}
	// A page that tells no reasons has none told.
	page.Hide, page.Subscriptions = []statuspage.Detail{statuspage.Reasons}, &statuspage.Subscriptions{Webhook: true, URL: "https://s.example"}
	e := Event{Subject: "i/1", What: Opened, Told: true, Checks: []string{"pay", "sso"}, Content: Content{ID: "1", CheckID: "pay", Reason: "connection refused", From: noon}}
	m, ok := Compose(page, "k", noon, []Event{e}, services, Links{})
	if !ok || strings.Contains(m.Text, "refused") || m.Items[0].Reason != "" || strings.Contains(m.Text, "SSO") || m.Title != ": Pay has an outage" {
		t.Errorf("%+v", m)
	}
}

// Addresses are dropped for what they do for days, and for nothing of ours.
func TestSettle(t *testing.T) {
	theirs := Outcome{Outcome: alert.Outcome{Error: "no such user", Status: 550, Refused: true, At: noon}, Theirs: true}
	ours := Outcome{Outcome: alert.Outcome{Error: "our server is away", At: noon}}
	silent := Outcome{Outcome: alert.Outcome{Error: "connection refused", At: noon}, Theirs: true}
	gone := Outcome{Outcome: alert.Outcome{Error: "410", Status: 410, At: noon}, Theirs: true, Gone: true}
	long, longer := noon.Add(-4*24*time.Hour), noon.Add(-15*24*time.Hour)
	for name, row := range map[string]struct {
		d    Delivery
		o    Outcome
		want string
	}{
		"sent":                        {Delivery{Try: 1, Created: noon, FailingSince: long}, Outcome{Outcome: alert.Outcome{At: noon}}, "sent failing false drop false"},
		"refused once":                {Delivery{Try: 1, Created: noon}, theirs, "waiting failing true drop false"},
		"refused for good":            {Delivery{Try: 3, Created: noon}, theirs, "given_up failing true drop false"},
		"refused for days":            {Delivery{Try: 3, Created: noon, FailingSince: long}, theirs, "given_up failing true drop true"},
		"ours for days":               {Delivery{Try: 99, Created: long, FailingSince: time.Time{}}, ours, "given_up failing false drop false"},
		"not reached for days":        {Delivery{Try: 99, Created: long, FailingSince: long}, silent, "given_up failing true drop false"},
		"not reached for a fortnight": {Delivery{Try: 99, Created: long, FailingSince: longer}, silent, "given_up failing true drop true"},
		"gone":                        {Delivery{Try: 1, Created: noon}, gone, "given_up failing true drop true"},
		"nothing to tell":             {Delivery{Try: 1, Created: noon}, Outcome{Void: true}, "void failing false drop false"},
	} {
		f := row.d.Settle(row.o)
		if got := fmt.Sprintf("%s failing %v drop %v", f.State, !f.Failing.IsZero(), f.Drop != ""); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		if (f.State == alert.Waiting) != !f.Next.IsZero() {
			t.Errorf("%s: next at %v", name, f.Next)
		}
	}
}

func TestDue(t *testing.T) {
	rules := Event{Noted: noon}
	word := Event{Noted: noon, Urgent: true}
	for _, row := range []struct {
		after, last time.Duration
		events      []Event
		want        int
	}{
		{Gather - 1, -time.Hour, []Event{rules}, 0}, {Gather, -time.Hour, []Event{rules, {Noted: noon.Add(Gather)}}, 2}, {Gather, -time.Minute, []Event{rules}, 0},
		{Gather, -time.Minute, []Event{rules, word}, 2}, {Gather, Gather - Spaced, []Event{rules}, 1}, {time.Hour, 0, nil, 0},
	} {
		if got := Due(noon.Add(row.after), noon.Add(row.last), row.events); len(got) != row.want {
			t.Errorf("%+v: %d", row, len(got))
		}
	}
	if Key("a", JobEvents, []Event{{Key: "x"}}, noon) != Key("a", JobEvents, []Event{{Key: "x"}}, noon.Add(1)) || Key("a", JobEvents, nil, noon) == Key("b", JobEvents, nil, noon) {
		t.Error("the key is not that of what is told to one")
	}
	if diff := cmp.Diff([]string{"pay"}, Shown(statuspage.Page{Groups: []string{"Shop"}}, []string{"pay", "sso"}, map[string]Service{"pay": {Group: "Shop"}, "sso": {}})); diff != "" {
		t.Error(diff)
	}
}
