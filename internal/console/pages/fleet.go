package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

var (
	fleetPage  = templateOf("fleet")
	letterPage = page("letter")
)

const (
	// activityWithin is the while whose runs the page of the fleet counts.
	activityWithin = 10 * time.Minute
	// activitySoon is how long the page waits for them: a large fleet's are
	// counted meanwhile, and shown by the next look.
	activitySoon = 100 * time.Millisecond
	lettersShown = 50
)

type fleetView struct {
	console.Health
	Places []fleetPlace
	// Uncounted stands for what was done lately where that is not known: "…"
	// while it is being counted, "?" where it cannot be read.
	Uncounted string
	Workers   []workerRow
	Recorders []recorderRow
	Queues    []Queue
	QueuesBad string
	Letters   []letterRow
	Depths    []console.DeadDepth
	DeadCount int
	More      bool
	Warnings  []string
	Events    []event
}

// fleetPlace is a location with who is there and what was done in the last ten
// minutes.
type fleetPlace struct {
	status.Location
	kept.Activity
	Mark        web.Mark
	Alive       int
	Busy, Slots int
	Runs        int
	Coverage    string // share of the runs that said something
	Late        bool
	Taken       bool // what comes in here is taken: nobody is sent out
}

type workerRow struct {
	console.Worker
	Seen  *web.Stamp
	Up    string
	Lanes string
}

type recorderRow struct {
	console.Recorder
	Seen *web.Stamp
}

type letterRow struct {
	console.Letter
	Sent *web.Stamp
}

type event struct {
	At       *web.Stamp
	when     time.Time
	Location string
	Text     string
	Mark     web.Mark
}

func (p *pages) fleet(ctx context.Context, _ url.Values) (web.Page, error) {
	now := time.Now()
	v := fleetView{Health: p.Console.Health(ctx)}
	activity, known, err := p.lately.soon(ctx, activitySoon)
	if !known {
		v.Uncounted = "…"
	}
	if err != nil {
		v.Uncounted = "?"

		p.Logger.Error("reading what was measured lately", "err", err)
		v.Warnings = append(v.Warnings, "What was measured in the last ten minutes cannot be read from the database.")
	}
	v.fill(activity, now)
	if p.Queues != nil {
		if v.Queues, err = p.Queues(ctx); err != nil {
			p.Logger.Warn("the queues cannot be asked", "err", err)
			v.QueuesBad = "The queues cannot be asked at the moment; the console's log says why."
		}
	}
	letters, err := p.Console.DeadLetters(ctx, lettersShown)
	if err != nil {
		v.Warnings = append(v.Warnings, "The dead letters cannot be read at the moment.")
	}
	v.More, v.Depths = letters.More, letters.Queues
	v.Warnings = append(v.Warnings, letters.Warnings...)
	for _, d := range letters.Queues {
		v.DeadCount += d.Messages + d.Hidden
	}
	for _, l := range letters.Letters {
		v.Letters = append(v.Letters, letterRow{l, web.NewStamp(l.SentAt, now)})
	}
	return web.Page{Title: "Fleet", Section: "fleet", Live: "fleet", Body: v}, nil
}

// fill puts together what is known of each location.
func (v *fleetView) fill(activity []kept.Activity, now time.Time) {
	at := map[string]int{}
	get := func(name string) *fleetPlace {
		i, ok := at[name]
		if !ok {
			i = len(v.Places)
			at[name] = i
			v.Places = append(v.Places, fleetPlace{Location: status.Location{Name: name, Healthy: true}})
		}
		return &v.Places[i]
	}
	for _, l := range v.Locations {
		get(l.Name).Location = l
		for _, e := range l.Events {
			mark := web.Mark{Code: "x", Word: "Unhealthy"}
			if e.Healthy {
				mark = web.Mark{Code: "o", Word: "Healthy"}
			}
			v.Events = append(v.Events, event{web.NewStamp(e.At, now), e.At, l.Name, e.Reason, mark})
		}
	}
	slices.SortFunc(v.Events, func(a, b event) int { return b.when.Compare(a.when) })
	v.Events = v.Events[:min(len(v.Events), 20)]
	if v.Registry != nil {
		for _, w := range v.Registry.Workers {
			row := workerRow{Worker: w, Seen: web.NewStamp(w.SeenAt, now), Up: web.Span(now.Sub(w.StartedAt))}
			pl := get(w.Location)
			for i, l := range w.Lanes {
				if i > 0 {
					row.Lanes += ", "
				}
				row.Lanes += fmt.Sprintf("%s %d of %d", l.Class, l.Busy, l.Slots)
				if w.Alive {
					pl.Busy += l.Busy
					pl.Slots += l.Slots
				}
			}
			if w.Alive {
				pl.Alive++
			}
			v.Workers = append(v.Workers, row)
		}
		for _, rec := range v.Registry.Recorders {
			v.Recorders = append(v.Recorders, recorderRow{rec, web.NewStamp(rec.SeenAt, now)})
		}
	}
	for _, a := range activity {
		get(a.Location).Activity = a
	}
	for i := range v.Places {
		v.Places[i].judge()
	}
	slices.SortStableFunc(v.Workers, func(a, b workerRow) int { return first(a.Alive, b.Alive) })
	slices.SortStableFunc(v.Recorders, func(a, b recorderRow) int { return first(a.Alive, b.Alive) })
}

