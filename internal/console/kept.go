package console

import "github.com/probefleet/probefleet/internal/kept"

type (
	// ApplyOptions and all others are shared by those who keep and those who ask.
	ApplyOptions   = kept.ApplyOptions
	OwnedError     = kept.OwnedError
	StoredCheck    = kept.Check
	CheckFilter    = kept.CheckFilter
	StoredRun      = kept.Run
	RunFilter      = kept.RunFilter
	TriggerRequest = kept.TriggerRequest
	TriggeredRun   = kept.TriggeredRun
)
