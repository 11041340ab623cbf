package dashboard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

var errAway = errors.New("the database is away")

// fake is a store in memory.
type fake struct {
	mu        sync.Mutex
	checks    []status.Check
	hours     []status.Bucket
	days      []status.Bucket
	runs      map[string][]status.Run // newest first
	latencies map[string][]status.Run // oldest first
	outages   []status.Outages
	incidents []status.Recorded // newest first
	planned   []status.Planned
	pages     []statuspage.Stored
	err       error // what every call answers, if set
	detail    int   // calls of PublicRuns
}

func (f *fake) change(do func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

func (f *fake) PublicPages(context.Context) ([]statuspage.Stored, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.pages), f.err
}

func (f *fake) PublicChecks(context.Context) ([]status.Check, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.checks), f.err
}

func (f *fake) PublicBuckets(_ context.Context, grain string, from, before time.Time) ([]status.Bucket, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string][]status.Bucket{"hour": f.hours, "day": f.days}[grain]
	return slices.DeleteFunc(slices.Clone(all), func(b status.Bucket) bool { return b.Start.Before(from) || !b.Start.Before(before) }), f.err
}

// PublicCounted: the bars of the fake have no slots that were due, so that none
// are counted.
func (f *fake) PublicCounted(context.Context) (from, to time.Time, err error) { return from, to, f.err }

func (f *fake) PublicOutages(context.Context, time.Time) ([]status.Outages, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outages, f.err
}

func (f *fake) PublicIncidents(_ context.Context, from, before time.Time, limit int) (found []status.Recorded, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.incidents {
		if (r.Open() || !r.Closed.Before(from)) && r.Opened.Before(before) && len(found) < limit {
			found = append(found, r)
		}
	}
	return found, f.err
}

func (f *fake) PublicIncident(_ context.Context, id string) (status.Recorded, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.incidents {
		if r.ID == id {
			return r, true, f.err
		}
	}
	return status.Recorded{}, false, f.err
}

func (f *fake) PublicMaintenance(context.Context, time.Time) ([]status.Planned, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.planned, f.err
}

func (f *fake) PublicRuns(_ context.Context, id string, limit int) ([]status.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.detail++
	return f.runs[id][:min(limit, len(f.runs[id]))], f.err
}

func (f *fake) PublicLatencies(_ context.Context, id string, since time.Time) ([]status.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.latencies[id]), func(r status.Run) bool { return r.Slot.Before(since) }), f.err
}

// story is how a check of the fake fares. ago counts back from now.
type story struct {
	id, name, group string
	kind            check.Kind
	every           time.Duration
	locations       []string
	base            time.Duration // latency
	history         time.Duration // since when there are runs
	// outcome of a run, with its reason.
	outcome func(ago time.Duration, location string) (jobs.Outcome, jobs.FaultClass, string)
}

func healthy(time.Duration, string) (jobs.Outcome, jobs.FaultClass, string) {
	return jobs.Passed, "", ""
}

// during gives an outcome between two ages, and health else.
func during(from, to time.Duration, o jobs.Outcome, class jobs.FaultClass, reason string, at ...string) func(time.Duration, string) (jobs.Outcome, jobs.FaultClass, string) {
	return func(ago time.Duration, location string) (jobs.Outcome, jobs.FaultClass, string) {
		if ago <= from && ago >= to && (len(at) == 0 || slices.Contains(at, location)) {
			return o, class, reason
		}
		return jobs.Passed, "", ""
	}
}

const silent jobs.Outcome = "" // no run at all

