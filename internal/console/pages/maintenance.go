package pages

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

var maintenancePage = formPage("maintenance")

type maintenanceView struct {
	Rows               []maintenanceRow
	Draft              maintenanceDraft
	Known, KnownTags   []string
	KnownGroups, Zones []string
}

type maintenanceRow struct {
	console.Maintenance
	Concerns, When string
	Lasts          bool
	Next           *web.Stamp
	Announced      bool
}

// maintenanceDraft is what somebody has written in the form.
type maintenanceDraft struct {
	Wrong, Title, Why    string
	Checks, Tags, Groups string
	Zone, From, To       string
	Again, Public        bool
	Days                 []string
	At, For, Cron        string
}

// weekday is a day of the week to choose.
type weekday struct {
	Key, Name string
	Chosen    bool
}

var week = []weekday{
	{"mon", "Monday", false}, {"tue", "Tuesday", false}, {"wed", "Wednesday", false}, {"thu", "Thursday", false},
	{"fri", "Friday", false}, {"sat", "Saturday", false}, {"sun", "Sunday", false},
}

// Week are the days to choose from.
func (d maintenanceDraft) Week() []weekday {
	out := slices.Clone(week)
	for i := range out {
		out[i].Chosen = slices.Contains(d.Days, out[i].Key)
	}
	return out
}

// offeredZones are some of those that can be written.
var offeredZones = []string{
	"UTC", "America/Los_Angeles", "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin",
	"Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
}

func (p *pages) maintenance(w http.ResponseWriter, r *http.Request) error {
	return p.showMaintenance(w, r, maintenanceDraft{Zone: "UTC", Public: true, Checks: r.URL.Query().Get("check")})
}

func (p *pages) showMaintenance(w http.ResponseWriter, r *http.Request, d maintenanceDraft) error {
	list, err := p.Console.PlannedMaintenance(r.Context(), false)
	if err != nil {
		return err
	}
	now := time.Now()
	v := maintenanceView{Draft: d, Zones: offeredZones}
	v.Known, v.KnownTags, v.KnownGroups = p.knownIDs(r)
	for _, m := range list {
		v.Rows = append(v.Rows, newMaintenanceRow(m, now))
	}
	return maintenancePage(w, r, p.Frame, web.Page{Title: "Maintenance", Section: "maintenance", Body: v}, d.Wrong != "")
}

func newMaintenanceRow(m console.Maintenance, now time.Time) maintenanceRow {
	row := maintenanceRow{Maintenance: m, Announced: m.Public == nil || *m.Public, Next: stampOf(m.NextFrom, now)}
	var parts []string
	for _, x := range []struct {
		noun string
		list []string
	}{{"check", m.Checks}, {"tag", m.Tags}, {"group", m.Groups}} {
		if n := len(x.list); n > 5 {
			parts = append(parts, web.Count(n, x.noun))
		} else if n > 0 {
			parts = append(parts, x.noun+" "+strings.Join(x.list, ", "))
		}
	}
	row.Concerns = strings.Join(parts, "; ")
	row.Lasts = m.NextFrom != nil && !m.NextFrom.After(now)
	switch {
	case m.Cron != "":
		row.When = fmt.Sprintf("%s (%s), for %s", m.Cron, firstOf(m.Zone, "UTC"), strings.TrimSuffix(m.For, "0s"))
	case m.From != nil && m.To != nil:
		row.When = m.From.Format("2 Jan 2006, 15:04") + " to " + m.To.Format("2 Jan 2006, 15:04 MST")
	}
	return row
}

// plan is what the draft asks for; why says what is wrong with it.
func (d maintenanceDraft) plan() (m console.PlannedMaintenance, why string) {
	m = console.PlannedMaintenance{
		Title: strings.TrimSpace(d.Title), Why: d.Why, Checks: words(d.Checks), Tags: words(d.Tags), Groups: words(d.Groups), Public: &d.Public,
	}
	zone, err := check.LoadZone(d.Zone)
	switch {
	case m.Title == "":
		return m, "say what is done."
	case err != nil:
		return m, fmt.Sprintf("%q is no time zone; write one such as Europe/Berlin.", d.Zone)
	case d.Again:
		return d.again(m)
	}
	for _, x := range []struct {
		text string
		into **time.Time
		name string
	}{{d.From, &m.From, "begins"}, {d.To, &m.To, "ends"}} {
		at, err := time.ParseInLocation(localTime, x.text, zone)
		if err != nil {
			if x.text == "" {
				return m, fmt.Sprintf("say when it %s, or choose that it comes again and again.", x.name)
			}
			return m, fmt.Sprintf("%q is no time at which it %s; write it as %s.", x.text, x.name, localTime)
		}
		*x.into = &at
	}
	return m, ""
}

// again is a plan that recurs: on days at a time, or as cron says.
func (d maintenanceDraft) again(m console.PlannedMaintenance) (console.PlannedMaintenance, string) {
	minutes, err := strconv.Atoi(strings.TrimSpace(d.For))
	if err != nil || minutes < 1 {
		return m, "say for how many minutes it lasts each time."
	}
	m.Zone, m.For, m.Cron = d.Zone, (time.Duration(minutes) * time.Minute).String(), strings.TrimSpace(d.Cron)
	if m.Cron != "" {
		return m, ""
	}
	at, err := time.Parse("15:04", d.At)
	var days []string
	for _, w := range d.Week() {
		if w.Chosen {
			days = append(days, w.Key)
		}
	}
	switch {
	case err != nil:
		return m, "say at what time it begins, such as 02:30."
	case len(days) == 0:
		return m, "choose the days on which it begins."
	}
	m.Cron = fmt.Sprintf("%d %d * * %s", at.Minute(), at.Hour(), strings.Join(days, ","))
	return m, ""
}

func (p *pages) planMaintenance(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	f := r.PostForm
	d := maintenanceDraft{
		Title: f.Get("title"), Why: f.Get("why"), Checks: f.Get("checks"), Tags: f.Get("tags"), Groups: f.Get("groups"),
		Zone: f.Get("zone"), From: f.Get("from"), To: f.Get("to"), Again: f.Get("kind") == "again", Public: f.Get("public") != "",
		Days: f["day"], At: f.Get("at"), For: f.Get("for"), Cron: f.Get("cron"),
	}
	wanted, why := d.plan()
	if d.Wrong = why; why != "" {
		return p.showMaintenance(w, r, d)
	}
	if _, err := p.Console.PlanMaintenance(r.Context(), wanted); err != nil {
		if d.Wrong, err = wrong(err); err != nil {
			return err
		}
		return p.showMaintenance(w, r, d)
	}
	p.Frame.Redirect(w, r, "/maintenance", web.Flash{Text: "It is planned: “" + wanted.Title + "”."})
	return nil
}

func (p *pages) cancelMaintenance(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !idForm.MatchString(id) {
		return missing("No such maintenance is planned.")
	}
	if err := p.Console.CancelMaintenance(r.Context(), id); err != nil {
		return err
	}
	p.Frame.Redirect(w, r, "/maintenance", web.Flash{Text: "It is called off from now on; what was judged before stands."})
	return nil
}
