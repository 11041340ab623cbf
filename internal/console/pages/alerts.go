package pages

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

// addAlerts adds the pages of alerts, where the console knows of them.
func (p *pages) addAlerts() {
	if !p.Console.HasAlerts() {
		return
	}
	p.Frame.Page("GET /alerts", access.RunsRead, p.list(alertsPage, moving, p.alerts))
	p.Frame.Page("GET /alerts/deliveries/{id}", access.RunsRead, p.delivery)
	p.Frame.Page("POST /alerts/channels/{name}/test", access.ChannelsAdmin, p.changing(p.testChannel))
}

var (
	alertsPage   = web.Template(templateFiles, "templates/alerts.html")
	deliveryPage = web.Template(templateFiles, "templates/delivery.html")
)

// shownBefore is how long before its end a certificate is shown to end soon: the
// earliest of the days at which channels are told by default.
const shownBefore = 30 * 24 * time.Hour

// alertRow is an alert as the page shows it.
type alertRow struct {
	console.Alert
	OpenedAt, ClosedAt *web.Stamp
}

// exactTime is how a reason says a time.
var exactTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// Unheard is why nobody is told, with times as the page says them, "" where
// somebody is.
func (a alertRow) Unheard() string {
	return exactTime.ReplaceAllStringFunc(a.Hushed, func(text string) string {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return text
		}
		return t.UTC().Format("2 Jan 15:04:05")
	})
}

// deliveryRow is a message as the page shows it.
type deliveryRow struct {
	console.Delivery
	At   *web.Stamp
	Mark web.Mark
}

func rowOf(d console.Delivery, now time.Time) deliveryRow {
	row := deliveryRow{Delivery: d, At: web.NewStamp(d.Created, now)}
	switch alert.Fate(d.State) {
	case alert.Done:
		row.Mark = web.Mark{Code: "o", Word: "sent"}
	case alert.GivenUp:
		row.Mark = web.Mark{Code: "x", Word: "given up"}
	case alert.Withheld:
		row.Mark = web.Mark{Code: "n", Word: "withheld"}
	default:
		row.Mark = web.Mark{Code: "d", Word: "waiting"}
	}
	return row
}

func (p *pages) alerts(ctx context.Context, _ url.Values) (web.Page, error) {
	found, err := p.Console.AlertsOverview(ctx)
	if err != nil {
		return web.Page{}, err
	}
	now := time.Now()
	body := struct {
		Open, Past []alertRow
		Deliveries []deliveryRow
		Channels   []console.StoredChannel
		Lost       int
	}{Channels: found.Channels}
	for _, a := range found.Alerts {
		from, until := a.Opened, now
		if a.Closed != nil {
			until = *a.Closed
		}
		if soon := a.Facts.Ends.Add(-shownBefore); a.Kind == alert.Certificate && soon.After(from) {
			from = soon
		}
		if from.After(until) {
			continue // nothing was wrong yet: it is watched, so that channels are told as early as they want
		}
		row := alertRow{Alert: a, OpenedAt: web.NewStamp(from, now)}
		if a.Closed == nil {
			body.Open = append(body.Open, row)
			continue
		}
		row.ClosedAt = web.NewStamp(*a.Closed, now)
		body.Past = append(body.Past, row)
	}
	for _, d := range found.Deliveries {
		row := rowOf(d, now)
		if d.State == string(alert.GivenUp) && !d.Test {
			body.Lost++
		}
		body.Deliveries = append(body.Deliveries, row)
	}
	return web.Page{Title: "Alerts", Section: "alerts", Live: "alerts", Body: body}, nil
}

func (p *pages) delivery(w http.ResponseWriter, r *http.Request) error {
	d, err := p.Console.DeliveryShown(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	live := ""
	if d.State == "waiting" {
		live = "delivery:" + d.ID
	}
	return p.Frame.Show(w, r, deliveryPage, web.Page{Title: d.Title, Section: "alerts", Live: live, Body: rowOf(d, time.Now())})
}

func (p *pages) testChannel(w http.ResponseWriter, r *http.Request) error {
	id, err := p.Console.SendTest(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	p.Frame.Redirect(w, r, "/alerts/deliveries/"+id, web.Flash{Text: "A test message is on its way."})
	return nil
}
