package pages

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/plan"
	"github.com/probefleet/probefleet/internal/status"
)

var (
	checkPage      = page("check")
	definitionPage = page("definition")
	triggerPage    = page("trigger")
)

const (
	chartHours = 24
	// runsShown is the number of runs of a location on the page of a check.
	runsShown = 15
	// runsRead are as many as are read to find them.
	runsRead = 300
	// incidentsShown is the number of incidents on the page of a check.
	incidentsShown = 10
)

type checkView struct {
	kept.Watched
	Mark      web.Mark
	Kind      string
	Every     string
	Timeout   string
	Last      *web.Stamp
	Why       string
	Reasons   []placeReason
	Outage    *incidentRow // that lasts, nil where none does
	Alerting  string
	Promise   *promiseView // nil where nothing is promised
	Chart     chart
	Places    []place
	Incidents []incidentRow
	Revisions []revisionRow
	Older     string // address of older runs
	Until     *web.Stamp
	Outcome   string
}

// placeReason is what a location says of a check that is not well.
type placeReason struct{ Location, Message string }

// place is one location of a check with its runs.
type place struct {
	Location string
	Mark     web.Mark
	Coverage string
	Missing  int
	Runs     []runRow
}

type runRow struct {
	kept.Run
	Mark web.Mark
	At   *web.Stamp
	Took string
}

type revisionRow struct {
	At      *web.Stamp
	By      string
	Changes []plan.Change
	First   bool
	Paused  string // "paused", "resumed" or ""
	Unread  bool
}

func (p *pages) watched(r *http.Request) (kept.Watched, error) {
	all, err := p.all.get(r.Context())
	if err != nil {
		return kept.Watched{}, err
	}
	i, ok := all.byID[r.PathValue("id")]
	if !ok {
		return kept.Watched{}, missing(fmt.Sprintf("There is no check %q. It may have been renamed or removed.", web.Shorten(r.PathValue("id"), 80)))
	}
	return all.list[i], nil
}

func (p *pages) check(w http.ResponseWriter, r *http.Request) error {
	watched, err := p.watched(r)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), time.Now()
	state := stateOf(watched, now)
	row := newCheckRow(watched, state, now)
	v := checkView{
		Watched: watched, Mark: row.Mark, Kind: row.Kind, Every: row.Every, Timeout: web.Interval(watched.Timeout), Last: row.Last, Why: row.Why,
		Outcome: r.URL.Query().Get("outcome"),
	}
	if state == status.Outage || state == status.DegradedState {
		for _, run := range watched.Conclusive {
			if run.FaultMessage != "" {
				v.Reasons = append(v.Reasons, placeReason{run.Location, run.FaultMessage})
			}
		}
	}
	// What takes longest is asked for at once.
	var line []status.Run
	var coverage []status.Coverage
	asked, asking := errgroup.WithContext(ctx)
	asked.Go(func() (err error) {
		line, err = p.Records.Latencies(asking, watched.ID, now.Add(-chartHours*time.Hour))
		return err
	})
	asked.Go(func() (err error) {
		coverage, err = p.Records.Coverage(asking, watched.ID, now.Add(-24*time.Hour))
		return err
	})
	runs, err := p.Records.Runs(ctx, runsOf(r, &v, now))
	if err := errors.Join(err, asked.Wait()); err != nil {
		return err
	}
	v.Chart = newChart(watched.Locations, watched.Every, line, now)
	v.addPlaces(runs, coverage, now)
	incidents, err := p.Records.Incidents(ctx, kept.IncidentFilter{Check: watched.ID, Limit: incidentsShown})
	if err != nil {
		return err
	}
	for _, i := range incidents {
		row := newIncidentRow(i, p.name(r.Context()), now)
		v.Incidents = append(v.Incidents, row)
		if i.ByRules && i.Open() {
			v.Outage = &row
		}
	}
	revisions, err := p.Records.Revisions(ctx, watched.ID)
	if err != nil {
		return err
	}
	v.Revisions = revisionRows(revisions, now)
	if len(revisions) > 0 {
		if ch, err := codec.DecodeCheck(revisions[0].Version, revisions[0].Spec); err == nil {
			v.Alerting = alerting(ch)
		}
	}
	promises, err := p.Records.Promises(ctx, now.UTC(), []string{watched.ID})
	if err != nil {
		return err
	}
	for _, promise := range promises {
		v.Promise = newPromiseView(promise)
	}
	return checkPage(w, r, p.Frame, web.Page{Title: watched.Name, Section: "checks", Live: "check:" + watched.ID, Body: v})
}

