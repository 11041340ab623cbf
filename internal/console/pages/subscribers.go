package pages

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

// addSubscribers adds the pages of those who are told of status pages, where the
// console knows of them.
func (p *pages) addSubscribers() {
	if !p.Console.HasSubscribers() {
		return
	}
	p.Frame.Page("GET /subscribers", access.SubscribersRead, p.subscribed)
	p.Frame.Page("GET /subscribers/{slug}", access.SubscribersRead, p.subscribers)
	p.Frame.Page("POST /subscribers/{slug}/remove", access.SubscribersAdmin, p.removeSubscriber)
	p.Frame.Page("POST /subscribers/{slug}/export", access.SubscribersAdmin, p.exportSubscribers)
}

var (
	subscribedPage  = page("subscribed")
	subscribersPage = page("subscribers")
)

// subscribersShown is the number of subscribers, and of messages, on a page.
const subscribersShown = 200

func (p *pages) subscribed(w http.ResponseWriter, r *http.Request) error {
	list, err := p.Console.CountedPages(r.Context())
	if err != nil {
		return err
	}
	return subscribedPage(w, r, p.Frame, web.Page{Title: "Subscribers", Section: "subscribers", Body: list})
}

type subscriberRow struct {
	console.Subscriber
	Mark          web.Mark
	Of            string
	Since, Failed *web.Stamp
}

type sentRow struct {
	console.SubscriptionDelivery
	Mark  web.Mark
	Title string
	At    *web.Stamp
}

func (p *pages) subscribers(w http.ResponseWriter, r *http.Request) error {
	slug, state := r.PathValue("slug"), r.URL.Query().Get("state")
	switch state {
	case "", "pending", "confirmed", "failing", "dropped":
	default:
		return web.Fault{Status: http.StatusBadRequest, Text: "There is no such state; choose one of those on the page."}
	}
	found, err := p.Console.PageSubscribers(r.Context(), slug, state, subscribersShown)
	if err != nil {
		return err
	}
	sent, err := p.Console.PageDeliveries(r.Context(), slug, subscribersShown)
	if err != nil {
		return err
	}
	now := time.Now()
	body := struct {
		Slug, State string
		Counts      console.SubscriberCounts
		Rows        []subscriberRow
		Sent        []sentRow
		Most        int
	}{Slug: slug, State: state, Counts: found.Counts, Most: subscribersShown}
	for _, s := range found.Subscribers {
		row := subscriberRow{Subscriber: s, Since: web.NewStamp(s.CreatedAt, now), Failed: stampOf(s.FailingSince, now), Of: "everything"}
		if !s.Whole {
			row.Of = strings.Join(append(append([]string{}, s.Groups...), s.Checks...), ", ")
		}
		switch {
		case s.State == "pending":
			row.Mark = web.Mark{Code: "n", Word: "pending"}
		case s.State == "dropped":
			row.Mark = web.Mark{Code: "x", Word: "dropped"}
		case s.FailingSince != nil:
			row.Mark = web.Mark{Code: "d", Word: "failing"}
		default:
			row.Mark = web.Mark{Code: "o", Word: "confirmed"}
		}
		body.Rows = append(body.Rows, row)
	}
	for _, d := range sent {
		row := sentRow{SubscriptionDelivery: d, At: web.NewStamp(d.CreatedAt, now), Title: d.About}
		switch d.Job {
		case "confirm":
			row.Title = "Asked for confirmation"
		case "known":
			row.Title = "Is subscribed already"
		}
		row.Mark = map[string]web.Mark{
			"sent": {Code: "o", Word: "sent"}, "given_up": {Code: "x", Word: "given up"}, "void": {Code: "n", Word: "not needed any more"},
		}[d.State]
		if row.Mark.Word == "" {
			row.Mark = web.Mark{Code: "d", Word: "waiting"}
		}
		body.Sent = append(body.Sent, row)
	}
	return subscribersPage(w, r, p.Frame, web.Page{Title: "Subscribers of " + slug, Section: "subscribers", Body: body})
}

func (p *pages) removeSubscriber(w http.ResponseWriter, r *http.Request) error {
	if err := p.Console.RemoveSubscriber(r.Context(), r.PostFormValue("id")); err != nil {
		return err
	}
	p.Frame.Redirect(w, r, href("subscribers", r.PathValue("slug")), web.Flash{Text: "The subscriber is removed, and the address forgotten."})
	return nil
}

func (p *pages) exportSubscribers(w http.ResponseWriter, r *http.Request) error {
	slug := r.PathValue("slug")
	list, err := p.Console.ExportSubscribers(r.Context(), slug)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="subscribers.csv"`)
	w.Header().Set("Cache-Control", "no-store")
	return WriteSubscribers(csv.NewWriter(w), list)
}

// WriteSubscribers writes subscribers as CSV. What a spreadsheet would take for
// a formula is written so that it does not.
func WriteSubscribers(w *csv.Writer, list []console.Subscriber) error {
	if err := w.Write([]string{"id", "kind", "address", "state", "whole", "checks", "groups", "created_at", "confirmed_at", "reason"}); err != nil {
		return err
	}
	for _, s := range list {
		whole, confirmed := "no", ""
		if s.Whole {
			whole = "yes"
		}
		if s.ConfirmedAt != nil {
			confirmed = s.ConfirmedAt.UTC().Format(time.RFC3339)
		}
		row := []string{s.ID, s.Kind, s.Address, s.State, whole, strings.Join(s.Checks, " "), strings.Join(s.Groups, "; "), s.CreatedAt.UTC().Format(time.RFC3339), confirmed, s.Reason}
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				row[i] = "'" + cell
			}
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
