package dashboard

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/probefleet/probefleet/internal/status"
)

// frame is what readers see between two refreshes: a snapshot judged at one
// moment, and the pages made of it. All readers of a frame get the same bytes.
type frame struct {
	snap    *snapshot
	now     time.Time
	checks  []judged
	byID    map[string]int
	digests map[string]string // of what is shown of each check
	overall overall
	long    bool // a longer history than a day exists
	// windows are the times of maintenance that last or come next, in order.
	windows []window
	// told is a digest of incidents and maintenance.
	told string
	// version is equal for frames that show the same, whoever made them.
	version string

	drawings drawings

	// site is the page of which this is what it shows; sites are all of them.
	site  *site
	sites *sites

	// asked is the name of the zone of all times where readers asked for it, else "".
	asked string

	mu    sync.Mutex
	pages map[string]*rendering
	zones map[string]*frame // asked for by name, or that of a page with = before it
	parts map[string]*frame // by the key of their site
}

// maxZones bounds the frames in other time zones that are kept; a page in one
// more is made for its reader alone.
const maxZones = 24

// in is the frame with all times in a zone: only what is said of times differs.
func (f *frame) in(zone *time.Location) *frame {
	if zone.String() == f.now.Location().String() {
		return f
	}
	return f.zoned(zone, "")
}

// askedIn is what in gives to readers who asked for the zone, be it that of the
// page: it goes with every link, and scripts leave it.
func (f *frame) askedIn(zone *time.Location) *frame { return f.zoned(zone, zone.String()) }

// with is what follows the path of a link, so that the zone that was asked for
// goes with it.
func (f *frame) with() string {
	if f.asked == "" {
		return ""
	}
	return "?tz=" + url.QueryEscape(f.asked)
}

func (f *frame) zoned(zone *time.Location, asked string) *frame {
	key := asked
	if key == "" {
		key = "=" + zone.String()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if z := f.zones[key]; z != nil {
		return z
	}
	z := &frame{
		snap: f.snap, drawings: f.drawings, now: f.now.In(zone), checks: f.checks, byID: f.byID, digests: f.digests, overall: f.overall,
		long: f.long, version: f.version, windows: f.windows, pages: make(map[string]*rendering), site: f.site, sites: f.sites, asked: asked,
	}
	if len(f.zones) < maxZones {
		f.zones[key] = z
	}
	return z
}

func newFrame(s *snapshot, now time.Time) *frame {
	now = now.UTC()
	f := &frame{
		snap: s, now: now, long: s.long(now),
		byID: make(map[string]int, len(s.checks)), digests: make(map[string]string, len(s.checks)),
		pages: make(map[string]*rendering), zones: make(map[string]*frame), parts: make(map[string]*frame), windows: windowsOf(s.planned, now),
	}
	f.told = digestTold(f)
	lasting := lastingFor(f.windows, now)
	all := fnv.New64a()
	fmt.Fprintln(all, f.stale(), f.long, f.told)
	var buf []byte
	for i, c := range s.checks {
		j := judge(c, now)
		j.maintained = lasting[c.ID] && j.state != status.Outage
		f.checks = append(f.checks, j)
		f.byID[c.ID] = i
		var sum string
		sum, buf = digest(j, s, buf)
		f.digests[c.ID] = sum
		_, _ = io.WriteString(all, c.ID+" "+sum+"\n")
	}
	f.overall = overallOf(f.checks)
	if f.stale() {
		f.overall = staleOverall(f.checks, s.asOf)
	}
	f.version = strconv.FormatUint(all.Sum64(), 36)
	return f
}

// digest changes where anything does that is shown of a check. It is made for
// every check of every frame, so it appends and does not format.
func digest(j judged, s *snapshot, buf []byte) (string, []byte) {
	b := buf[:0]
	text := func(words ...string) {
		for _, w := range words {
			b = append(append(b, w...), 0)
		}
	}
	number := func(n int64) { b = append(strconv.AppendInt(b, n, 36), 0) }
	text(j.Name, j.Description, j.Group, string(j.Kind), string(j.state))
	number(int64(j.Every))
	text(j.Locations...)
	b = strconv.AppendBool(b, j.maintained)
	for _, o := range s.outages[j.ID] {
		number(o.From.UnixNano())
		number(o.To.UnixNano())
	}
	for _, r := range j.Last {
		text(r.RunID, r.Location, string(r.Outcome), r.FaultMessage)
		number(r.Slot.UnixNano())
		number(int64(r.Attempt))
	}
	number(int64(s.hours.sums[j.ID]))
	number(int64(s.days.sums[j.ID]))
	h := fnv.New64a()
	_, _ = h.Write(b) // a hash takes everything
	return strconv.FormatUint(h.Sum64(), 36), b
}

// writeBucket writes what bars show of a bucket.
func writeBucket(w io.Writer, b status.Bucket) {
	var buf [128]byte
	out := strconv.AppendInt(buf[:0], b.Start.Unix(), 36)
	for _, n := range []int{b.Expected, b.MaintenanceExpected} {
		out = strconv.AppendInt(append(out, ' '), int64(n), 36)
	}
	for _, c := range []status.Counts{b.Counts, b.Maintenance} {
		for _, n := range []int{c.Passed, c.Degraded, c.Failed, c.Inconclusive, c.Expired} {
			out = strconv.AppendInt(append(out, ' '), int64(n), 36)
		}
	}
	_, _ = w.Write(append(out, '\n')) // a hash takes everything
}

// check is the judged check of an id.
func (f *frame) check(id string) (judged, bool) {
	i, ok := f.byID[id]
	if !ok {
		return judged{}, false
	}
	return f.checks[i], true
}

// stale reports whether the store has not answered for a while.
func (f *frame) stale() bool { return f.now.Sub(f.snap.asOf) >= staleAfter }

// change is what an event says: enough for a page to know whether to fetch
// itself again.
type change struct {
	Version string `json:"version"`
	AsOf    string `json:"as_of"`
	Now     string `json:"now"`
	Stale   bool   `json:"stale"`
	// Changed lists checks; nil means "anything may have changed".
	Changed []string `json:"changed,omitempty"`
}

func (f *frame) change() change {
	return change{Version: f.version, AsOf: f.snap.asOf.UTC().Format(time.RFC3339), Now: f.now.UTC().Format(time.RFC3339), Stale: f.stale()}
}

// update is the event that leads from old, which may be nil, to f.
func (f *frame) update(old *frame) []byte {
	c := f.change()
	if old != nil && len(old.checks) == len(f.checks) && old.stale() == f.stale() && old.long == f.long && old.told == f.told {
		for _, j := range f.checks {
			if old.digests[j.ID] != f.digests[j.ID] {
				c.Changed = append(c.Changed, j.ID)
			}
		}
	}
	return event("update", c)
}

// news is the event that leads the readers of a site from old, which may be
// nil, to f: empty where nothing changed for them, nil where the site is not
// theirs any more.
func (f *frame) news(old *frame, s *site) []byte {
	now := f.sites.same(s)
	if now == nil {
		return nil
	}
	next := f.of(now)
	var before *frame
	if old != nil {
		if was := old.sites.same(s); was != nil {
			before = old.of(was)
		}
	}
	if before != nil && before.version == next.version {
		return []byte{}
	}
	return next.update(before)
}

// event is one server-sent event with a JSON value.
func event(name string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding event %q: %v", name, err)) // a struct of strings
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data)
}
