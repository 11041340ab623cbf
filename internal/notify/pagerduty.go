package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/probefleet/probefleet/internal/alert"
)

const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// pagerDuty sends events of Events API v2: a trigger while something of the
// thread is open, which PagerDuty takes for the same incident by its key, and a
// resolve when nothing is. What is over before it was told is triggered and
// resolved.
func (s *sending) pagerDuty(ctx context.Context, c alert.PagerDuty) error {
	begins := false
	for _, it := range s.m.Items {
		begins = begins || it.What == alert.TellOpened
	}
	url := c.URL
	if url == "" {
		url = pagerDutyURL
	}
	var actions []string
	if begins || s.m.Open > 0 {
		actions = append(actions, "trigger")
	}
	if s.m.Open == 0 && !s.m.Test || len(actions) == 0 {
		actions = append(actions, "resolve")
	}
	if s.m.Test {
		actions = []string{"trigger", "resolve"}
	}
	for _, action := range actions {
		body, err := json.Marshal(s.event(c, action))
		if err != nil {
			return fmt.Errorf("writing the event: %w", err)
		}
		if _, err := s.post(ctx, http.MethodPost, url, "application/json", body, nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *sending) event(c alert.PagerDuty, action string) object {
	e := object{
		"routing_key": s.fill(c.Key), "event_action": action, "dedup_key": cut("probefleet/"+s.m.Thread, 255),
		"client": "probefleet",
	}
	if s.o.ConsoleURL != "" {
		e["client_url"] = s.o.ConsoleURL
	}
	first := s.m.Items[0]
	var links []object
	for _, it := range s.m.Items {
		if it.URL != "" && len(links) < listed {
			links = append(links, object{"href": it.URL, "text": oneLine(it.Name, 100)})
		}
	}
	if links != nil {
		e["links"] = links
	}
	p := object{
		"summary": oneLine(s.m.Title, 1000), "source": oneLine(first.Name, 200), "severity": severity(c, s.m),
		"timestamp": first.Opened.UTC().Format("2006-01-02T15:04:05.000Z"), "class": string(first.Kind),
		"custom_details": object{"message": cut(plain(s.m), 20_000), "open": s.m.Open},
	}
	if first.CheckID != "" {
		p["component"] = first.CheckID
	}
	if first.Group != "" {
		p["group"] = oneLine(first.Group, 200)
	}
	e["payload"] = p
	return e
}

// severity is the worst of the items.
func severity(c alert.PagerDuty, m alert.Message) string {
	if m.Low || m.Test {
		return "info"
	}
	worst := "warning"
	for _, it := range m.Items {
		switch {
		case it.Kind == alert.Outage && c.Severity != "":
			return c.Severity
		case it.Kind == alert.Outage:
			return "critical"
		case it.Kind == alert.Location || it.Kind == alert.Coverage:
			worst = "error"
		}
	}
	return worst
}
