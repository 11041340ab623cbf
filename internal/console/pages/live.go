package pages

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/kept"
)

const (
	// pulseEvery is the time between two looks for a change, for each reader.
	pulseEvery = 2 * time.Second
	// beatEvery keeps streams open through proxies.
	beatEvery = 15 * time.Second
	// writeBudget bounds the writing of one event.
	writeBudget = 10 * time.Second
	// maxStreams bounds the readers that are told of changes; others load the
	// page again by hand.
	maxStreams = 200
)

// streams counts the open event streams.
type streams struct{ open atomic.Int64 }

// events tells a page when what it is about has changed: it then fetches itself
// again. Each event holds nothing but a version.
func (p *pages) events(w http.ResponseWriter, r *http.Request) error {
	about := r.URL.Query().Get("about")
	if _, err := p.version(r.Context(), about); err != nil {
		return err
	}
	if p.live.open.Add(1) > maxStreams {
		p.live.open.Add(-1)
		w.Header().Set("Retry-After", "60")
		return web.Fault{Status: http.StatusServiceUnavailable, Text: "Too many pages are open to be told of changes. Load the page again by hand."}
	}
	defer p.live.open.Add(-1)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
	c := http.NewResponseController(w)
	said, last := "", time.Time{}
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		version, err := p.version(r.Context(), about)
		event := ""
		switch {
		case r.Context().Err() != nil:
			return nil
		case err != nil: // the database is away: the page stays as it is
			event = "event: away\ndata: away\n\n"
		case version != said:
			said, event = version, "event: version\ndata: "+version+"\n\n"
		case now.Sub(last) >= beatEvery:
			event = "event: beat\ndata: " + version + "\n\n"
		}
		if event != "" && (err == nil || now.Sub(last) >= beatEvery) {
			last = now
			for _, err := range []error{c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(now.Add(writeBudget))} {
				if err != nil && !errors.Is(err, http.ErrNotSupported) {
					return nil
				}
			}
			if _, err := w.Write([]byte(event)); err != nil || c.Flush() != nil { //nolint:gosec // G705: a number, in a stream that is no page
				return nil
			}
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

// version changes when what a page is about does.
func (p *pages) version(ctx context.Context, about string) (string, error) {
	kind, id, _ := strings.Cut(about, ":")
	h := fnv.New64a()
	switch kind {
	case "checks":
		all, err := p.all.get(ctx)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, all.digest)
		// Latencies and sparklines change all the time: they are looked at once
		// in a while.
		fmt.Fprintln(h, time.Now().Unix()/10)
	case "check":
		all, err := p.all.get(ctx)
		if err != nil {
			return "", err
		}
		i, ok := all.byID[id]
		if !ok {
			return "gone", nil
		}
		w := all.list[i]
		fmt.Fprintln(h, stateOf(w, time.Now()), w.Muted, w.Active, w.Name, w.Description, w.Group, w.Tags, w.Every, w.Locations)
		for _, run := range w.Last {
			fmt.Fprintln(h, run.RunID, run.Attempt, run.Outcome)
		}
	case "incidents":
		return p.incidentsAre.get(ctx)
	case "incident":
		if !idForm.MatchString(id) {
			return "", missing("There is no such incident.")
		}
		i, _, err := p.Records.Incident(ctx, id)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, i.Closed, i.Last, i.Failed, i.Title, i.Impact, i.Public, i.Checks, i.Locations, i.Postmortem)
		for _, u := range i.Updates {
			fmt.Fprintln(h, u.Phase, u.At, u.Public, u.Body)
		}
	case "alerts", "delivery":
		return p.toldVersion(ctx, kind, id)
	case "trigger":
		t, err := p.Console.Triggered(ctx, id)
		if err != nil {
			return "", err
		}
		for _, run := range t.Runs {
			fmt.Fprintln(h, run.Location, run.State)
		}
	case "fleet":
		fmt.Fprintln(h, time.Now().Unix()/5) // something always moves there
	default:
		return "", missing("There is nothing to follow of that name.")
	}
	return fmt.Sprintf("%x", h.Sum64()), nil
}

// toldVersion changes when what is told of does, or what became of it.
func (p *pages) toldVersion(ctx context.Context, kind, id string) (string, error) {
	if !p.Console.HasAlerts() {
		return "", missing("There is nothing to follow of that name.")
	}
	h := fnv.New64a()
	if kind == "delivery" {
		d, err := p.Console.DeliveryShown(ctx, id)
		fmt.Fprintln(h, d.State, d.Tries, d.Error)
		return fmt.Sprintf("%x", h.Sum64()), err
	}
	found, err := p.Console.AlertsOverview(ctx)
	for _, a := range found.Alerts {
		fmt.Fprintln(h, a.ID, a.Closed != nil, a.Hushed, a.Facts.Message)
	}
	for _, d := range found.Deliveries {
		fmt.Fprintln(h, d.ID, d.State, d.Tries)
	}
	return fmt.Sprintf("%x", h.Sum64()), err
}

// incidentsVersion changes when the list of incidents does.
func (p *pages) incidentsVersion(ctx context.Context) (string, error) {
	found, err := p.Records.Incidents(ctx, kept.IncidentFilter{Limit: incidentsPerPage})
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	for _, i := range found {
		fmt.Fprintln(h, i.ID, i.Closed, i.Last, i.Failed, i.Title, i.Impact, len(i.Postmortem))
	}
	return fmt.Sprintf("%x", h.Sum64()), nil
}
