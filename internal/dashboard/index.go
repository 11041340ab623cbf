package dashboard

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/status"
)

// maxProblems bounds the list at the head of the page; the rest is counted.
const maxProblems = 5

// indexView is the start page.
type indexView struct {
	layout
	Overall  overall
	Facts    string
	Newest   *stamp // of the newest run
	Tally    []tallied
	Problems []problem
	More     int // problems that are not listed
	Period   string
	Long     bool // offer the choice of period
	Days     int
	Groups   []group
	// Group is the only one of the page, "" on the first page; Pages are those
	// of its services, from 1.
	Group string
	Page  int
	Pages []int
	// Current are what people wrote down and is not over, or was not an hour
	// ago; Past is what was over lately.
	Current     []incidentView
	Past        []incidentView
	Maintenance []maintenanceView
}

// tallied is how many checks are in a state.
type tallied struct {
	mark
	Count int
}

// problem is a check in trouble, told at the head of the page.
type problem struct {
	mark
	ID, Name, Reason string
}

// group is a heading with its checks.
type group struct {
	Name string // "" where no check of the page has a group
	// Trouble counts the checks that are not operational, worst first.
	Trouble []tallied
	Rows    []row
	// All counts its checks where they are not all among Rows.
	All int
}

// row is one check of the start page.
type row struct {
	mark
	ID, Name, Kind string
	Locations      string
	Bars           template.HTML
	Uptime, Scope  string
	Latency        string
	Last           *stamp
	Reason         string
	Known          *known
}

// known is the last known state of a check that is not measured.
type known struct {
	mark
	At     *stamp
	Reason string
}

// index renders the start page with bars over p.
func (d *Dashboard) index(f *frame, p period, c choice) (*page, error) {
	v := indexView{
		layout:  d.layout(f, f.overall.Sentence+" · "+f.site.title, f.overall.Mark.Code),
		Overall: f.overall, Period: p.name, Long: f.long || p.days > 1, Days: p.days,
		Tally: tallies(f.checks), Group: c.group, Page: c.page,
	}
	v.Groups, v.Pages = c.groups(f, p)
	if c.group != "" && len(v.Groups) == 0 {
		return d.message(f.site, http.StatusNotFound, "There is no such group here", "It may have been renamed, or it has no public service.")
	}
	v.Problems, v.More = problems(f.checks)
	v.Facts, v.Newest = facts(f)
	v.Current, v.Past = frontIncidents(f)
	v.Maintenance = announced(f)
	return execute(indexPage, http.StatusOK, v)
}

// facts says what is watched, and when it was last heard of.
func facts(f *frame) (string, *stamp) {
	if len(f.checks) == 0 {
		return "", nil
	}
	locations := map[string]bool{}
	var newest time.Time
	for _, j := range f.checks {
		for _, l := range j.Locations {
			locations[l] = true
		}
		if at := when(j.newest); j.ran && at.After(newest) {
			newest = at
		}
	}
	delete(locations, check.HeartbeatLocation) // heartbeats come in by themselves
	text := count(len(f.checks), "service") + " watched"
	if len(locations) > 0 {
		text += " from " + count(len(locations), "location")
	}
	return text, newStamp(newest, f.now)
}

func tallies(js []judged) []tallied {
	t := tallyOf(js)
	var out []tallied
	for _, x := range []struct {
		s status.State
		n int
	}{{status.Outage, t.outage}, {status.DegradedState, t.degraded}, {status.Operational, t.up}, {status.NotMeasured, t.silent}} {
		if x.n > 0 {
			out = append(out, tallied{stateMark(x.s), x.n})
		}
	}
	return out
}

// problems lists what is wrong now, outages first.
func problems(js []judged) (listed []problem, more int) {
	for _, s := range []status.State{status.Outage, status.DegradedState} {
		for _, j := range js {
			if j.state == s {
				listed = append(listed, problem{stateMark(s), j.ID, j.Name, j.reason(140)})
			}
		}
	}
	if len(listed) > maxProblems {
		listed, more = listed[:maxProblems], len(listed)-maxProblems
	}
	return listed, more
}

// reason is why a check is not operational in one line of about n characters.
func (j judged) reason(n int) string {
	if len(j.reasons) == 0 {
		return ""
	}
	first := j.reasons[0]
	text := shorten(first.text, n)
	if len(j.Locations) > 1 && len(first.locations) < len(j.Locations) {
		text += " (" + enumerate(first.locations) + ")"
	}
	if more := len(j.reasons) - 1; more > 0 {
		text += ", and " + count(more, "other reason")
	}
	return text
}