// runsOf says which runs are asked for.
func runsOf(r *http.Request, v *checkView, now time.Time) kept.RunFilter {
	f := kept.RunFilter{Check: v.ID, Since: now.Add(-30 * 24 * time.Hour), Until: now.Add(time.Minute), Limit: runsRead}
	if before, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("before")); err == nil {
		f.Until = before
		v.Until = web.NewStamp(before, now)
	}
	if o := jobs.Outcome(v.Outcome); slices.Contains(jobs.Outcomes, o) {
		f.Outcomes = []jobs.Outcome{o}
	} else {
		v.Outcome = ""
	}
	return f
}

// addPlaces adds the locations with their runs and what is missing of them.
func (v *checkView) addPlaces(runs []kept.Run, coverage []status.Coverage, now time.Time) {
	locations := slices.Clone(v.Locations)
	for _, run := range runs {
		if !slices.Contains(locations, run.Location) {
			locations = append(locations, run.Location)
		}
	}
	var cut time.Time // of the location whose list ends first
	for _, l := range locations {
		one := place{Location: l, Mark: web.StateMark(status.NotMeasured)}
		for _, c := range v.Conclusive {
			if c.Location == l && v.Fresh(c.Slot, now) {
				one.Mark = web.OutcomeMark(c.Outcome)
			}
		}
		for _, c := range coverage {
			if c.Location == l && c.Expected > 0 {
				one.Coverage, one.Missing = web.Percent(c.Share()), c.Missing()
			}
		}
		for _, run := range runs {
			if run.Location != l || len(one.Runs) == runsShown {
				continue
			}
			one.Runs = append(one.Runs, runRow{Run: run, Mark: web.OutcomeMark(run.Outcome), At: web.NewStamp(run.Slot, now), Took: web.Latency(run.Latency)})
		}
		if n := len(one.Runs); n == runsShown && one.Runs[n-1].Slot.After(cut) {
			cut = one.Runs[n-1].Slot
		}
		v.Places = append(v.Places, one)
	}
	if !cut.IsZero() {
		q := url.Values{"before": {cut.UTC().Format(time.RFC3339Nano)}}
		if v.Outcome != "" {
			q.Set("outcome", v.Outcome)
		}
		v.Older = href("checks", v.ID) + "?" + q.Encode() + "#runs"
	}
}

// alerting says when somebody is told.
func alerting(c check.Check) string {
	r := status.NewRules(c, time.Time{})
	var b strings.Builder
	if r.Runs == 1 {
		b.WriteString("An outage begins with the first slot that fails")
	} else {
		fmt.Fprintf(&b, "An outage begins when %s in a row failed", web.Count(r.Runs, "slot"))
	}
	if r.For > 0 {
		fmt.Fprintf(&b, " over %s", web.Interval(r.For))
	}
	switch {
	case len(c.Locations) == 1:
	case r.Count > 0:
		fmt.Fprintf(&b, " at %s or more", web.Count(r.Count, "location"))
	default:
		fmt.Fprintf(&b, " at %d%% of the measured locations or more", r.Share)
	}
	b.WriteString(".")
	if len(c.DependsOn) > 0 {
		fmt.Fprintf(&b, " Nobody is told while %s has an outage.", web.Enumerate(c.DependsOn))
	}
	for _, m := range c.Maintenance {
		fmt.Fprintf(&b, " Maintenance: %s.", firstOf(m.Why, "planned"))
	}
	if c.Muted {
		b.WriteString(" It is muted: nobody is told at all.")
	}
	return b.String()
}

