package pages

import (
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
)

var runPage = page("run")

// runView is the page of a slot: the attempt that was asked for, and the others
// of it beside.
type runView struct {
	Check, Name string
	Mark        web.Mark
	Reason      reason
	Attempts    []attempt
	Now         *web.Stamp
	// Command runs the check here and now, "" where nobody can.
	Command string
	Paused  bool
}

// attempt is one run with all that it saw.
type attempt struct {
	kept.Run
	jobs.Result
	Mark      web.Mark
	Chosen    bool
	At        *web.Stamp
	Readable  bool
	Fault     string // why it cannot be read
	Stamps    []stampRow
	Steps     []stepRow
	Phases    []bar
	Expects   []jobs.Verdict
	Degrades  []jobs.Verdict
	Pictures  []file
	Film      []file
	Files     []file
	Headers   []pair
	Requests  []requestRow
	RequestsN int
	HAR       string
	Failed    bool
}

// Latency is the time that the attempt took.
func (a attempt) Latency() string { return web.Latency(a.Run.Latency) }

type pair struct{ Name, Value string }

// file is an artifact of a run.
type file struct {
	jobs.Artifact
	Href string // "" where it was not kept
	// Label says in words what it shows.
	Label string
}

// stampRow is one moment in the life of a job.
type stampRow struct {
	Name  string
	At    *web.Stamp
	Exact string
	Since string // after the one before
	Late  bool
}

// stepRow is a step as it is shown; what a flow did not reach has no result.
type stepRow struct {
	N       int
	Name    string
	Word    string // ok, failed, ...
	Code    string
	Took    string
	Bar     *bar
	Error   string
	Instead []string
	Element string
	Reached bool
}

// bar is a stretch of a waterfall, in thousandths of its whole.
type bar struct {
	Name  string
	X, W  int
	Class string
	Took  string
}

type requestRow struct {
	jobs.Request
	Bar    bar
	Path   string
	Failed bool
	Took   string
}

