package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// Console asks the fleet's console. Its token needs checks:read and runs:read,
// nothing more.
type Console struct{ Source Source }

// maxPages bounds how far a list is read: 50,000 runs of a check.
const maxPages = 50

// watcher is an active check of the fleet.
type watcher struct {
	ID        string   `json:"id"`
	Tags      []string `json:"tags"`
	Locations []string `json:"locations"`
}

// watchers are the active checks that have all of the tags; none is an error.
func (c Console) watchers(ctx context.Context, tags []string) ([]watcher, error) {
	var found []watcher
	q := url.Values{"tag": {tags[0]}, "active": {"true"}, "limit": {"1000"}}
	for range maxPages {
		var page struct {
			Checks []struct {
				Check json.RawMessage `json:"check"`
			} `json:"checks"`
			Next string `json:"next"`
		}
		if err := c.Source.get(ctx, "/api/v1/checks", q, &page); err != nil {
			return nil, err
		}
		for _, entry := range page.Checks {
			var w watcher
			if err := json.Unmarshal(entry.Check, &w); err != nil || w.ID == "" {
				return nil, errors.New("the console lists a check that is not understood")
			}
			if !slices.ContainsFunc(tags, func(t string) bool { return !slices.Contains(w.Tags, t) }) {
				found = append(found, w)
			}
		}
		if page.Next == "" {
			if len(found) == 0 {
				return nil, fmt.Errorf("no active check has the tags %s", strings.Join(tags, ", "))
			}
			return found, nil
		}
		q.Set("after", page.Next)
	}
	return nil, errors.New("the console lists more checks than are looked at")
}

// run is an attempt.
type run struct {
	RunID    string    `json:"run_id"`
	Location string    `json:"location"`
	Slot     time.Time `json:"slot"`
	Attempt  int       `json:"attempt"`
	Outcome  string    `json:"outcome"`
}

// Checks says what the active checks with all of the tags found, in the slots
// from a time up to now.
func (c Console) Checks(ctx context.Context, tags []string, from, now time.Time) ([]promotion.CheckRuns, error) {
	watchers, err := c.watchers(ctx, tags)
	if err != nil {
		return nil, err
	}
	var list []promotion.CheckRuns
	for _, w := range watchers {
		runs, err := c.runs(ctx, w.ID, from, now)
		if err != nil {
			return nil, fmt.Errorf("the runs of %s: %w", w.ID, err)
		}
		list = append(list, promotion.CheckRuns{From: from, Check: w.ID, Locations: count(w.Locations, runs)})
	}
	return list, nil
}

func (c Console) runs(ctx context.Context, check string, from, now time.Time) ([]run, error) {
	var list []run
	q := url.Values{"check": {check}, "since": {from.UTC().Format(time.RFC3339Nano)}, "until": {now.UTC().Format(time.RFC3339Nano)}, "limit": {"1000"}}
	for range maxPages {
		var page struct {
			Runs []run  `json:"runs"`
			Next string `json:"next"`
		}
		if err := c.Source.get(ctx, "/api/v1/runs", q, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Runs {
			if !r.Slot.Before(from) {
				list = append(list, r)
			}
		}
		if page.Next == "" {
			return list, nil
		}
		q.Set("after", page.Next)
	}
	return nil, fmt.Errorf("there are more than %d", maxPages*1000)
}

// count counts slots by location. A slot counts once, by its newest conclusive
// attempt; where it has none it is inconclusive.
func count(locations []string, runs []run) []promotion.LocationRuns {
	slots := map[string]run{}
	for _, r := range runs {
		if was, ok := slots[r.RunID]; !ok || conclusive(r) && (!conclusive(was) || r.Attempt > was.Attempt) {
			slots[r.RunID] = r
		}
	}
	places := map[string]*promotion.LocationRuns{}
	newest := map[string]time.Time{}
	for _, l := range locations {
		places[l] = &promotion.LocationRuns{Location: l}
	}
	for _, r := range slots {
		p, ok := places[r.Location]
		if !ok { // a retry elsewhere, or a location that it has no more
			p = &promotion.LocationRuns{Location: r.Location}
			places[r.Location] = p
		}
		switch {
		case !conclusive(r):
			p.Inconclusive++
			continue
		case r.Outcome == "failed":
			p.Failed++
		default:
			p.Passed++
		}
		if at, ok := newest[r.Location]; !ok || r.Slot.After(at) {
			newest[r.Location], p.NewestFailed = r.Slot, r.Outcome == "failed"
		}
	}
	var list []promotion.LocationRuns
	for _, p := range places {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b promotion.LocationRuns) int { return strings.Compare(a.Location, b.Location) })
	return list
}

func conclusive(r run) bool {
	return r.Outcome == "passed" || r.Outcome == "degraded" || r.Outcome == "failed"
}

// Incidents are those that are open, of whatever impact.
func (c Console) Incidents(ctx context.Context) (promotion.OpenIncidents, error) {
	var answer struct {
		Incidents *[]struct {
			ID     string     `json:"id"`
			Title  string     `json:"title"`
			Check  string     `json:"check"`
			Impact string     `json:"impact"`
			Opened time.Time  `json:"opened"`
			Closed *time.Time `json:"closed"`
		} `json:"incidents"`
	}
	if err := c.Source.get(ctx, "/api/v1/incidents", url.Values{"open": {"true"}, "limit": {"1000"}}, &answer); err != nil {
		return promotion.OpenIncidents{}, err
	}
	if answer.Incidents == nil {
		return promotion.OpenIncidents{}, errors.New("the console's answer has no list of incidents")
	}
	list := promotion.OpenIncidents{Open: []promotion.Incident{}}
	for _, i := range *answer.Incidents {
		if i.Closed != nil {
			continue
		}
		title := i.Title
		if title == "" {
			title = i.Check
		}
		list.Open = append(list.Open, promotion.Incident{ID: i.ID, Title: title, Impact: i.Impact, Opened: i.Opened})
	}
	return list, nil
}

// FleetAlarm is quiet while no active check with all of the tags is in one of
// the states.
type FleetAlarm struct {
	Console Console
	Tags    []string
	States  []string
}

// Read asks for the states. A check that is not measured, or of which the
// console says nothing, is an error unless another one fires.
func (a FleetAlarm) Read(ctx context.Context) (promotion.Alarm, error) {
	watchers, err := a.Console.watchers(ctx, a.Tags)
	if err != nil {
		return promotion.Alarm{}, err
	}
	var answer struct {
		Checks []struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"checks"`
	}
	if err := a.Console.Source.get(ctx, "/api/v1/status", nil, &answer); err != nil {
		return promotion.Alarm{}, err
	}
	states := map[string]string{}
	for _, c := range answer.Checks {
		states[c.ID] = c.State
	}
	var firing, silent []string
	for _, w := range watchers {
		switch state := states[w.ID]; {
		case slices.Contains(a.States, state):
			firing = append(firing, w.ID+": "+state)
		case state != "operational" && state != "degraded" && state != "outage":
			silent = append(silent, w.ID)
		}
	}
	if len(firing) > 0 {
		return promotion.Alarm{State: promotion.Firing, Detail: strings.Join(firing, ", ")}, nil
	}
	if len(silent) > 0 {
		return promotion.Alarm{}, fmt.Errorf("not measured: %s", strings.Join(silent, ", "))
	}
	return promotion.Alarm{State: promotion.Quiet}, nil
}
