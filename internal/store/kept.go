package store

import "github.com/probefleet/probefleet/internal/kept"

// The shapes of checks and runs are shared with those who ask for them.
type (
	Applied        = kept.Applied
	ApplyOptions   = kept.ApplyOptions
	OwnedError     = kept.OwnedError
	StoredCheck    = kept.Check
	CheckFilter    = kept.CheckFilter
	StoredRun      = kept.Run
	RunFilter      = kept.RunFilter
	IncidentFilter = kept.IncidentFilter
	TriggerRequest = kept.TriggerRequest
	TriggeredRun   = kept.TriggeredRun
)
