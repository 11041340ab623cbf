package status

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"time"
)

// Period is one row of what uptime is counted from: the tally of a check at a
// location over an hour or a day.
type Period struct {
	CheckID  string    `json:"check"`
	Location string    `json:"location"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	Tally    `json:"-"`
}

// Export is an account with all that it was counted from, for people who count
// again.
type Export struct {
	Account  Account
	Uptime   *float64 // nil where nothing was measured
	Coverage float64
	Periods  []Period
}

// NewExport counts periods by a policy and keeps them beside the account.
func NewExport(p Policy, from, to time.Time, periods []Period) (Export, error) {
	tallies := make([]Tally, len(periods))
	for i, q := range periods {
		tallies[i] = q.Tally
	}
	a, err := p.Count(from, to, tallies)
	if err != nil {
		return Export{}, err
	}
	e := Export{Account: a, Coverage: a.Coverage(), Periods: periods}
	if up, ok := a.Uptime(); ok {
		e.Uptime = &up
	}
	return e, nil
}

// exportColumns are those of the CSV, and the names in the JSON.
var exportColumns = []string{
	"check", "location", "start", "end", "expected", "passed", "degraded", "failed", "inconclusive", "expired", "missing",
	"maintenance_expected", "maintenance_passed", "maintenance_degraded", "maintenance_failed", "latency_p50_us", "latency_p95_us", "latency_p99_us",
}

// numbers are the values of exportColumns after the first four.
func (p Period) numbers() []int64 {
	ns := []int64{
		int64(p.Expected), int64(p.Passed), int64(p.Degraded), int64(p.Failed), int64(p.Inconclusive), int64(p.Counts.Expired), int64(p.Missing()),
		int64(p.MaintenanceExpected), int64(p.Maintenance.Passed), int64(p.Maintenance.Degraded), int64(p.Maintenance.Failed),
	}
	for _, q := range []float64{.5, .95, .99} {
		d, _ := p.Latency.Quantile(q)
		ns = append(ns, d.Microseconds())
	}
	return ns
}

// CSV writes the periods, one a line, under a line of names. The account is
// what they add up to by its policy.
func (e Export) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(exportColumns); err != nil {
		return err
	}
	for _, p := range e.Periods {
		row := []string{p.CheckID, p.Location, p.Start.UTC().Format(time.RFC3339), p.End.UTC().Format(time.RFC3339)}
		for _, n := range p.numbers() {
			row = append(row, strconv.FormatInt(n, 10))
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// JSON writes the account and the periods.
func (e Export) JSON(w io.Writer) error {
	type period struct {
		Period
		Numbers map[string]int64 `json:"counts"`
	}
	out := struct {
		Account  Account  `json:"account"`
		Uptime   *float64 `json:"uptime"`
		Coverage float64  `json:"coverage"`
		Error    float64  `json:"latency_error"`
		Periods  []period `json:"periods"`
	}{e.Account, e.Uptime, e.Coverage, HistogramError, make([]period, len(e.Periods))}
	for i, p := range e.Periods {
		out.Periods[i] = period{p, map[string]int64{}}
		for n, v := range p.numbers() {
			out.Periods[i].Numbers[exportColumns[4+n]] = v
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
