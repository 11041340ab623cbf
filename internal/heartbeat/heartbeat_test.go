package heartbeat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/ping"
)

// noon is when the heartbeats of these tests got their address. Times are
// minutes after it.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time {
	return noon.Add(time.Duration(minutes * float64(time.Minute)))
}

func call(minutes float64, s ping.Signal, more ...func(*ping.Ping)) ping.Ping {
	p := ping.Ping{At: at(minutes), Signal: s, Address: "192.0.2.7"}
	for _, f := range more {
		f(&p)
	}
	return p
}

func exit(code int) func(*ping.Ping) { return func(p *ping.Ping) { p.ExitCode = code } }
func said(text string) func(*ping.Ping) {
	return func(p *ping.Ping) { p.Body, p.Size = text, int64(len(text)) }
}

// hourly is a heartbeat of an hour and ten minutes of grace.
func hourly(w ping.Watch, lines check.Lines) ping.Watch {
	h := &check.Heartbeat{Lines: lines, Period: time.Hour, Grace: 10 * time.Minute}
	w.Check = check.Check{ID: "backup", Name: "backup", Every: time.Minute, Timeout: 10 * time.Second, Locations: []string{check.HeartbeatLocation}, Active: true, Spec: h}
	if w.Since.IsZero() {
		w.Since = noon
	}
	return w
}

