package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// meter is one reading of what checks measured, as Prometheus collects it.
type meter struct {
	now       time.Time
	checks    []status.Check
	locations []string // none: all
	meters    []kept.Meter
	promises  []kept.Promise
	leftOut   int
}

func checkMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("probefleet_check"+name, help, labels, nil)
}

// The metrics of checks, all of them gauges.
var (
	checksInState = checkMetric("s", "Active checks among those that were asked for, by state.", "state")
	checksLeftOut = checkMetric("s_left_out", "Checks that were asked for and are not shown because there are more than -metrics-checks.")
	checkInfo     = checkMetric("_info", "Always 1: what a check is called.", "check", "name", "group", "kind")
	checkState    = checkMetric("_state", "1 for the state that the check is in, 0 for the others: operational, degraded, outage, not_measured.", "check", "state")
	checkUp       = checkMetric("_up", "1 where the newest decided run passed or was degraded, 0 where it failed; absent where none is fresh: silence is neither.", "check", "location")
	checkOutcome  = checkMetric("_last_outcome", "1 for the outcome of the newest run: passed, degraded, failed, inconclusive, expired.", "check", "location", "outcome")
	checkLast     = checkMetric("_last_run_timestamp_seconds", "Unix time at which the newest run ended.", "check", "location")
	checkDuration = checkMetric("_duration_seconds", "What the newest decided run took.", "check", "location")
	checkUptime   = checkMetric("_uptime_ratio", "Share of the measured slots of 24 whole hours that were up, by the policy slots-v1; absent where nothing was measured.", "check", "location")
	checkCoverage = checkMetric("_coverage_ratio", "Share of the slots due within 24 whole hours that were measured, maintenance left out.", "check", "location")
	checkDays     = checkMetric("_certificate_days_left", "Days until the certificate ends that was seen last; below 0 where it has ended.", "check", "location")
	checkPromised = checkMetric("_objective_ratio", "Share of what is measured that is promised to be up, of checks with an objective.", "check")
	checkBudget   = checkMetric("_error_budget_left_ratio", "Share of the error budget that is left of the objective's days; below 0 where it is missed, absent where nothing was measured.", "check")
	checkBurns    = checkMetric("_burn_rate", "How many times as fast as allowed the error budget burnt over a window; absent where nothing was measured in it.", "check", "window")
)

// CheckMetrics describes what is measured of checks; all are gauges.
var CheckMetrics = []*prometheus.Desc{
	checksInState, checksLeftOut, checkInfo, checkState, checkUp, checkOutcome, checkLast, checkDuration, checkUptime, checkCoverage, checkDays,
	checkPromised, checkBudget, checkBurns,
}

// Describe is that of prometheus.Collector.
func (m *meter) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range CheckMetrics {
		ch <- d
	}
}

// Collect is that of prometheus.Collector.
func (m *meter) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		for i, l := range labels {
			labels[i] = strings.ToValidUTF8(l, "�")
		}
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	states := map[status.State]int{}
	for _, c := range m.checks {
		state := c.State(m.now)
		states[state]++
		gauge(checkInfo, 1, c.ID, c.Name, c.Group, string(c.Kind))
		for _, s := range status.States {
			gauge(checkState, oneIf(s == state), c.ID, string(s))
		}
		for _, r := range c.Conclusive {
			if !m.shows(c, r.Location) || !r.Outcome.Conclusive() {
				continue
			}
			gauge(checkDuration, r.Latency.Seconds(), c.ID, r.Location)
			if c.Fresh(r.Slot, m.now) {
				gauge(checkUp, oneIf(r.Outcome != jobs.Failed), c.ID, r.Location)
			}
		}
		for _, r := range c.Last {
			if m.shows(c, r.Location) {
				gauge(checkOutcome, 1, c.ID, r.Location, string(r.Outcome))
				gauge(checkLast, float64(r.FinishedAt.UnixMilli())/1000, c.ID, r.Location)
			}
		}
	}
	for _, s := range status.States {
		gauge(checksInState, float64(states[s]), string(s))
	}
	gauge(checksLeftOut, float64(m.leftOut))
	m.counted(gauge)
	m.promised(gauge)
}

// counted is what was counted over a while.
func (m *meter) counted(gauge func(*prometheus.Desc, float64, ...string)) {
	by := make(map[string]status.Check, len(m.checks))
	for _, c := range m.checks {
		by[c.ID] = c
	}
	for _, k := range m.meters {
		if c, known := by[k.CheckID]; !known || !m.shows(c, k.Location) {
			continue
		}
		account, err := status.SlotsV1.Count(time.Time{}, time.Time{}, []status.Tally{k.Tally})
		if err != nil {
			continue // slots-v1 counts slots
		}
		if up, measured := account.Uptime(); measured {
			gauge(checkUptime, up, k.CheckID, k.Location)
		}
		if account.Expected > 0 {
			gauge(checkCoverage, account.Coverage(), k.CheckID, k.Location)
		}
		if !k.CertificateEnds.IsZero() {
			gauge(checkDays, k.CertificateEnds.Sub(m.now).Hours()/24, k.CheckID, k.Location)
		}
	}
}

// promised is what was promised and what is left of it. What was not measured is
// neither burnt nor saved, and so absent.
func (m *meter) promised(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, p := range m.promises {
		gauge(checkPromised, p.Target, p.CheckID)
		if _, measured := p.Account.Uptime(); measured {
			gauge(checkBudget, p.Budget(p.Account).Left, p.CheckID)
		}
		for _, r := range p.Rules {
			if r.LongKnown {
				gauge(checkBurns, r.LongRate, p.CheckID, fmt.Sprintf("%dh", r.Long/time.Hour))
			}
		}
	}
}

// shows reports whether a check's location is one of its own, and asked for.
func (m *meter) shows(c status.Check, location string) bool {
	return either(m.locations, location) && slices.Contains(c.Locations, location)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