func (p *pages) run(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	one, ok, err := p.Records.Run(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !ok {
		return missing("There is no such run. Runs are kept for a while only; what was counted of them stays.")
	}
	all, err := p.Records.Attempts(ctx, one.CheckID, one.Slot, one.RunID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(a kept.Run) bool { return a.ID == one.ID }) {
		all = []kept.Run{one} // it was asked for by somebody
	}
	now := time.Now()
	v := runView{Check: one.CheckID, Name: one.CheckID, Mark: web.OutcomeMark(one.Outcome), Now: web.NewStamp(now, now)}
	ch, known := p.definitionAt(r, one.CheckID, one.Slot)
	if known {
		v.Name = ch.Name
	}
	if one.Location != check.HeartbeatLocation {
		v.Command = fmt.Sprintf("probefleet export -console %[2]s %[1]s > %[1]s.yaml && probefleet test -only %[1]s %[1]s.yaml", one.CheckID, p.address(r))
	}
	for _, a := range all {
		shown := newAttempt(a, ch, known, now)
		shown.Chosen = a.ID == one.ID
		if shown.Chosen {
			v.Reason = explain(shown.Result)
		}
		v.Attempts = append(v.Attempts, shown)
	}
	return runPage(w, r, p.Frame, web.Page{
		Title: v.Name + ": " + v.Mark.Word, Section: "checks", Body: v,
	})
}

// hostForm is that of hosts that may stand in a command.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// address is that of the console, as the reader has it.
func (p *pages) address(r *http.Request) string {
	switch {
	case p.URL != "" || !hostForm.MatchString(r.Host):
		return firstOf(p.URL, "URL")
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// definitionAt is the check as it was when a slot was due.
func (p *pages) definitionAt(r *http.Request, id string, slot time.Time) (check.Check, bool) {
	revisions, err := p.Records.Revisions(r.Context(), id)
	if err != nil {
		p.Logger.Error("reading the revisions of a check", "check", id, "err", err)
		return check.Check{}, false
	}
	for i, v := range revisions {
		if v.Since.After(slot) && i < len(revisions)-1 {
			continue
		}
		ch, err := codec.DecodeCheck(v.Version, v.Spec)
		return ch, err == nil
	}
	return check.Check{}, false
}

func newAttempt(k kept.Run, ch check.Check, known bool, now time.Time) attempt {
	a := attempt{Run: k, Mark: web.OutcomeMark(k.Outcome), At: web.NewStamp(k.Slot, now), Failed: k.Outcome == jobs.Failed}
	res, err := codec.DecodeResultData(k.DataVersion, k.Data)
	if err != nil {
		a.Fault = fmt.Sprintf("The details were written by another release (version %d) and cannot be shown by this one.", k.DataVersion)
		a.Result = jobs.Result{Outcome: k.Outcome, Fault: &jobs.Fault{Class: k.FaultClass, Message: k.FaultMessage}}
		return a
	}
	a.Result, a.Readable = res, true
	a.Stamps = stamps(k, res, now)
	a.Steps = steps(res, ch, known)
	a.Phases = phases(res.Timings)
	for _, v := range res.Verdicts {
		if v.Degraded {
			a.Degrades = append(a.Degrades, v)
		} else {
			a.Expects = append(a.Expects, v)
		}
	}
	a.files(k.ID, res.Evidence.Artifacts)
	if p := res.Evidence.Response; p != nil {
		for _, name := range sortedKeys(p.Headers) {
			a.Headers = append(a.Headers, pair{name, p.Headers[name]})
		}
	}
	a.requests(res)
	return a
}

// stamps are the moments of a job, each with what passed since the one before.
func stamps(k kept.Run, r jobs.Result, now time.Time) []stampRow {
	var rows []stampRow
	var before time.Time
	for _, m := range []struct {
		name string
		at   time.Time
		much time.Duration // more than this is late
	}{
		{"Due (slot)", r.Slot, 0}, {"Sent by the scheduler", r.SentAt, 5 * time.Second}, {"Received by the worker", r.ReceivedAt, 10 * time.Second},
		{"Started", r.StartedAt, 10 * time.Second}, {"Finished", r.FinishedAt, 0}, {"Stored by the recorder", k.StoredAt, 10 * time.Second},
	} {
		if m.at.IsZero() {
			continue
		}
		row := stampRow{Name: m.name, At: web.NewStamp(m.at, now), Exact: m.at.UTC().Format("15:04:05.000")}
		if !before.IsZero() {
			d := m.at.Sub(before)
			row.Since, row.Late = "+"+firstOf(web.Latency(d), "0 ms"), m.much > 0 && d > m.much
			if d < 0 {
				row.Since = "−" + web.Latency(-d) // clocks differ
			}
		}
		before = m.at
		rows = append(rows, row)
	}
	return rows
}

// steps are those of a result, and behind them those that it did not reach.
func steps(r jobs.Result, ch check.Check, known bool) []stepRow {
	var rows []stepRow
	var whole time.Duration
	for _, s := range r.Steps {
		whole = max(whole, s.At+s.Duration)
	}
	var at time.Duration
	for i, s := range r.Steps {
		row := stepRow{N: i + 1, Name: stepWords(s.Name), Word: "Done", Code: "o", Took: web.Latency(s.Duration), Error: s.Error, Instead: s.Instead, Element: s.Element, Reached: true}
		switch {
		case !s.OK && s.Optional:
			row.Word, row.Code = "Skipped", "n"
		case !s.OK:
			row.Word, row.Code = "Failed", "x"
		}
		begin := s.At
		if r.Kind != check.KindBrowser { // one after the other
			begin = at
		}
		at = begin + s.Duration
		row.Bar = newBar("", begin, s.Duration, max(whole, at), "w-"+row.Code)
		rows = append(rows, row)
	}
	if !known || len(rows) == 0 {
		return rows
	}
	for _, name := range stepNames(ch)[min(len(rows), len(stepNames(ch))):] {
		rows = append(rows, stepRow{N: len(rows) + 1, Name: stepWords(name), Word: "Not reached", Code: "n"})
	}
	return rows
}

func stepNames(ch check.Check) (names []string) {
	switch s := ch.Spec.(type) {
	case *check.Browser:
		for _, st := range s.Steps {
			names = append(names, st.String())
		}
	case *check.API:
		for _, st := range s.Steps {
			names = append(names, st.ID)
		}
	}
	return names
}

// newBar places a stretch within a whole.
func newBar(name string, at, took, whole time.Duration, class string) *bar {
	if whole <= 0 {
		return &bar{Name: name, W: 1, Class: class}
	}
	x := int(1000 * at / whole)
	w := int(1000 * took / whole)
	x = min(max(0, x), 996)
	return &bar{Name: name, X: x, W: min(max(4, w), 1000-x), Class: class, Took: web.Latency(took)}
}

// phases are the parts of a request, one after the other.
func phases(t jobs.Timings) []bar {
	var out []bar
	var at time.Duration
	sum := t.DNS + t.Connect + t.TLS + t.FirstByte + t.Download
	whole := max(sum, t.Total)
	if sum == 0 {
		return nil
	}
	for _, ph := range []struct {
		name string
		took time.Duration
	}{{"DNS", t.DNS}, {"Connect", t.Connect}, {"TLS", t.TLS}, {"First byte", t.FirstByte}, {"Download", t.Download}} {
		if ph.took > 0 {
			out = append(out, *newBar(ph.name, at, ph.took, whole, fmt.Sprintf("p-%d", len(out))))
		}
		at += ph.took
	}
	return append(out, *newBar("Total", 0, t.Total, whole, "p-t"))
}

func (a *attempt) requests(r jobs.Result) {
	v := r.Evidence.Visit
	if v == nil {
		return
	}
	a.RequestsN = v.Requests
	var whole time.Duration
	for _, q := range v.Log {
		whole = max(whole, q.Start+q.Duration)
	}
	for _, q := range v.Log {
		row := requestRow{Request: q, Path: path(q.URL), Took: web.Latency(q.Duration), Failed: q.Status >= http.StatusBadRequest || q.Status == 0 && q.Error != ""}
		class := "w-o"
		if row.Failed {
			class = "w-x"
		}
		row.Bar = *newBar("", q.Start, q.Duration, whole, class)
		a.Requests = append(a.Requests, row)
	}
}

// files sorts the artifacts into pictures, the film strip and the rest.
func (a *attempt) files(id string, all []jobs.Artifact) {
	for n, f := range all {
		one := file{Artifact: f, Label: f.Name}
		if f.Key != "" {
			one.Href = href("runs", id, "files", strconv.Itoa(n))
		}
		ms, isFilm := strings.CutPrefix(f.Name, "film-")
		switch {
		case !isPicture(f.ContentType):
			if strings.HasSuffix(f.Name, ".har") {
				a.HAR = one.Href
			}
			a.Files = append(a.Files, one)
		case isFilm:
			if n, err := strconv.Atoi(ms); err == nil {
				one.Label = firstOf(web.Latency(time.Duration(n)*time.Millisecond), "0 s")
			}
			a.Film = append(a.Film, one)
		default:
			switch f.Name {
			case "failure":
				one.Label = "When it failed"
			case "end":
				one.Label = "At the end"
			}
			a.Pictures = append(a.Pictures, one)
		}
	}
	slices.SortStableFunc(a.Pictures, func(x, y file) int { return rankPicture(x) - rankPicture(y) })
}

// rankPicture puts the picture of the failure first.
func rankPicture(f file) int {
	if f.Name == "failure" {
		return 0
	}
	return 1
}

func isPicture(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "image/jpeg" || kind == "image/png")
}

// file serves an artifact of a run: a picture to be shown, everything else to
// be kept. Nothing of it is ever run by a browser.
func (p *pages) file(w http.ResponseWriter, r *http.Request) error {
	one, ok, err := p.Records.Run(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	gone := missing("This file is not kept any more, or never was.")
	if !ok || p.Artifacts == nil {
		return gone
	}
	res, err := codec.DecodeResultData(one.DataVersion, one.Data)
	n, numErr := strconv.Atoi(r.PathValue("n"))
	if err != nil || numErr != nil || n < 0 || n >= len(res.Evidence.Artifacts) || res.Evidence.Artifacts[n].Key == "" {
		return gone
	}
	a := res.Evidence.Artifacts[n]
	data, _, err := p.Artifacts.Get(r.Context(), a.Key)
	if err != nil {
		p.Logger.Info("an artifact cannot be read", "key", a.Key, "err", err)
		return gone
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, max-age=86400, immutable")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	if isPicture(a.ContentType) {
		kind, _, _ := mime.ParseMediaType(a.ContentType)
		h.Set("Content-Type", kind)
	} else {
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": one.CheckID + "-" + a.Name}))
	}
	_, err = w.Write(data)
	if err != nil {
		p.Logger.Debug("reader left", "err", err)
	}
	return nil
}
