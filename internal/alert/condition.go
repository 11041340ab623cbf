package alert

import (
	"fmt"
	"time"

	"github.com/probefleet/probefleet/internal/numeral"
)

// Condition is something that is wrong now, apart from what the slots of a check
// tell.
type Condition struct {
	// Subject is what it is about; of a kind there is one condition for each.
	Subject string
	CheckID string
	Name    string
	Since   time.Time
	Facts   Facts
}

// ID names the alert of a condition.
func (c Condition) ID(k Kind) string {
	return fmt.Sprintf("%s/%s/%d", k, c.Subject, c.Since.Unix())
}

// Measured is when a check was measured last.
type Measured struct {
	CheckID, Name string
	Newest        time.Time // conclusive slot, or the check's last change where that is later
	Fresh         time.Duration
	SaidNothing   int // attempts since then that said nothing
}

// Uncovered are the checks that are not measured any more at now.
func Uncovered(now time.Time, checks []Measured) []Condition {
	var found []Condition
	for _, m := range checks {
		if now.Sub(m.Newest) <= m.Fresh {
			continue
		}
		message := "nothing was recorded since: is a worker of its locations running?"
		if m.SaidNothing > 0 {
			message = numeral.Of(m.SaidNothing, "attempt") + " since then said nothing about the target"
		}
		found = append(found, Condition{Subject: m.CheckID, CheckID: m.CheckID, Name: m.Name, Since: m.Newest, Facts: Facts{Message: message}})
	}
	return found
}

// CertificateSoon is how long before its end a certificate is watched: channels
// say when they are told.
const CertificateSoon = 366 * 24 * time.Hour

// Dead are the queues with dead letters, given how many are in each and since
// when we know.
func Dead(now time.Time, depths map[string]int, known map[string]time.Time) []Condition {
	var found []Condition
	for queue, n := range depths {
		if n == 0 {
			continue
		}
		since, ok := known[queue]
		if !ok {
			since = now
		}
		found = append(found, Condition{Subject: queue, Name: queue, Since: since, Facts: Facts{
			Failed: n, Message: numeral.Of(n, "message") + "; `probefleet dlq list` says why",
		}})
	}
	return found
}
