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
	return list, nil
}

// Certificates are watched for a year before they end, and shown as something
// that is wrong from thirty days on.
func TestCertificatesAreShownThirtyDaysBefore(t *testing.T) {
	body := visit(&certified{now: time.Now()}, "GET", "/alerts", access.RunsRead).Body.String()
	open, _, _ := strings.Cut(body, "<h2>Channels</h2>")
	for name, want := range map[string]bool{"ends-in-31-days": false, "ends-in-29-days": true, "has-ended": true} {
		if strings.Contains(open, name) != want {
			t.Errorf("%s is shown: %t, want %t", name, !want, want)
		}
	}
}
