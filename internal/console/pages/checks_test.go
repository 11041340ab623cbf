package pages

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func watched(id string, o jobs.Outcome) kept.Watched {
	w := kept.Watched{Check: status.Check{ID: id, Name: "Check " + strings.ToUpper(id), Kind: check.KindAPI, Every: time.Minute, Locations: []string{"here"}}, Active: true}
	if o != "" {
		r := status.Run{RunID: "r", Location: "here", Slot: noon, Outcome: o, FaultMessage: "why", Latency: time.Second}
		w.Last, w.Conclusive = []status.Run{r}, []status.Run{r}
	}
	return w
}

func TestListOfChecks(t *testing.T) {
	a, b, c, d, e := watched("a", jobs.Passed), watched("b", jobs.Failed), watched("c", jobs.Degraded), watched("d", ""), watched("e", jobs.Failed)
	a.Tags, a.Group = []string{"blue"}, "G"
	b.Kind = check.KindBrowser
	e.Active = false
	all := []kept.Watched{a, b, c, d, e}
	for query, want := range map[string]string{
		"":                    "b c d a e", // what is worst comes first
		"state=outage":        "b",
		"state=paused":        "e",
		"state=not_measured":  "d",
		"tag=blue":            "a",
		"group=G":             "a",
		"kind=browser":        "b",
		"q=CHECK+B":           "b",
		"q=+c+":               "b c d a e", // "check"
		"q=nothing":           "",
		"kind=api&state=x":    "",
		"page=2":              "",
		"page=-7":             "b c d a e",
		"page=99999999999999": "",
	} {
		v, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		list := listChecks(newAllChecks(all, noon), parseChecksQuery(v), noon)
		for _, row := range list.Rows {
			ids = append(ids, row.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	list := listChecks(newAllChecks(all, noon), checksQuery{Kind: "api", State: "degraded", Page: 1}, noon)
	var tallies []string
	for _, x := range list.Tallies {
		tallies = append(tallies, fmt.Sprint(x.Count, x.State, x.Href, x.Current))
	}
	want := []string{
		"1degraded/checks?kind=apitrue", "1not_measured/checks?kind=api&state=not_measuredfalse",
		"1operational/checks?kind=api&state=operationalfalse", "1paused/checks?kind=api&state=pausedfalse",
	}
	if strings.Join(tallies, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", tallies)
	}
}

func TestPagesOfManyChecks(t *testing.T) {
	var all []kept.Watched
	for i := range 10_000 {
		all = append(all, watched(fmt.Sprintf("c-%05d", i), jobs.Passed))
	}
	known, seen := newAllChecks(all, noon), map[string]bool{}
	for page := 1; page <= 100; page++ {
		v := listChecks(known, checksQuery{Page: page}, noon)
		for _, row := range v.Rows {
			seen[row.ID] = true
		}
		if (v.Next == "") != (page == 100) || (v.Prev == "") != (page == 1) {
			t.Errorf("page %d: before it %q, after it %q", page, v.Prev, v.Next)
		}
	}
	if len(seen) != len(all) {
		t.Errorf("%d of %d checks are on the pages", len(seen), len(all))
	}
}

func BenchmarkListOf10000(b *testing.B) {
	var all []kept.Watched
	for i := range 10_000 {
		all = append(all, watched(fmt.Sprintf("c-%05d", i), jobs.Passed))
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			newAllChecks(all, noon)
		}
	})
	known := newAllChecks(all, noon)
	b.Run("listed", func(b *testing.B) {
		for b.Loop() {
			listChecks(known, checksQuery{Page: 1, Q: "c-"}, noon)
		}
	})
}

func TestChart(t *testing.T) {
	if c := newChart([]string{"here"}, time.Minute, nil, noon); c.Measured || len(c.Series) > 0 {
		t.Errorf("of nothing: %+v", c)
	}
	var runs []status.Run
	for i := range 60 {
		r := status.Run{Location: "here", Slot: noon.Add(time.Duration(i-60) * time.Minute), Outcome: jobs.Passed, Latency: 900 * time.Millisecond}
		if i == 30 {
			r.Outcome = jobs.Failed
		}
		runs = append(runs, r)
	}
	c := newChart([]string{"here", "there"}, time.Minute, runs, noon)
	if !c.Measured || c.Failed != 1 || len(c.Series) != 2 || c.Series[1].Path != "" || c.Series[0].Worst != "900 ms" || c.Y[0] != "1.00 s" || c.Span != "1 h" {
		t.Errorf("%+v", c)
	}
	if n := strings.Count(c.Series[0].Path, "M"); n != 1 {
		t.Errorf("the line is in %d pieces", n)
	}
}
