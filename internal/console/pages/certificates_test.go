package pages

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/console"
)

// certified has certificates that end at various times.
type certified struct {
	hostileBoard
	now time.Time
}

func (c *certified) AlertList(context.Context, console.AlertFilter) (list []alert.Alert, err error) {
	for name, left := range map[string]time.Duration{"ends-in-31-days": 31 * 24 * time.Hour, "ends-in-29-days": 29 * 24 * time.Hour, "has-ended": -time.Hour} {
		list = append(list, alert.Alert{ID: name, Kind: alert.Certificate, CheckID: name, Name: name, Opened: c.now.Add(-time.Hour), Facts: alert.Facts{Message: "CN=shop", Ends: c.now.Add(left)}})
	}
	closed := c.now.Add(-time.Hour)
	for name, left := range map[string]time.Duration{"renewed-80-days-before": 80 * 24 * time.Hour, "renewed-10-days-before": 10 * 24 * time.Hour} {
		list = append(list, alert.Alert{ID: name, Kind: alert.Certificate, CheckID: name, Name: name, Opened: closed.Add(-200 * 24 * time.Hour), Closed: closed, Facts: alert.Facts{Ends: closed.Add(left)}})
	}
	return list, nil
}

// Certificates are watched for a year before they end, and shown as something
// that is wrong from thirty days on.
func TestCertificatesAreShownThirtyDaysBefore(t *testing.T) {
	now := time.Now()
	body := visit(&certified{now: now}, "GET", "/alerts", access.RunsRead).Body.String()
	open, rest, _ := strings.Cut(body, "<h2>Channels</h2>")
	_, past, _ := strings.Cut(rest, "<h2>Over</h2>")
	if strings.Contains(past, "renewed-80-days-before") {
		t.Error("a certificate that was renewed long before its end is told as a wrong that is over")
	}
	if from := now.Add(-time.Hour - 20*24*time.Hour).UTC().Format("2006-01-02T15:04:05Z"); !strings.Contains(past, "renewed-10-days-before") || !strings.Contains(past, from) {
		t.Errorf("one that was renewed ten days before its end is not told from %s on:\n%s", from, past)
	}
	for name, want := range map[string]bool{"ends-in-31-days": false, "ends-in-29-days": true, "has-ended": true} {
		if strings.Contains(open, name) != want {
			t.Errorf("%s is shown: %t, want %t", name, !want, want)
		}
	}
}
