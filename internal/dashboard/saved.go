package dashboard

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/probefleet/probefleet/internal/status"
	"github.com/probefleet/probefleet/internal/statuspage"
)

// saveEvery is the least time between two savings of a reading.
const saveEvery = 30 * time.Second

// savedVersion is that of the file; one of another version is not read.
const savedVersion = 1

// saved is a reading as it is kept in a file.
type saved struct {
	Version   int
	AsOf      time.Time
	Checks    []status.Check
	Hours     []status.Bucket
	Days      []status.Bucket
	Counted   status.Span
	Outages   map[string][]status.Span
	Incidents []status.Recorded
	Planned   []status.Planned
	Pages     []statuspage.Stored
}

// save keeps a reading in the file of Options.Snapshot, now and then. That it
// did not succeed is logged: the page goes on without.
func (d *Dashboard) save(s *snapshot) {
	if d.options.Snapshot == "" || s.asOf.Sub(d.savedAt) < saveEvery {
		return
	}
	d.savedAt = s.asOf
	if err := write(d.options.Snapshot, s); err != nil {
		d.log.Warn("the reading could not be kept", "file", d.options.Snapshot, "err", err)
	}
}

// write replaces the file as a whole: whoever reads it sees the old one or the
// new one.
func write(file string, s *snapshot) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // the first error is the one to know
		}
	}()
	z := gzip.NewWriter(tmp)
	err = errors.Join(json.NewEncoder(z).Encode(saved{
		Version: savedVersion, AsOf: s.asOf, Checks: s.checks, Hours: inOrder(s.hours), Days: inOrder(s.days), Counted: s.counted,
		Outages: s.outages, Incidents: s.incidents, Planned: s.planned, Pages: s.pages,
	}), z.Close(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

func inOrder(h history) []status.Bucket {
	var all []status.Bucket
	for _, id := range slices.Sorted(maps.Keys(h.byCheck)) {
		all = append(all, h.byCheck[id]...)
	}
	return all
}

// restore shows what the file of Options.Snapshot holds, until the store was
// read. Everything in it is read again at once.
func (d *Dashboard) restore() {
	if d.options.Snapshot == "" || d.frame.Load() != nil {
		return
	}
	s, err := read(d.options.Snapshot)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		d.log.Warn("the kept reading cannot be read", "file", d.options.Snapshot, "err", err)
		return
	}
	d.log.Info("a kept reading is shown until the database answers", "as_of", s.asOf)
	d.publish(s)
}

func read(file string) (*snapshot, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var k saved
	if err := json.NewDecoder(z).Decode(&k); err != nil {
		return nil, err
	}
	if k.Version != savedVersion {
		return nil, fmt.Errorf("it is of version %d; this release reads %d", k.Version, savedVersion)
	}
	for _, list := range [][]status.Bucket{k.Hours, k.Days} { // of a release that kept them as they came
		slices.SortFunc(list, func(a, b status.Bucket) int {
			return cmp.Or(cmp.Compare(a.CheckID, b.CheckID), a.Start.Compare(b.Start))
		})
	}
	return &snapshot{
		asOf: k.AsOf, checks: k.Checks, hours: history{byCheck: byCheck(k.Hours)}.summed(), days: history{byCheck: byCheck(k.Days)}.summed(),
		counted: k.Counted, outages: k.Outages, incidents: k.Incidents, planned: k.Planned, pages: k.Pages,
	}, nil
}