// tell adds a check and its history to the store.
func (f *fake) tell(s story, now time.Time) {
	now = now.UTC()
	if s.every == 0 {
		s.every = time.Minute
	}
	if s.history == 0 {
		s.history = 85 * 24 * time.Hour
	}
	if s.outcome == nil {
		s.outcome = healthy
	}
	if s.base == 0 {
		s.base = 180 * time.Millisecond
	}
	c := status.Check{ID: s.id, Name: s.name, Group: s.group, Kind: s.kind, Every: s.every, Timeout: 10 * time.Second, Locations: s.locations}
	rnd := rand.New(rand.NewPCG(uint64(len(s.id)), uint64(len(s.name))))
	f.hours = append(f.hours, s.buckets(now, time.Hour, 24)...)
	f.days = append(f.days, s.buckets(now, 24*time.Hour, 90)...)
	for l, location := range s.locations {
		var last, conclusive *status.Run
		first := min(s.history, 24*time.Hour)
		for ago := first.Truncate(s.every); ago >= 0 && s.history > 0; ago -= s.every {
			r, ok := s.run(now.Add(-ago).Truncate(time.Second), ago, location, l, rnd)
			if !ok {
				continue
			}
			last = &r
			f.runs[s.id] = append(f.runs[s.id], r)
			if r.Outcome.Conclusive() {
				conclusive = &r
				f.latencies[s.id] = append(f.latencies[s.id], r)
			}
		}
		if last != nil {
			c.Last = append(c.Last, *last)
		}
		if conclusive != nil {
			c.Conclusive = append(c.Conclusive, *conclusive)
		}
	}
	bySlot := func(a, b status.Run) int { return a.Slot.Compare(b.Slot) }
	slices.SortStableFunc(f.latencies[s.id], bySlot)
	slices.SortStableFunc(f.runs[s.id], func(a, b status.Run) int { return b.Slot.Compare(a.Slot) })
	f.checks = append(f.checks, c)
	// The rules of the fake: an outage is where half of the runs failed.
	var o []status.Span
	for _, b := range slices.Concat(f.days, f.hours) {
		if b.CheckID == s.id && b.Conclusive() > 0 && 2*b.Failed >= b.Conclusive() {
			o = append(o, status.Span{From: b.Start, To: b.Start.Add(time.Minute)})
		}
	}
	if len(o) > 0 {
		f.outages = append(f.outages, status.Outages{CheckID: s.id, Spans: o})
	}
}

func (s story) run(slot time.Time, ago time.Duration, location string, l int, rnd *rand.Rand) (status.Run, bool) {
	o, class, reason := s.outcome(ago, location)
	if o == silent {
		return status.Run{}, false
	}
	day := 1 + 0.25*math.Sin(float64(slot.Unix())/86400*2*math.Pi+float64(l))
	wait := time.Duration(float64(s.base) * (1 + 0.45*float64(l)) * day * (0.9 + 0.2*rnd.Float64()))
	if rnd.IntN(60) == 0 {
		wait *= 2
	}
	if o == jobs.Degraded {
		wait *= 5
	}
	if o == jobs.Expired || o == jobs.Inconclusive {
		wait = 0
	}
	return status.Run{
		RunID: s.id + location + strconv.FormatInt(slot.Unix(), 10), CheckID: s.id, Location: location, Slot: slot, Attempt: 1,
		Outcome: o, FaultClass: class, FaultMessage: reason, FinishedAt: slot.Add(wait), Latency: wait,
	}, true
}

// buckets counts the runs of each step by looking at one run in ten.
func (s story) buckets(now time.Time, step time.Duration, n int) []status.Bucket {
	var out []status.Bucket
	for i := range n {
		start := now.Truncate(step).Add(-time.Duration(n-1-i) * step)
		b := status.Bucket{CheckID: s.id, Start: start, End: start.Add(step)}
		weight := max(1, int(step/60/s.every))
		sample := time.Duration(weight) * s.every
		for t := start; t.Before(b.End) && t.Before(now); t = t.Add(sample) {
			ago := now.Sub(t)
			if ago > s.history {
				continue
			}
			for _, l := range s.locations {
				switch o, _, _ := s.outcome(ago, l); o {
				case jobs.Passed:
					b.Passed += weight
					b.LatencySum += time.Duration(weight) * s.base
				case jobs.Degraded:
					b.Degraded += weight
					b.LatencySum += time.Duration(weight) * s.base * 5
				case jobs.Failed:
					b.Failed += weight
				case jobs.Inconclusive:
					b.Inconclusive += weight
				case jobs.Expired:
					b.Expired += weight
				}
			}
		}
		if b.Counts != (status.Counts{}) {
			out = append(out, b)
		}
	}
	return out
}

