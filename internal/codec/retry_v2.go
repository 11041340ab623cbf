package codec

import "github.com/probefleet/probefleet/internal/check"

// retryV2 is when a slot is tried again. Version 1 has no room for it; jobs do
// without, as workers have no use for it.
type retryV2 struct {
	Strategy    check.RetryStrategy `json:"strategy"`
	Base        micros              `json:"base_us,omitempty"`
	Max         int                 `json:"max,omitempty"`
	MaxDuration micros              `json:"max_duration_us,omitempty"`
	Cap         micros              `json:"cap_us,omitempty"`
	Jitter      int                 `json:"jitter_percent,omitempty"`
	Elsewhere   bool                `json:"elsewhere,omitempty"`
	OnlyNetwork bool                `json:"only_network,omitempty"`
}

func newRetryV2(r check.Retry) *retryV2 {
	if r == (check.Retry{}) {
		return nil
	}
	return &retryV2{r.Strategy, microsOf(r.Base), r.Max, microsOf(r.MaxDuration), microsOf(r.Cap), r.Jitter, r.Elsewhere, r.OnlyNetwork}
}

func (w *retryV2) retry() check.Retry {
	if w == nil {
		return check.Retry{}
	}
	return check.Retry{
		Strategy: w.Strategy, Base: w.Base.duration(), Max: w.Max, MaxDuration: w.MaxDuration.duration(),
		Cap: w.Cap.duration(), Jitter: w.Jitter, Elsewhere: w.Elsewhere, OnlyNetwork: w.OnlyNetwork,
	}
}