func TestJudge(t *testing.T) {
	const passed, degraded, failed, ours = jobs.Passed, jobs.Degraded, jobs.Failed, jobs.Inconclusive
	for _, c := range []struct {
		name    string
		watch   ping.Watch
		lines   check.Lines
		at      float64
		outcome jobs.Outcome
		class   jobs.FaultClass
		says    string // a part of the reason
	}{
		{"nobody has called yet", ping.Watch{}, check.Lines{}, 70, ours, jobs.FaultWaiting, "the first is due by 14 Mar 2026 13:10:00 UTC"},
		{"nobody has called at all", ping.Watch{}, check.Lines{}, 70.1, failed, jobs.FaultLate, "no call has come since calls are waited for"},
		{"called", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}}, check.Lines{}, 5, passed, "", ""},
		{"called, and not due again", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}}, check.Lines{}, 75, passed, "", ""},
		{"late", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}}, check.Lines{}, 75.1, failed, jobs.FaultLate, "no call since 14 Mar 2026 12:05:00 UTC: the next was due by 14 Mar 2026 13:15:00 UTC (period 1h, grace 10m)"},
		{"late, and then there", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(80, ping.Ended)}}, check.Lines{}, 81, passed, "", ""},
		{"what comes later is not known yet", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(80, ping.Ended)}}, check.Lines{}, 79, failed, jobs.FaultLate, "no call since"},

		{"an exit code", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended, exit(3))}}, check.Lines{}, 6, failed, jobs.FaultAssertion, "exit_code == 0 (got 3)"},
		{"an exit code of the past", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended, exit(3))}}, check.Lines{}, 60, failed, jobs.FaultAssertion, "exit_code == 0 (got 3)"},
		{"an exit code that is expected", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended, exit(3))}}, check.Lines{Expect: []string{"exit_code in [0, 3]"}}, 6, passed, "", ""},
		{"other lines do not excuse an exit code", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended, exit(3))}}, check.Lines{Expect: []string{"body == ''"}}, 6, failed, jobs.FaultAssertion, "exit_code == 0"},
		{"a warning by exit code", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended, exit(1))}}, check.Lines{Degraded: []string{"exit_code == 0"}}, 6, degraded, jobs.FaultAssertion, "exit_code == 0 (got 1)"},
		{"a failure that was told", ping.Watch{Pings: []ping.Ping{call(5, ping.Failed, exit(1), said("disk full\nmore"))}}, check.Lines{Expect: []string{"exit_code < 9"}}, 6, failed, jobs.FaultJob, "said at 14 Mar 2026 12:05:00 UTC that it failed: disk full"},
		{"what it wrote", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended, said(`{"files":0}`))}}, check.Lines{Expect: []string{"json.files > 0"}}, 6, failed, jobs.FaultAssertion, "json.files > 0 (got 0)"},
		{"a failure between two slots is not overlooked", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(9.2, ping.Failed), call(9.6, ping.Ended)}}, check.Lines{}, 10, failed, jobs.FaultJob, "said at"},
		{"and is over with the next", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(9.2, ping.Failed), call(9.6, ping.Ended)}}, check.Lines{}, 11, passed, "", ""},

		{"the first run goes on", ping.Watch{Pings: []ping.Ping{call(5, ping.Started)}}, check.Lines{}, 15, ours, jobs.FaultWaiting, "the first run began"},
		{"it began and never ended", ping.Watch{Pings: []ping.Ping{call(5, ping.Started)}}, check.Lines{}, 15.1, failed, jobs.FaultLate, "the run that began at 14 Mar 2026 12:05:00 UTC has not said that it ended within its grace of 10m"},
		{"a run goes on", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(65, ping.Started)}}, check.Lines{}, 74, passed, "", ""},
		{"a start is a call", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(74, ping.Started)}}, check.Lines{}, 80, passed, "", ""},
		{"a run takes its time", ping.Watch{Pings: []ping.Ping{call(5, ping.Started), call(9, ping.Ended)}}, check.Lines{Degraded: []string{"time.total < 3m"}}, 10, degraded, jobs.FaultAssertion, "time.total < 3m (got 4m"},
		{"a run that did not say when it began", ping.Watch{Pings: []ping.Ping{call(9, ping.Ended)}}, check.Lines{Expect: []string{"time.total < 3m"}}, 10, failed, jobs.FaultAssertion, "/start"},
		{"a period counts from start to start", ping.Watch{Pings: []ping.Ping{call(5, ping.Started), call(14, ping.Ended)}}, check.Lines{}, 75.1, failed, jobs.FaultLate, "no call since 14 Mar 2026 12:05:00 UTC"},
		{"it began twice", ping.Watch{Pings: []ping.Ping{call(5, ping.Started), call(8, ping.Started), call(9, ping.Ended)}}, check.Lines{Expect: []string{"time.total < 2m"}}, 10, passed, "", ""},

		{"the console was away when it was due", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(60), To: at(70)}}}, check.Lines{}, 76, ours, jobs.FaultAway, "no console was there to be called from 14 Mar 2026 13:00:00 UTC to 14 Mar 2026 13:10:00 UTC, so that a call may have been missed; the next one is due by 14 Mar 2026 14:15:00 UTC"},
		{"and the next one did not come either", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(60), To: at(70)}}}, check.Lines{}, 135.1, failed, jobs.FaultLate, "no call since"},
		{"a blink is enough", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(65), To: at(65.01)}}}, check.Lines{}, 76, ours, jobs.FaultAway, "may have been missed"},
		{"the console was away at another time", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(20), To: at(54)}, {From: at(75), To: at(80)}}}, check.Lines{}, 76, failed, jobs.FaultLate, "no call since"},
		{"it is away still", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(70), To: at(500)}}}, check.Lines{}, 500, ours, jobs.FaultAway, "may have been missed"},
		{"it was away for days", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(70), To: at(10000)}}}, check.Lines{}, 10030, ours, jobs.FaultAway, "may have been missed"},
		{"it is back, and nobody calls", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended)}, Away: []ping.Span{{From: at(70), To: at(10000)}}}, check.Lines{}, 10036, failed, jobs.FaultLate, "no call since"},
		{"away while the first call was due", ping.Watch{Away: []ping.Span{{From: at(55), To: at(56)}}}, check.Lines{}, 71, ours, jobs.FaultAway, "may have been missed"},
		{"away while a run may have ended", ping.Watch{Pings: []ping.Ping{call(5, ping.Started)}, Away: []ping.Span{{From: at(7), To: at(8)}}}, check.Lines{}, 16, ours, jobs.FaultAway, "the next one is due by 14 Mar 2026 13:15:00 UTC"},
		{"and nothing more came", ping.Watch{Pings: []ping.Ping{call(5, ping.Started)}, Away: []ping.Span{{From: at(7), To: at(8)}}}, check.Lines{}, 76, failed, jobs.FaultLate, "no call since the start"},
		{"what was told outweighs an absence", ping.Watch{Pings: []ping.Ping{call(5, ping.Ended), call(66, ping.Ended, exit(2))}, Away: []ping.Span{{From: at(60), To: at(65)}}}, check.Lines{}, 67, failed, jobs.FaultAssertion, "(got 2)"},

		{"active again", ping.Watch{Since: at(1000), Pings: []ping.Ping{call(5, ping.Ended)}}, check.Lines{}, 1010, ours, jobs.FaultWaiting, "the first is due by"},
		{"active again, with a run from before that never ended", ping.Watch{Since: at(1000), Pings: []ping.Ping{call(5, ping.Ended), call(7, ping.Started)}}, check.Lines{}, 1010, ours, jobs.FaultWaiting, "the first is due by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Judge(hourly(c.watch, c.lines), at(c.at))
			class, message := jobs.FaultClass(""), ""
			if r.Fault != nil {
				class, message = r.Fault.Class, r.Fault.Message
			}
			if r.Outcome != c.outcome || class != c.class || !strings.Contains(message, c.says) {
				t.Errorf("got %s, %s: %s\nwant %s, %s: …%s…", r.Outcome, class, message, c.outcome, c.class, c.says)
			}
			if r.JobID != jobs.AttemptID("backup", "console", at(c.at), 1) || !r.FinishedAt.Equal(at(c.at)) || r.Kind != check.KindHeartbeat {
				t.Errorf("the result is not that of the slot: %+v", r)
			}
		})
	}
}

