package status

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

func TestPolicies(t *testing.T) {
	of := Tally{
		Expected: 100, Counts: Counts{Passed: 60, Degraded: 10, Failed: 10, Inconclusive: 5, Expired: 5},
		MaintenanceExpected: 20, Maintenance: Counts{Passed: 5, Degraded: 2, Failed: 8, Inconclusive: 1},
	}
	for p, want := range map[Policy]Account{
		SlotsV1:  {Policy: SlotsV1, Unit: "slots", Expected: 160, Up: 126, Down: 4, Excluded: 40},
		StrictV1: {Policy: StrictV1, Unit: "slots", Expected: 200, Up: 120, Down: 40},
	} {
		got, err := p.Count(time.Time{}, time.Time{}, []Tally{of, of})
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", p, err, d)
		}
	}
	if _, err := QuorumV1.Count(time.Time{}, time.Time{}, nil); err == nil {
		t.Error("time was counted from slots")
	}
	if up, ok := (Account{}).Uptime(); ok || up != 0 || (Account{}).Coverage() != 1 {
		t.Error("nothing is something")
	}
}

func TestQuorumTime(t *testing.T) {
	def := check.Check{ID: "shop", Every: time.Minute, Timeout: 5 * time.Second, Active: true, Locations: []string{"a", "b", "c"}}
	for _, c := range []struct {
		lines                        []string
		maintenance                  []check.Maintenance
		up, down, excluded, expected int64
	}{
		{[]string{"a PPPPPPPPPP"}, nil, 600, 0, 0, 600},
		{[]string{"a PPFFPPPPPP"}, nil, 480, 120, 0, 600},
		{[]string{"a PPFFPPPPPP", "b PPPPPPPPPP", "c PPPPPPPPPP"}, nil, 600, 0, 0, 600}, // one of three
		{[]string{"a PPFFDDPPPP"}, nil, 480, 120, 0, 600},
		{[]string{"a P........."}, nil, 195, 0, 0, 600}, // it speaks for 3 min 15 s
		{[]string{"a F.....PPPP"}, nil, 240, 195, 0, 600},
		{[]string{"a PIXIPPPPPP"}, nil, 555, 0, 0, 600}, // silent for 45 s,
		{[]string{"a PPFFFFPPPP"}, []check.Maintenance{{From: minute(2), To: minute(4)}}, 360, 120, 120, 480},
		{[]string{"a PPPPPPPPPP"}, []check.Maintenance{{From: minute(2), To: minute(4)}}, 480, 0, 120, 480},
	} {
		def.Maintenance = c.maintenance
		book := Rulebook{NewRules(def, minute(0))}
		got := CountQuorum(book, minute(0), minute(10), drawn(c.lines...))
		want := Account{Policy: QuorumV1, From: minute(0), To: minute(10), Unit: "seconds", Expected: c.expected, Up: c.up, Down: c.down, Excluded: c.excluded}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.lines, d)
		}
	}
}

func TestBudgets(t *testing.T) {
	o := Objective{Target: .999, Window: 30 * 24 * time.Hour}
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	b := o.Budget(Account{Up: 99_950, Down: 50})
	near("allowed", b.Allowed, 100)
	near("left", b.Left, .5)
	near("missed", o.Budget(Account{Up: 9980, Down: 20}).Left, -1)
	near("nothing measured", o.Budget(Account{}).Left, 1)
	rate, ok := o.BurnRate(Account{Up: 9856, Down: 144})
	if near("burn", rate, 14.4); !ok {
		t.Error("it is not known")
	}
	if _, ok := o.BurnRate(Account{}); ok {
		t.Error("nothing burns")
	}
	// It burnt an hour ago and does no more: the slower rules are met still.
	rules := o.Judge(func(d time.Duration) Account {
		if d < 10*time.Minute {
			return Account{Up: 100, Expected: 100}
		}
		return Account{Up: 98, Down: 2, Expected: 200}
	})
	met, burns, known := Burning(rules)
	if !burns || !known || met.Name != "medium" || rules[0].Met || !rules[2].Met || !rules[3].Met {
		t.Errorf("met: %+v of %+v", met, rules)
	}
	near("rate", met.LongRate, 20)
	near("coverage", met.LongCovered, .5)
	// Of the last five minutes nothing is known: that is not over, nor does it burn.
	rules = o.Judge(func(d time.Duration) Account {
		if d < 10*time.Minute {
			return Account{Expected: 10}
		}
		return Account{Up: 9999, Down: 1, Expected: 10_000}
	})
	if _, burns, known := Burning(rules); burns || known || rules[0].Known || rules[0].ShortCovered != 0 || !rules[1].Known {
		t.Errorf("silence: %+v", rules)
	}
	// Exactly at the rate is at the rate.
	rules = o.Judge(func(time.Duration) Account { return Account{Up: 9856, Down: 144} })
	if !rules[0].Met {
		t.Errorf("at the rate: %+v", rules[0])
	}
	for _, bad := range []Objective{{}, {Target: 1, Window: time.Hour}, {Target: math.NaN(), Window: time.Hour}, {Target: .9}} {
		if bad.Fault() == "" {
			t.Errorf("%+v is no objective", bad)
		}
	}
	if f := o.Fault(); f != "" {
		t.Error(f)
	}
}

func TestExportAsJSON(t *testing.T) {
	p := Period{CheckID: "shop", Location: "a", Start: minute(0), End: minute(60)}
	p.Expected, p.Passed, p.Failed = 10, 8, 1
	p.Latency.Add(time.Second, 8)
	e, err := NewExport(SlotsV1, minute(0), minute(60), []Period{p})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.JSON(&out); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Account Account
		Uptime  *float64
		Periods []struct {
			Check  string
			Counts map[string]int64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e.Account, back.Account); d != "" {
		t.Error(d)
	}
	if back.Uptime == nil || math.Abs(*back.Uptime-8./9) > 1e-9 || back.Periods[0].Check != "shop" || back.Periods[0].Counts["missing"] != 1 || back.Periods[0].Counts["failed"] != 1 {
		t.Errorf("%+v", back)
	}
}