func newFake() *fake {
	return &fake{runs: map[string][]status.Run{}, latencies: map[string][]status.Run{}}
}

// rich is a company on a bad day: thirty checks, some in trouble. Stories are
// long, so each is told once a moment; what comes back is the caller's own.
func rich(now time.Time) *fake {
	told, _ := richAt.LoadOrStore(now, sync.OnceValue(func() *fake { return tellRich(now) }))
	f := told.(func() *fake)()
	return &fake{
		checks: slices.Clone(f.checks), hours: f.hours, days: f.days, runs: f.runs, latencies: f.latencies,
		outages: f.outages, incidents: slices.Clone(f.incidents), planned: f.planned,
	}
}

var richAt sync.Map

func tellRich(now time.Time) *fake {
	f := newFake()
	three := []string{"frankfurt", "virginia", "singapore"}
	const h, m = time.Hour, time.Minute
	stories := []story{
		{id: "home", name: "Home page", group: "Storefront", kind: check.KindBrowser, base: 900 * time.Millisecond, every: 5 * m, locations: three},
		{id: "search", name: "Search", group: "Storefront", locations: three, outcome: during(11*h, 10*h, jobs.Degraded, jobs.FaultAssertion, "time.total < 800ms (got 1.42 s)")},
		{id: "cart", name: "Cart", group: "Storefront", locations: three, outcome: during(50*24*h, 49*24*h, jobs.Failed, jobs.FaultConnect, "connection refused")},
		{id: "checkout", name: "Check-out", group: "Storefront", kind: check.KindBrowser, every: 5 * m, base: 2300 * time.Millisecond, locations: three,
			outcome: during(95*m, 0, jobs.Failed, jobs.FaultStep, `step 6, click "#pay": no element matches the selector after 5 s`)},
		{id: "images", name: "Images and static files", group: "Storefront", locations: three, base: 42 * time.Millisecond},
		{id: "payments-api", name: "Payments API", group: "Payments", locations: three, every: 30 * time.Second,
			outcome: during(70*m, 0, jobs.Failed, jobs.FaultAssertion, "status == 200 (got 503)")},
		{id: "refunds", name: "Refunds", group: "Payments", locations: three, outcome: during(40*m, 0, jobs.Failed, jobs.FaultTimeout, "no answer within 10 s", "singapore")},
		{id: "invoices", name: "Invoices", group: "Payments", locations: []string{"frankfurt"}, base: 610 * time.Millisecond,
			outcome: during(25*m, 0, jobs.Degraded, jobs.FaultAssertion, "time.total < 800ms (got 3.05 s)")},
		{id: "ledger", name: "Ledger export, nightly", group: "Payments", every: 6 * h, locations: []string{"frankfurt"}, base: 12 * time.Second},
		{id: "login", name: "Log in", group: "Accounts", kind: check.KindBrowser, every: 5 * m, base: 1400 * time.Millisecond, locations: []string{"frankfurt", "virginia"},
			outcome: during(200*h, 0, jobs.Inconclusive, jobs.FaultNoBrowser, "this worker has no browser: install chromium-headless-shell")},
		{id: "signup", name: "Sign up", group: "Accounts", locations: three, outcome: during(6*h, 0, silent, "", "")},
		{id: "profile", name: "Profile", group: "Accounts", locations: three, outcome: during(17*h, 13*h, silent, "", "")},
		{id: "sso", name: "Single sign-on", group: "Accounts", locations: three, outcome: during(4*h, 3*h+10*m, jobs.Failed, jobs.FaultTLS, "certificate has expired")},
		{id: "mail", name: "Password mail", group: "Accounts", every: 15 * m, locations: []string{"frankfurt"}, base: 3 * time.Second},
		{id: "hostile", name: `<script>alert("name")</script>"'><img src=x onerror=alert(1)>`, group: "Partners & <b>friends</b>", locations: []string{"frankfurt"},
			outcome: during(30*m, 0, jobs.Failed, jobs.FaultAssertion, `json.title == "ok" (got "</title></svg><script>alert('reason')</script>")`)},
		{id: "long", name: "Nightly reconciliation of the warehouse inventory with the enterprise resource planning system of the Rhine-Main distribution centre", group: "Partners & <b>friends</b>", locations: []string{"frankfurt", "virginia", "singapore", "sao-paulo", "johannesburg"}},
		{id: "new", name: "Recommendations", group: "Partners & <b>friends</b>", history: 2*h + 20*m, locations: three},
		{id: "never", name: "Gift cards", group: "Partners & <b>friends</b>", history: -1, locations: three},
		{id: "docs", name: "Documentation", locations: three, base: 88 * time.Millisecond},
		{id: "blog", name: "Blog", locations: []string{"virginia"}, base: 130 * time.Millisecond, outcome: during(23*h, 22*h, jobs.Expired, jobs.FaultExpired, "expired before it was started")},
	}
	for i := range 10 {
		stories = append(stories, story{
			id: fmt.Sprintf("api-%d", i), name: []string{"Orders", "Catalogue", "Prices", "Stock", "Shipping", "Webhooks", "Events", "Exports", "Reports", "Sessions"}[i] + " API",
			group: "Public API", locations: three, base: time.Duration(60+17*i) * time.Millisecond,
			outcome: during(time.Duration(i*9+20)*24*h, time.Duration(i*9+19)*24*h+20*h, jobs.Failed, jobs.FaultConnect, "connection refused"),
		})
	}
	for _, s := range stories {
		if s.kind == "" {
			s.kind = check.KindAPI
		}
		f.tell(s, now)
	}
	f.say(now)
	return f
}