// lastKnown is the last known state where nothing is known now, else nil.
func (j judged) lastKnown(f *frame) *known {
	if j.state != status.NotMeasured || j.known == status.NotMeasured {
		return nil
	}
	was := j
	was.reasons = reasons(j.Check, j.knownAt, j.known)
	return &known{stateMark(j.known), newStamp(j.knownAt, f.now), was.reason(120)}
}

// Of an installation with more services than a page should hold, the first page
// lists those in trouble, and each group has pages of its own.
const (
	maxRows     = 120
	maxTroubled = 5
	// maxGroups bounds the groups that the first page lists; those in trouble
	// are at its head whatever their group.
	maxGroups = 60
)

// choice is which services a page shows.
type choice struct {
	group string // "" for the first page
	page  int    // of the group, from 1
}

func (c choice) groups(f *frame, p period) (list []group, pages []int) {
	switch {
	case c.group != "":
		var members []judged
		for _, j := range f.checks {
			if j.Group == c.group || c.group == otherServices && j.Group == "" {
				members = append(members, j)
			}
		}
		n := (len(members) + maxRows - 1) / maxRows
		if c.page > n {
			return nil, nil
		}
		for i := range n {
			pages = append(pages, i+1)
		}
		part := &frame{snap: f.snap, site: f.site, drawings: f.drawings, now: f.now, checks: members[(c.page-1)*maxRows : min(len(members), c.page*maxRows)]}
		return groups(part, p, all), pages
	case len(f.checks) <= maxRows:
		return groups(f, p, all), nil
	}
	list = groups(f, p, troubled)
	if len(list) > maxGroups {
		list = list[:maxGroups]
	}
	return list, nil
}

func all(members []judged) []judged { return members }

// troubled are the first few of members that have an outage or are degraded.
func troubled(members []judged) []judged {
	var out []judged
	for _, j := range members {
		if (j.state == status.Outage || j.state == status.DegradedState) && len(out) < maxTroubled {
			out = append(out, j)
		}
	}
	return out
}

// otherServices heads the services without a group.
const otherServices = "Other services"

// groups lays the checks of a frame out under their headings.
func groups(f *frame, p period, listed func(members []judged) []judged) []group {
	var out []group
	for start := 0; start < len(f.checks); {
		end := start + 1
		for end < len(f.checks) && f.checks[end].Group == f.checks[start].Group {
			end++
		}
		members := f.checks[start:end]
		g := group{Name: members[0].Group}
		for _, t := range tallies(members) {
			if t.Code != "o" {
				g.Trouble = append(g.Trouble, t)
			}
		}
		some := listed(members)
		for _, j := range some {
			g.Rows = append(g.Rows, newRow(f, j, p))
		}
		if len(some) < len(members) {
			g.All = len(members)
		}
		out = append(out, g)
		start = end
	}
	if n := len(out); n > 1 && out[n-1].Name == "" {
		out[n-1].Name = otherServices
	}
	return out
}

func newRow(f *frame, j judged, p period) row {
	r := row{
		mark: stateMark(j.state), ID: j.ID, Name: j.Name, Kind: kindWord(j.Kind),
		Locations: places(j.Locations),
		Latency:   latency(j.latency), Reason: j.reason(120), Known: j.lastKnown(f),
	}
	if j.ran {
		r.Last = newStamp(when(j.newest), f.now)
	}
	if j.maintained {
		r.mark = maintenanceMark
	}
	known := f.past(p, j.ID)
	rec := newRecord(j.Check, p, known, f.now)
	r.Bars = f.drawings.get(drawingOf(j.Check, p, f.snap.of(p).sums[j.ID], known, f.now), func() bars { return newBars(rec, false) })
	r.Uptime, r.Scope = f.uptime(rec)
	return r
}

// places names a few locations, and counts many; it says nothing of heartbeats,
// which come in by themselves.
func places(locations []string) string {
	if len(locations) == 1 && locations[0] == check.HeartbeatLocation {
		return ""
	}
	if len(locations) > 3 {
		return count(len(locations), "location")
	}
	return strings.Join(locations, ", ")
}

// uptime is the figure of the period, and what part of the period it speaks
// for, beside it.
func (r record) uptime() (figure, scope string) {
	u, ok := r.total.Uptime()
	switch {
	case !ok:
		return "", ""
	case r.since.IsZero():
		scope = wholePercent(r.known) + " measured"
	case r.period.grain == grainDay:
		scope = wholePercent(r.known) + " measured, since " + r.since.Format("2 Jan")
	default:
		scope = wholePercent(r.known) + " measured, since " + r.since.In(r.zone).Format("15:04 MST")
	}
	return percent(u), scope
}
