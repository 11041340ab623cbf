package kept

import (
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// Meter is what was counted of a check at a location over a while.
type Meter struct {
	CheckID, Location string
	// Tally has no latencies.
	Tally status.Tally
	// CertificateEnds is the end of the certificate that was seen last; the zero
	// time where none was.
	CertificateEnds time.Time
}