// revisionRows says of each definition what it changed.
func revisionRows(all []kept.Revision, now time.Time) []revisionRow {
	var rows []revisionRow
	for i, v := range all {
		row := revisionRow{At: web.NewStamp(v.Since, now), By: v.By, First: i == len(all)-1}
		if i+1 < len(all) {
			old := all[i+1]
			if old.Active != v.Active {
				row.Paused = map[bool]string{true: "resumed", false: "paused or removed"}[v.Active]
			}
			before, err1 := codec.DecodeCheck(old.Version, old.Spec)
			after, err2 := codec.DecodeCheck(v.Version, v.Spec)
			if row.Unread = err1 != nil || err2 != nil; !row.Unread {
				row.Changes = plan.Diff(before, after)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (p *pages) definition(w http.ResponseWriter, r *http.Request) error {
	found, _, err := p.Records.Catalogue(r.Context(), kept.CheckFilter{IDs: []string{r.PathValue("id")}})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return missing("There is no such check.")
	}
	ch, err := codec.DecodeCheck(found[0].Version, found[0].Spec)
	if err != nil {
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: fmt.Sprintf("This check was written by a newer release and cannot be shown by this one: %v", err)}
	}
	text, err := p.Write(ch)
	if err != nil {
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: fmt.Sprintf("This check cannot be shown as a file: %v", err)}
	}
	return definitionPage(w, r, p.Frame, web.Page{Title: ch.Name + ": definition", Section: "checks", Body: struct {
		ID, Name, Owner, Text string
		Revision              int64
	}{ch.ID, ch.Name, found[0].Owner, string(text), found[0].Revision}})
}

func (p *pages) runNow(w http.ResponseWriter, r *http.Request) error {
	t, err := p.Console.Trigger(r.Context(), console.NewTrigger{Checks: []string{r.PathValue("id")}})
	if err != nil {
		return err
	}
	http.Redirect(w, r, href("triggers", t.ID), http.StatusSeeOther)
	return nil
}

func (p *pages) trigger(w http.ResponseWriter, r *http.Request) error {
	t, err := p.Console.Triggered(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	live := "trigger:" + t.ID
	if t.Done {
		live = ""
	}
	type row struct {
		console.Triggered
		Mark web.Mark
	}
	var rows []row
	check := ""
	for _, one := range t.Runs {
		check = one.Check
		mark := web.Mark{Code: "n", Word: map[string]string{
			console.TriggerWaiting: "Waits for the scheduler", console.TriggerSent: "Sent to the workers", console.TriggerLost: "Lost",
		}[one.State]}
		if one.Run != nil {
			mark = web.OutcomeMark(one.Run.Outcome)
		}
		rows = append(rows, row{one, mark})
	}
	return triggerPage(w, r, p.Frame, web.Page{Title: "Run now", Section: "checks", Live: live, Body: struct {
		Check string
		Done  bool
		By    string
		At    *web.Stamp
		Rows  []row
	}{check, t.Done, t.RequestedBy, web.NewStamp(t.RequestedAt, time.Now()), rows}})
}

func (p *pages) switchCheck(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	yes, no := true, false
	var s console.Switches
	said := ""
	switch r.PostForm.Get("do") {
	case "mute":
		s.Muted, said = &yes, "muted: it runs and is shown, and nobody is alerted"
	case "unmute":
		s.Muted, said = &no, "not muted any more"
	case "pause":
		s.Active, said = &no, "paused: it is not run until it is resumed"
	case "resume":
		s.Active, said = &yes, "resumed"
	}
	id := r.PathValue("id")
	if err := p.Console.Switch(r.Context(), id, s); err != nil {
		return err
	}
	p.all.forget()
	p.Frame.Redirect(w, r, href("checks", id), web.Flash{Text: id + " is " + said + ". The next apply of its file decides anew."})
	return nil
}
