package codec

import "github.com/probefleet/probefleet/internal/check"

// objectiveV2 is what a check of version 2 promises.
type objectiveV2 struct {
	Target int    `json:"target_ppm"`
	Window micros `json:"window_us"`
	Policy string `json:"policy"`
}

func newObjectiveV2(o check.Objective) *objectiveV2 {
	if o.IsZero() {
		return nil
	}
	return &objectiveV2{Target: o.Target, Window: microsOf(o.Window), Policy: o.Policy}
}

func (w *objectiveV2) objective() check.Objective {
	if w == nil {
		return check.Objective{}
	}
	return check.Objective{Target: w.Target, Window: w.Window.duration(), Policy: w.Policy}
}
