package pages

import (
	"cmp"
	"context"
	"fmt"
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
	// sparkRuns is the number of runs in a sparkline.
	sparkRuns = 40
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
func (q checksQuery) fits(w *kept.Watched) bool {
	if q.Q != "" {
		needle := strings.ToLower(q.Q)
		if !strings.Contains(w.ID, needle) && !strings.Contains(strings.ToLower(w.Name), needle) {
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
	all, _, err := p.all.get(ctx)
	if err != nil {
		return web.Page{}, err
	}
	v := listChecks(all, parseChecksQuery(q), time.Now())
	ids := make([]string, len(v.Rows))
	for i, row := range v.Rows {
		ids[i] = row.ID
	}
	recent, err := p.Records.Recent(ctx, ids, sparkRuns)
	if err != nil {
		return web.Page{}, err
	}
	for i := range v.Rows {
		v.Rows[i].Spark = newSpark(recent[v.Rows[i].ID])
	}
	return web.Page{Title: "Checks", Section: "checks", Live: "checks", Body: v}, nil
}

// listChecks chooses and orders what is shown: what is worst comes first.
func listChecks(all []kept.Watched, q checksQuery, now time.Time) checksView {
	v := checksView{Query: q, All: len(all), Filtered: q.Href("", "") != "/checks"}
	counts := map[status.State]int{}
	kinds, groups, tags := map[string]bool{}, map[string]bool{}, map[string]bool{}
	type ranked struct {
		rank  int
		state status.State
		w     *kept.Watched
	}
	var found []ranked
	for i := range all {
		w := &all[i]
		kinds[string(w.Kind)] = true
		if w.Group != "" {
			groups[w.Group] = true
		}
		for _, t := range w.Tags {
			tags[t] = true
		}
		if !q.fits(w) {
			continue
		}
		s := stateOf(*w, now)
		counts[s]++
		if q.State == "" || string(s) == q.State {
			found = append(found, ranked{slices.Index(stateOrder, s), s, w})
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.w.Name, b.w.Name))
	})
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
	v.Kinds, v.Groups, v.Tags = options(kinds, q.Kind), options(groups, q.Group), options(tags, q.Tag)
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
		v.Rows = append(v.Rows, newCheckRow(*f.w, f.state, now))
	}
	return v
}

func options(values map[string]bool, selected string) []option {
	var list []option
	for _, v := range sortedKeys(values) {
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

// spark is a row of runs as bars, as long as they took.
type spark struct {
	Label string
	Bars  []sparkBars
	Width int
}

// sparkBars are all bars of one outcome: a page has some thousands.
type sparkBars struct {
	Class, Path string
}

// newSpark draws runs, which come newest first, oldest first.
func newSpark(runs []status.Run) spark {
	s := spark{Width: 4 * sparkRuns}
	var top time.Duration
	failed := 0
	for _, r := range runs {
		top = max(top, r.Latency)
		if r.Outcome == jobs.Failed {
			failed++
		}
	}
	paths := map[string][]byte{}
	for i, r := range runs {
		h := 4
		if top > 0 {
			h = max(4, int(20*r.Latency/top))
		}
		code := web.OutcomeMark(r.Outcome).Code
		if code == "x" {
			h = 20
		}
		paths[code] = fmt.Appendf(paths[code], "M%d 20v-%dh3v%dz", 4*(sparkRuns-1-i), h, h)
	}
	for _, code := range sortedKeys(paths) {
		s.Bars = append(s.Bars, sparkBars{"s-" + code, string(paths[code])})
	}
	s.Label = fmt.Sprintf("%s, %d failed", web.Count(len(runs), "run"), failed)
	return s
}