// first puts those before others that are so.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// judge says how a location does.
func (p *fleetPlace) judge() {
	p.Runs = p.Passed + p.Degraded + p.Failed + p.Inconclusive + p.Expired
	if p.Runs > 0 {
		p.Coverage = web.Percent(float64(p.Conclusive()) / float64(p.Runs))
	}
	p.Late = p.Overdue > time.Minute
	p.Taken = p.Name == check.HeartbeatLocation
	switch {
	case !p.Healthy:
		p.Mark = web.Mark{Code: "x", Word: "Unhealthy"}
	case p.Alive == 0 && p.Checks > 0 && !p.Taken:
		p.Mark = web.Mark{Code: "x", Word: "No worker"}
	case p.Late:
		p.Mark = web.Mark{Code: "d", Word: "Behind"}
	case p.Alive == 0 && !p.Taken:
		p.Mark = web.Mark{Code: "n", Word: "No worker"}
	default:
		p.Mark = web.Mark{Code: "o", Word: "Healthy"}
	}
}

func (p *pages) letter(w http.ResponseWriter, r *http.Request) error {
	l, err := p.Console.DeadLetter(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	now := time.Now()
	type attribute struct{ Name, Value string }
	var attributes []attribute
	for _, n := range sortedKeys(l.Attributes) {
		attributes = append(attributes, attribute{n, l.Attributes[n]})
	}
	return letterPage(w, r, p.Frame, web.Page{Title: "Dead letter", Section: "fleet", Body: struct {
		*console.Letter
		Sent, GivenUp *web.Stamp
		List          []attribute
	}{l, web.NewStamp(l.SentAt, now), web.NewStamp(l.GivenUpAt, now), attributes}})
}

// changeLetters redrives or discards those that were chosen, or all.
func (p *pages) changeLetters(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	ch := console.Chosen{IDs: r.PostForm["id"], All: r.PostForm.Get("which") == "all"}
	if ch.All {
		ch.IDs = nil
		if r.PostForm.Get("sure") == "" {
			return web.Fault{Status: http.StatusUnprocessableEntity, Text: "Nothing was done: tick “yes, all of them” to redrive or discard every dead letter."}
		}
	} else if len(ch.IDs) == 0 {
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: "Nothing was done: choose some dead letters first."}
	}
	do, word := p.Console.Redrive, "redriven"
	switch r.PostForm.Get("do") {
	case "redrive":
	case "discard":
		if !web.ViewerOf(r.Context()).May(access.FleetAdmin) {
			return web.Fault{Status: http.StatusForbidden, Text: "Nothing was done: your role may redrive dead letters, not discard them."}
		}
		do, word = p.Console.Discard, "discarded"
	default:
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: "Nothing was done: use redrive or discard."}
	}
	done, err := do(r.Context(), ch)
	if err != nil {
		return err
	}
	say := web.Flash{Text: fmt.Sprintf("%s %s", web.Count(done.Messages+done.Rows, "dead letter"), word)}
	if n := len(done.Moves); n > 0 {
		say.Text += fmt.Sprintf("; %s being redriven", web.Count(n, "queue"))
	}
	if n := len(done.Missing); n > 0 {
		say.Text += fmt.Sprintf("; %d not there any more", n)
	}
	if n := len(done.Failed); n > 0 {
		say.Bad = true
		say.Text += fmt.Sprintf("; %d not done: %s", n, done.Failed[0])
	}
	say.Text += "."
	p.Frame.Redirect(w, r, "/fleet#dead", say)
	return nil
}
