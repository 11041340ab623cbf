package kept

import (
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// Promise is how an objective of a check is kept at a time.
type Promise struct {
	CheckID, Name string
	At            time.Time
	status.Objective
	// Account is over the objective's window, as far as anything is known of it.
	Account status.Account
	Rules   []status.Burned
}
