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
		snap: f.snap, now: f.now.In(zone), checks: f.checks, byID: f.byID, digests: f.digests, overall: f.overall,
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
	for i, c := range s.checks {
		j := judge(c, now)
		j.maintained = lasting[c.ID] && j.state != status.Outage
		f.checks = append(f.checks, j)
		f.byID[c.ID] = i
		sum := digest(j, s)
		f.digests[c.ID] = sum
		fmt.Fprintln(all, c.ID, sum)
	}
	f.overall = overallOf(f.checks)
	if f.stale() {
		f.overall = staleOverall(f.checks, s.asOf)
	}
	f.version = strconv.FormatUint(all.Sum64(), 36)
	return f
}

// digest changes where anything does that is shown of a check.
func digest(j judged, s *snapshot) string {
	h := fnv.New64a()
	fmt.Fprintln(h, j.Name, j.Description, j.Group, j.Kind, j.Every, j.Locations, j.state, j.maintained, s.outages[j.ID])
	for _, r := range j.Last {
		fmt.Fprintln(h, r.RunID, r.Location, r.Slot.UnixNano(), r.Attempt, r.Outcome, r.FaultMessage)
	}
	fmt.Fprintln(h, s.hours.sums[j.ID], s.days.sums[j.ID])
	return strconv.FormatUint(h.Sum64(), 36)
}

func writeBucket(w io.Writer, b status.Bucket) {
	var buf [64]byte
	out := strconv.AppendInt(buf[:0], b.Start.Unix(), 36)
	for _, n := range []int{b.Passed, b.Degraded, b.Failed, b.Inconclusive, b.Expired, b.Expected, b.MaintenanceExpected} {
		out = strconv.AppendInt(append(out, ' '), int64(n), 36)
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
