package console

import "github.com/probefleet/probefleet/internal/kept"

// The shapes of what the database keeps are those that it is kept in.
type (
	ApplyOptions   = kept.ApplyOptions
	OwnedError     = kept.OwnedError
	StoredCheck    = kept.Check
	CheckFilter    = kept.CheckFilter
	StoredRun      = kept.Run
	RunFilter      = kept.RunFilter
	TriggerRequest = kept.TriggerRequest
	TriggeredRun   = kept.TriggeredRun
)
