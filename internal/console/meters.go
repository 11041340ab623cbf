package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// meterBook knows what checks measured.
type meterBook interface {
	Statuses(ctx context.Context) ([]status.Check, error)
	// Meters are of whole hours.
	Meters(ctx context.Context, ids []string, from, before time.Time) ([]kept.Meter, error)
	// Promises are those of active checks that have an objective.
	Promises(ctx context.Context, now time.Time, ids []string) ([]kept.Promise, error)
}

// DefaultMetered is how many checks /metrics shows at most.
const DefaultMetered = 1000

// How long what was read for /metrics is shown again, and over what uptime is.
const (
	statesFor  = 5 * time.Second
	metersFor  = time.Minute
	metersOver = 24 * time.Hour
	metersKept = 16 // choices of scrapes
)

// readings is what was last read for /metrics. While somebody reads, others
// wait for it.
type readings struct {
	mu       sync.Mutex
	statesAt time.Time
	states   []status.Check
	meters   map[string]countedAt // by the checks that were asked for
}

type countedAt struct {
	at       time.Time
	list     []kept.Meter
	promises []kept.Promise
}

func (r *readings) checks(ctx context.Context, book meterBook) ([]status.Check, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.statesAt.IsZero() && time.Since(r.statesAt) < statesFor {
		return r.states, nil
	}
	began := time.Now()
	list, err := book.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b status.Check) int { return strings.Compare(a.ID, b.ID) })
	r.states, r.statesAt = list, began
	return list, nil
}

// counted is what was counted of checks, and how their objectives are kept.
func (r *readings) counted(ctx context.Context, book meterBook, ids []string) (countedAt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := strings.Join(ids, " ")
	began := time.Now()
	if known, ok := r.meters[asked]; ok && began.Sub(known.at) < metersFor {
		return known, nil
	}
	maps.DeleteFunc(r.meters, func(_ string, known countedAt) bool { return began.Sub(known.at) >= metersFor })
	until := began.Truncate(time.Hour)
	list, err := book.Meters(ctx, ids, until.Add(-metersOver), until)
	if err != nil {
		return countedAt{}, err
	}
	promises, err := book.Promises(ctx, began.UTC(), ids)
	if err != nil {
		return countedAt{}, err
	}
	if r.meters == nil || len(r.meters) >= metersKept {
		r.meters = map[string]countedAt{}
	}
	r.meters[asked] = countedAt{began, list, promises}
	return r.meters[asked], nil
}

// MetricsHandler serves what the checks measured, for Prometheus, to whoever
// has the scope metrics:read. ?check=, ?group=, ?tag=, ?kind= and ?location=
// choose; what is named twice may be either.
func (c *Console) MetricsHandler() http.Handler {
	return c.ByAddress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !c.o.MetricsOpen && !c.mayMeter(w, r) {
			return
		}
		m, err := c.meter(r)
		if err != nil {
			c.o.Logger.Error("reading what checks measured, for /metrics", "err", err)
			http.Error(w, "what the checks measured cannot be read: the database is away; try again", http.StatusServiceUnavailable)
			return
		}
		reg := prometheus.NewRegistry()
		if err := reg.Register(m); err != nil {
			c.o.Logger.Error("serving /metrics", "err", err)
		}
		promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	}))
}

// mayMeter answers whoever may not read metrics.
func (c *Console) mayMeter(w http.ResponseWriter, r *http.Request) bool {
	who, no := c.who(r)
	if no == nil && !who.Allows(access.MetricsRead) {
		no = &refusal{newProblem(http.StatusForbidden, who.Name+" may not read metrics: the scope "+string(access.MetricsRead)+" is missing; make a token with it by `probefleet token create`"), nil}
	}
	if no == nil {
		return true
	}
	for name, value := range no.headers {
		w.Header().Set(name, value)
	}
	http.Error(w, no.Detail, no.Status)
	return false
}

// meter reads what a request chooses.
func (c *Console) meter(r *http.Request) (*meter, error) {
	all, err := c.readings.checks(r.Context(), c.o.Meters)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	m := &meter{now: time.Now(), locations: q["location"]}
	for _, ch := range all {
		if either(q["check"], ch.ID) && either(q["group"], ch.Group) && either(q["kind"], string(ch.Kind)) && either(q["tag"], ch.Tags...) {
			m.checks = append(m.checks, ch)
		}
	}
	if most := c.o.Metered; most > 0 && len(m.checks) > most {
		m.leftOut = len(m.checks) - most
		m.checks = m.checks[:most]
	}
	ids := make([]string, len(m.checks))
	for i, ch := range m.checks {
		ids[i] = ch.ID
	}
	counted, err := c.readings.counted(r.Context(), c.o.Meters, ids)
	if err != nil {
		return nil, err
	}
	m.meters, m.promises = counted.list, counted.promises
	return m, nil
}

// either reports whether one of have is among wanted, or nothing is wanted.
func either(wanted []string, have ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(have, func(h string) bool { return slices.Contains(wanted, h) })
}
