package store

import "github.com/probefleet/probefleet/internal/kept"

type (
	// Applied and all others are shared by those who keep and those who ask.
	// Applied says what an apply did.
	Applied = kept.Applied
	// ApplyOptions say for whom checks are applied.
	ApplyOptions = kept.ApplyOptions
	// OwnedError means that checks belong to others.
	OwnedError = kept.OwnedError
	// StoredCheck is a check as it is kept.
	StoredCheck = kept.Check
	// CheckFilter chooses checks.
	CheckFilter = kept.CheckFilter
	// StoredRun is a run as it is kept.
	StoredRun = kept.Run
	// RunFilter chooses runs.
	RunFilter = kept.RunFilter
	// IncidentFilter chooses incidents.
	IncidentFilter = kept.IncidentFilter
	// TriggerRequest is a wish to run checks now.
	TriggerRequest = kept.TriggerRequest
	// TriggeredRun is a run that was asked for.
	TriggeredRun = kept.TriggeredRun
)
