package locality

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// apart is the least time between two questions while failures keep
	// coming: however many fail, the canaries are asked once for all of them.
	apart = time.Second
	// settling is for how long after the last bad verdict a failure is still
	// taken for the outage's where nobody asked in between.
	settling = 10 * time.Second
)

// verdict is what one round of questions says of the location.
type verdict struct {
	asked, told time.Time // when the round began and ended
	// network and dns count those that do not answer among those that vote.
	network, dns tally
}

type tally struct{ bad, of int }

// most reports whether a majority is bad; nobody is no majority.
func (t tally) most() bool { return 2*t.bad > t.of }

// outage is what is known of the last time that something was away.
type outage struct {
	// from lies between the last good round and the first bad one, until is
	// the first good round after, the zero time where nobody asked since.
	from, until time.Time
	// told is when the last bad round ended, and tally what it said.
	told time.Time
	tally
}

// note takes one more round into account, and reports whether it begins or
// ends an outage. before is when the round before was asked.
func (o *outage) note(t tally, v verdict, before time.Time) (began, ended bool) {
	lasts := !o.from.IsZero() && o.until.IsZero()
	switch {
	case t.most():
		if began = !lasts; began {
			o.from, o.until = v.asked.Add(-settling), time.Time{}
			if before.After(o.from) {
				o.from = before
			}
		}
		o.told, o.tally = v.told, t
	case lasts:
		o.until, ended = v.asked, true
	}
	return began, ended
}

// overlaps reports whether a run that failed may have met the outage.
func (o *outage) overlaps(started, ended time.Time) bool {
	until := o.told.Add(settling)
	if !o.until.IsZero() && o.until.Before(until) {
		until = o.until
	}
	return !o.from.IsZero() && !ended.Before(o.from) && started.Before(until)
}

// Guard knows whether the location's own network and DNS are there. It asks
// canaries only when somebody wants to know, once for all who ask at a time.
type Guard struct {
	location string
	canaries []Canary
	asker    interface {
		ask(ctx context.Context, c Canary) answer
	}
	log     *slog.Logger
	metrics *Metrics

	mu           sync.Mutex
	round        *round // the one that is being asked, or comes next; nil for none
	last         verdict
	network, dns outage
	warned       map[string]bool
}

// round is one round of questions that callers wait for.
type round struct {
	begins time.Time
	done   chan struct{} // closed when the verdict is noted
}

// Options of a Guard. Logger and Metrics may be nil.
type Options struct {
	// Location is named in the words.
	Location string
	// Canaries are independent of each other, three or more. Those that are
	// named by a host say something of DNS too.
	Canaries []Canary
	// Control and Resolver are those of the checks; see net.Dialer.
	Control  func(network, address string, c syscall.RawConn) error
	Resolver *net.Resolver
	Logger   *slog.Logger
	Metrics  *Metrics
}

// Metrics of a location, as its worker sees it.
type Metrics struct {
	rounds *prometheus.CounterVec
	away   prometheus.Gauge
	excuse *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them on reg, where it is not nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_canary_rounds_total", Help: "Times that the canaries were asked, by what they said: well, network, dns.",
		}, []string{"verdict"}),
		away: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "probefleet_canary_location_away", Help: "1 where most canaries did not answer when they were last asked.",
		}),
		excuse: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "probefleet_canary_excused_total", Help: "Failed runs that were taken for the location's fault, by the class that the target was blamed with.",
		}, []string{"class"}),
	}
	if reg != nil {
		reg.MustRegister(m.rounds, m.away, m.excuse)
	}
	return m
}

// NewGuard makes a Guard.
func NewGuard(o Options) *Guard {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return &Guard{
		location: o.Location, canaries: o.Canaries, asker: newAsker(o.Resolver, o.Control),
		log: o.Logger, metrics: o.Metrics, warned: map[string]bool{},
	}
}

