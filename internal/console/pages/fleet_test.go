package pages

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/console/web"
	"github.com/probefleet/probefleet/internal/kept"
	"github.com/probefleet/probefleet/internal/status"
)

// Who can do without waits no longer than is said, and sees the same reading
// once it is there.
func TestSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault error
		var read atomic.Int64
		r := reading[int]{every: time.Second, read: func(context.Context) (int, error) {
			read.Add(1)
			time.Sleep(2 * time.Second)
			return 7, nil
		}}
		look := func(what string, value int, known bool, waited time.Duration, reads int64) {
			t.Helper()
			began := time.Now()
			v, ok, err := r.soon(t.Context(), 100*time.Millisecond)
			if v != value || ok != known || !errors.Is(err, fault) || time.Since(began) != waited || read.Load() != reads {
				t.Errorf("%s: %d, %v, %v after %s, read %d times", what, v, ok, err, time.Since(began), read.Load())
			}
		}
		look("at first", 0, false, 100*time.Millisecond, 1)
		look("meanwhile", 0, false, 100*time.Millisecond, 1)
		time.Sleep(2 * time.Second)
		look("then", 7, true, 0, 1)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		r.forget()
		if _, ok, err := r.soon(gone, time.Second); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("somebody who has gone: %v, %v", ok, err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait() // until the reading under way has ended
		// What fails at once is an error, not something to wait for.
		fault = errors.New("away")
		r.read = func(context.Context) (int, error) { return 0, fault }
		r.forget()
		if _, ok, err := r.soon(t.Context(), time.Second); ok || !errors.Is(err, fault) {
			t.Errorf("a reading that fails: %v, %v", ok, err)
		}
	})
}

// No figure is shown for what is not known.
func TestFleetWithoutCounts(t *testing.T) {
	show := func(uncounted string, activity ...kept.Activity) string {
		v := fleetView{Uncounted: uncounted}
		v.Locations = []status.Location{{Name: "here", Checks: 3, Healthy: true}}
		v.fill(activity, time.Now())
		main, err := web.Main(fleetPage, web.Page{Title: "Fleet", Body: v}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, row, _ := strings.Cut(string(main), `data-th="Runs"`)
		row, rest, _ := strings.Cut(row, "</tr>")
		return row + strings.Split(rest, "</section>")[0]
	}
	done := kept.Activity{Location: "here"}
	done.Passed, done.Failed = 61, 5
	for _, c := range []struct {
		uncounted string
		activity  []kept.Activity
		cells     int
		note      bool
		runs      string
	}{{"…", nil, 7, true, ">…<"}, {"?", nil, 7, false, ">?<"}, {"", []kept.Activity{done}, 0, false, ">66<"}} {
		got := show(c.uncounted, c.activity...)
		cells := 0
		if c.uncounted != "" {
			cells = strings.Count(got, ">"+c.uncounted+"</td>")
		}
		if cells != c.cells || strings.Contains(got, "being counted") != c.note || !strings.Contains(got, c.runs) {
			t.Errorf("%q: %s", c.uncounted, got)
		}
	}
}
