package pages

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

var checksPage = templateOf("checks")

const (
	// rowsPerPage is the length of a page of a list.
	rowsPerPage = 100
)

// paused is the state of a check that is not scheduled; the others are
// status.States.
const paused = status.State("paused")

var stateOrder = []status.State{status.Outage, status.DegradedState, status.NotMeasured, status.Operational, paused}

func stateOf(w kept.Watched, now time.Time) status.State {
	if !w.Active {
		return paused
	}
	return w.State(now)
}

func stateMark(s status.State) web.Mark {
	if s == paused {
		return web.Mark{Code: "n", Word: "Paused"}
	}
	return web.StateMark(s)
}

// checksQuery is what is looked for in the list of checks.
type checksQuery struct {
	Q, Tag, State, Kind, Group string
	Page                       int
}

func parseChecksQuery(v url.Values) checksQuery {
	n, _ := strconv.Atoi(v.Get("page"))
	return checksQuery{strings.TrimSpace(v.Get("q")), v.Get("tag"), v.Get("state"), v.Get("kind"), v.Get("group"), max(1, n)}
}

// Href is the address of the list with one thing changed.
func (q checksQuery) Href(name, value string) string {
	v := url.Values{}
	for k, s := range map[string]string{"q": q.Q, "tag": q.Tag, "state": q.State, "kind": q.Kind, "group": q.Group} {
		if s != "" {
			v.Set(k, s)
		}
	}
	if value == "" {
		v.Del(name)
	} else {
		v.Set(name, value)
	}
	if len(v) == 0 {
		return "/checks"
	}
	return "/checks?" + v.Encode()
}

// fits reports whether a check is looked for, but for its state.
func (q checksQuery) fits(w *rankedCheck) bool {
	if q.Q != "" {
		needle := strings.ToLower(q.Q)
		if !strings.Contains(w.ID, needle) && !strings.Contains(w.lower, needle) {
			return false
		}
	}
	return (q.Tag == "" || slices.Contains(w.Tags, q.Tag)) && (q.Kind == "" || string(w.Kind) == q.Kind) && (q.Group == "" || w.Group == q.Group)
}

type checksView struct {
	Query               checksQuery
	Tallies             []tally
	Kinds, Groups, Tags []option
	Rows                []checkRow
	Found, All          int
	From, To            int
	Prev, Next          string
	Filtered            bool
}

// tally counts the checks in a state.
type tally struct {
	web.Mark
	State   status.State
	Count   int
	Href    string
	Current bool
}

type option struct {
	Value, Word string
	Selected    bool
}

type checkRow struct {
	kept.Watched
	Mark    web.Mark
	Kind    string
	Every   string
	Why     string
	Latency string
	Last    *web.Stamp
	Spark   spark
}

func (p *pages) checks(ctx context.Context, q url.Values) (web.Page, error) {
	all, err := p.all.get(ctx)
	if err != nil {
		return web.Page{}, err
	}
	v := listChecks(all, parseChecksQuery(q), time.Now())
	if err := p.sparks.draw(ctx, v.Rows); err != nil {
		return web.Page{}, err
	}
	return web.Page{Title: "Checks", Section: "checks", Live: "checks", Body: v}, nil
}

// listChecks chooses what is shown, and tells times as of now.
func listChecks(all allChecks, q checksQuery, now time.Time) checksView {
	v := checksView{Query: q, All: len(all.list), Filtered: q.Href("", "") != "/checks"}
	counts := map[status.State]int{}
	var found []*rankedCheck
	for i := range all.ranked {
		w := &all.ranked[i]
		if !q.fits(w) {
			continue
		}
		counts[w.state]++
		if q.State == "" || string(w.state) == q.State {
			found = append(found, w)
		}
	}
	for _, s := range stateOrder {
		current := q.State == string(s)
		if n := counts[s]; n > 0 || current {
			to := string(s)
			if current {
				to = ""
			}
			v.Tallies = append(v.Tallies, tally{stateMark(s), s, n, q.Href("state", to), current})
		}
	}
	v.Kinds, v.Groups, v.Tags = options(all.kinds, q.Kind), options(all.groups, q.Group), options(all.tags, q.Tag)
	for i := range v.Kinds {
		v.Kinds[i].Word = web.KindWord(check.Kind(v.Kinds[i].Value))
	}
	v.Found = len(found)
	v.From = min((q.Page-1)*rowsPerPage, len(found))
	v.To = min(v.From+rowsPerPage, len(found))
	if q.Page > 1 {
		v.Prev = q.Href("page", strconv.Itoa(q.Page-1))
	}
	if v.To < len(found) {
		v.Next = q.Href("page", strconv.Itoa(q.Page+1))
	}
	for _, f := range found[v.From:v.To] {
		v.Rows = append(v.Rows, newCheckRow(*f.Watched, f.state, now))
	}
	return v
}

func options(values []string, selected string) []option {
	var list []option
	for _, v := range values {
		list = append(list, option{v, v, v == selected})
	}
	return list
}

func newCheckRow(w kept.Watched, s status.State, now time.Time) checkRow {
	row := checkRow{Watched: w, Mark: stateMark(s), Kind: web.KindWord(w.Kind), Every: web.Interval(w.Every)}
	if newest, ok := w.Newest(); ok {
		row.Last = web.NewStamp(newest.Slot, now)
	}
	var sum time.Duration
	n := 0
	for _, r := range w.Conclusive {
		if r.Outcome == jobs.Failed || r.Outcome == jobs.Degraded && row.Why == "" {
			row.Why = web.Shorten(r.FaultMessage, 160)
		}
		if r.Latency > 0 {
			sum += r.Latency
			n++
		}
	}
	if n > 0 {
		row.Latency = web.Latency(sum / time.Duration(n))
	}
	if s == status.Operational || s == paused {
		row.Why = ""
	}
	return row
}