// A heartbeat without an address waits for ever.
func TestNoAddress(t *testing.T) {
	w := hourly(ping.Watch{}, check.Lines{})
	w.Since = time.Time{}
	if r := Judge(w, at(1e6)); r.Outcome != jobs.Inconclusive || !strings.Contains(r.Fault.Message, "probefleet heartbeat backup") {
		t.Errorf("%s, %+v", r.Outcome, r.Fault)
	}
}

// What is seen of a run is in its result.
func TestEvidence(t *testing.T) {
	r := Judge(hourly(ping.Watch{Pings: []ping.Ping{call(5, ping.Started), call(7.5, ping.Ended, exit(0), said("ok"))}}, check.Lines{}), at(8))
	e := r.Evidence.Response
	if r.Timings.Total != 150*time.Second || e == nil || e.Excerpt != "ok" || e.Size != 2 || e.RemoteAddr != "192.0.2.7" || len(r.Verdicts) != 1 {
		t.Errorf("%+v %+v %+v", r.Timings, e, r.Verdicts)
	}
}

// An absence never makes a failure, wherever it lies: with a job that calls
// every hour and any one absence, no slot fails.
func TestAbsenceIsNeverAFailure(t *testing.T) {
	for from := 0.0; from < 240; from += 13 {
		for _, long := range []float64{0.1, 3, 45, 130} {
			away := ping.Span{From: at(from), To: at(from + long)}
			w := hourly(ping.Watch{Away: []ping.Span{away}}, check.Lines{})
			for m := 20.0; m < 1000; m += 60 {
				if p := call(m, ping.Ended); !p.At.After(away.From) || p.At.After(away.To) {
					w.Pings = append(w.Pings, p)
				}
			}
			for m := 1.0; m < 600; m += 3 {
				if r := Judge(w, at(m)); r.Outcome == jobs.Failed {
					t.Fatalf("away from minute %g for %g: slot at %g failed: %s", from, long, m, r.Fault.Message)
				}
			}
		}
	}
}

// The same is found whenever it is asked for, with whatever came later.
func TestJudgeLooksAtThePastAlone(t *testing.T) {
	all := []ping.Ping{call(5, ping.Started), call(7, ping.Ended), call(66, ping.Ended, exit(1)), call(70, ping.Ended), call(200, ping.Failed)}
	for m := 0.0; m < 260; m++ {
		w := hourly(ping.Watch{Pings: all}, check.Lines{})
		v := hourly(ping.Watch{}, check.Lines{})
		for _, p := range all {
			if !p.At.After(at(m)) {
				v.Pings = append(v.Pings, p)
			}
		}
		if a, b := fmt.Sprint(Judge(w, at(m)).Fault), fmt.Sprint(Judge(v, at(m)).Fault); a != b {
			t.Fatalf("minute %g: %s, or %s", m, a, b)
		}
	}
}
