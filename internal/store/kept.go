package store

import "github.com/probefleet/probefleet/internal/kept"

type (
	// Applied and all others are shared by those who keep and those who ask.
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
