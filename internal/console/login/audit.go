package login

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

// auditPerPage is the number of entries of one page.
const auditPerPage = 100

// auditBody is what the page of the audit log shows.
type auditBody struct {
	Actor, Action, Subject, Result string
	Since, Until                   string // dates
	Filtered                       bool
	Fault                          string
	Entries                        []auditRow
	Next                           string
	KeptDays                       int
}

type auditRow struct {
	console.AuditEntry
	When    *web.Stamp
	Changed string
	Refused bool
}

var auditPage = web.Template(templateFiles, "templates/audit.html")

func (p *Room) audit(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	b := auditBody{
		Actor: q.Get("actor"), Action: q.Get("action"), Subject: q.Get("subject"), Result: q.Get("result"),
		Since: q.Get("since"), Until: q.Get("until"), KeptDays: int(access.AuditKept / (24 * time.Hour)),
	}
	f := access.EntryFilter{Actor: b.Actor, Action: b.Action, Subject: b.Subject, Result: b.Result, Limit: auditPerPage}
	b.Filtered = b.Actor+b.Action+b.Subject+b.Result+b.Since+b.Until != ""
	var faulty bool
	day := func(text string, plus time.Duration) time.Time {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			faulty = faulty || text != ""
			return time.Time{}
		}
		return t.Add(plus)
	}
	f.Since, f.Until = day(b.Since, 0), day(b.Until, 24*time.Hour)
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is no number begins at the top
	if faulty {
		b.Fault = "A date is not one: write it as 2026-01-31."
		return p.frame.Show(statusWriter{w, http.StatusUnprocessableEntity}, r, auditPage, web.Page{Title: "Audit log", Section: "audit", Body: b})
	}
	list, err := p.console.AuditLog(r.Context(), f)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, e := range list.Entries {
		b.Entries = append(b.Entries, auditRow{e, web.NewStamp(e.At, now), changed(e.Before, e.After), e.Result == access.Refused})
	}
	if list.Next > 0 {
		next := url.Values{}
		for key, value := range map[string]string{
			"actor": b.Actor, "action": b.Action, "subject": b.Subject, "result": b.Result, "since": b.Since, "until": b.Until,
			"before": strconv.FormatInt(list.Next, 10),
		} {
			if value != "" {
				next.Set(key, value)
			}
		}
		b.Next = "/settings/audit?" + next.Encode()
	}
	return p.frame.Show(w, r, auditPage, web.Page{Title: "Audit log", Section: "audit", Body: b})
}

// changed names what changed, what came (+) and what went (−).
func changed(before, after []string) string {
	was, is := map[string]bool{}, map[string]bool{}
	for _, name := range before {
		was[name] = true
	}
	for _, name := range after {
		is[name] = true
	}
	text := ""
	add := func(sign, name string) {
		if text != "" {
			text += ", "
		}
		text += sign + name
	}
	for _, name := range before {
		if is[name] {
			add("", name)
		} else {
			add("−", name)
		}
	}
	for _, name := range after {
		if !was[name] {
			add("+", name)
		}
	}
	return text
}