// calm is the same company on a good day, major on its worst.
func calm(now time.Time) *fake {
	f := newFake()
	for i, n := range []string{"Website", "API", "Dashboard", "Check-out", "Search", "Webhooks", "Mail"} {
		s := story{id: fmt.Sprintf("s-%d", i), name: n, group: []string{"Website", "Platform"}[i%2], kind: check.KindAPI, locations: []string{"frankfurt", "virginia"}, base: time.Duration(40*i+60) * time.Millisecond}
		if i == 4 {
			s.outcome = during(40*24*time.Hour, 39*24*time.Hour, jobs.Failed, jobs.FaultConnect, "connection refused")
		}
		f.tell(s, now)
	}
	return f
}

func major(now time.Time) *fake {
	f := newFake()
	for i, n := range []string{"Website", "API", "Dashboard", "Check-out", "Search", "Webhooks", "Mail"} {
		f.tell(story{id: fmt.Sprintf("s-%d", i), name: n, group: []string{"Website", "Platform"}[i%2], kind: check.KindAPI, locations: []string{"frankfurt", "virginia"},
			outcome: during(time.Duration(20+i)*time.Minute, 0, jobs.Failed, jobs.FaultDNS, "the host api.example.com does not resolve")}, now)
	}
	return f
}

// waiting has checks, and no run yet.
func waiting(now time.Time) *fake {
	f := newFake()
	for i, n := range []string{"Website", "API", "Dashboard"} {
		f.tell(story{id: fmt.Sprintf("s-%d", i), name: n, kind: check.KindAPI, history: -1, locations: []string{"local"}}, now)
	}
	return f
}

// young is the first quarter of an hour of one machine.
func young(now time.Time) *fake {
	f := newFake()
	for i, n := range []string{"Products", "Log in", "Search", "Front page", "Check-out"} {
		s := story{id: fmt.Sprintf("s-%d", i), name: n, group: "Demo shop", kind: check.KindAPI, every: 10 * time.Second, history: 8 * time.Minute, base: 7 * time.Millisecond, locations: []string{"local"}}
		if i == 2 {
			s.outcome = during(time.Hour, 0, jobs.Failed, jobs.FaultAssertion, "status == 200 (got 500)")
		}
		if i >= 3 {
			s.kind, s.base, s.every = check.KindBrowser, 1100*time.Millisecond, time.Minute
		}
		f.tell(s, now)
	}
	return f
}