// Learn asks the canaries once, so that their addresses are known before they
// are needed.
func (g *Guard) Learn(ctx context.Context) {
	if r := g.next(time.Now()); r != nil {
		select {
		case <-r.done:
		case <-ctx.Done():
		}
	}
}

// explain says why a failure of class in a run from started to ended is the
// location's, or "". A good round counts only where it was asked after the
// failure: one from before knows nothing of a network that has just gone.
func (g *Guard) explain(ctx context.Context, class jobs.FaultClass, started, ended time.Time) string {
	for {
		if why := g.known(class, started, ended); why != "" {
			return why
		}
		r := g.next(ended)
		if r == nil {
			return ""
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return ""
		}
	}
}

// known is what the rounds so far say of a failure. Without DNS, whatever has
// an address can still be judged.
func (g *Guard) known(class jobs.FaultClass, started, ended time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o := &g.network; o.overlaps(started, ended) {
		return fmt.Sprintf("the network of location %s is away: %d of %d canaries do not answer either", g.location, o.bad, o.of)
	}
	byName := class == jobs.FaultDNS || class == jobs.FaultTimeout || class == jobs.FaultStep
	if o := &g.dns; byName && o.overlaps(started, ended) {
		return fmt.Sprintf("the DNS of location %s is away: the names of %d of %d canaries do not resolve either", g.location, o.bad, o.of)
	}
	return ""
}

// next is the round to wait for, nil where one was asked at since or later.
// Callers share rounds, and rounds keep apart.
func (g *Guard) next(since time.Time) *round {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.last.asked.IsZero() && !g.last.asked.Before(since) {
		return nil
	}
	if g.round == nil {
		g.round = &round{begins: time.Now(), done: make(chan struct{})}
		if next := g.last.told.Add(apart); !g.last.told.IsZero() && g.round.begins.Before(next) {
			g.round.begins = next
		}
		go g.ask(g.round)
	}
	return g.round
}

// ask makes one round: every canary at once. It serves many callers and is
// bounded by itself, so no caller's context ends it.
func (g *Guard) ask(r *round) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pause := time.NewTimer(time.Until(r.begins))
	defer pause.Stop()
	<-pause.C
	v := verdict{asked: time.Now()}
	answers := make([]answer, len(g.canaries))
	var all sync.WaitGroup
	for i, c := range g.canaries {
		all.Go(func() { answers[i] = g.asker.ask(ctx, c) })
	}
	all.Wait()
	for i, a := range answers {
		v.count(g.canaries[i], a)
	}
	v.told = time.Now()
	g.note(v, answers)
	close(r.done)
}

func (v *verdict) count(c Canary, a answer) {
	if a == forbidden {
		return
	}
	v.network.of++
	if a == silent {
		v.network.bad++
	}
	if c.Named() {
		v.dns.of++
		if a != answered {
			v.dns.bad++
		}
	}
}

// note keeps a verdict, and says so where an outage begins or ends.
func (g *Guard) note(v verdict, answers []answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, a := range answers {
		if c := g.canaries[i]; a == forbidden && !g.warned[c.text] {
			g.warned[c.text] = true
			g.log.Warn("a canary has no vote: the egress policy of this location forbids it; name another, or allow its address", "canary", c.text)
		}
	}
	before := g.last.asked
	g.round, g.last = nil, v
	said := "well"
	for _, o := range []struct {
		name   string
		outage *outage
		tally  tally
	}{{"dns", &g.dns, v.dns}, {"network", &g.network, v.network}} {
		if o.tally.most() {
			said = o.name
		}
		switch began, ended := o.outage.note(o.tally, v, before); {
		case began:
			g.log.Error("most canaries are silent: failures are taken for this location's", "away", o.name, "silent", o.tally.bad, "canaries", o.tally.of)
		case ended:
			g.log.Info("the canaries answer again", "away", o.name, "dur", v.asked.Sub(o.outage.from))
		}
	}
	g.metrics.rounds.WithLabelValues(said).Inc()
	if said == "well" {
		g.metrics.away.Set(0)
	} else {
		g.metrics.away.Set(1)
	}
}
