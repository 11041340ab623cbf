package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// flat is a measurement that must not grow during the soak, and by how much it
// may differ: a share of the first, and a number beside it.
type flat struct {
	metric string
	share  float64
	beside float64
}

var (
	goroutines  = flat{"go_goroutines", 0.2, 20}
	descriptors = flat{"process_open_fds", 0.2, 10}
	// resident is what the process takes of the machine. The race detector keeps
	// records of its own, which grow with what was ever touched: beside them the
	// heap is the memory that the program holds.
	resident = flat{"process_resident_memory_bytes", 0.25, 24 << 20}
	heap     = flat{"go_memstats_heap_alloc_bytes", 0.25, 8 << 20}
)

// TestBarSoak runs two fleets under load, one of them with the race detector.
func TestBarSoak(t *testing.T) {
	seed := bar(t)
	t.Parallel()
	t.Run("race", func(t *testing.T) {
		t.Parallel()
		soak(t, "soak with the race detector", seed, built(t, []string{"CGO_ENABLED=1"}, "-race"), goroutines, descriptors, heap)
	})
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		soak(t, "soak", seed, "", goroutines, descriptors, resident)
	})
}

func soak(t *testing.T, name string, seed uint64, bin string, flats ...flat) {
	r := newRig(t, rigOptions{seed: seed, bin: bin})
	r.wire.Twice = 0.01
	members := []*member{r.recorder("recorder"), r.scheduler("scheduler"), r.worker("worker")}
	for _, m := range members {
		m.end()
		admin := freeAddr(t)
		m.args = append(m.args, "-admin", admin)
		m.restart()
		m.admin = admin
	}
	r.load(50, time.Second)
	warm, span := form.Span(20*time.Second, 5*time.Minute), form.Span(time.Minute, 30*time.Minute)
	time.Sleep(warm)
	first := measured(t, members, flats)
	time.Sleep(span - warm)
	last := measured(t, members, flats)
	var faults, said []string
	for i, m := range members {
		for j, f := range flats {
			was, is := first[i][j], last[i][j]
			if is > was*(1+f.share)+f.beside {
				faults = append(faults, fmt.Sprintf("%s of %s grew from %.0f to %.0f", f.metric, m.who, was, is))
			}
		}
		said = append(said, fmt.Sprintf("%s %.0f to %.0f MiB, %.0f to %.0f goroutines, %.0f to %.0f descriptors",
			m.who, first[i][2]/(1<<20), last[i][2]/(1<<20), first[i][0], last[i][0], first[i][1], last[i][1]))
	}
	a := r.settle()
	for _, m := range members {
		m.stop(t)
		if log := m.log.String(); strings.Contains(log, "DATA RACE") || m.err != nil {
			at := max(0, strings.Index(log, "WARNING: DATA RACE"))
			faults = append(faults, fmt.Sprintf("%s: %v %s", m.who, m.err, tail(log[at:], 3000)))
		}
	}
	if a.Dead > 0 {
		faults = append(faults, fmt.Sprintf("%d dead letters", a.Dead))
	}
	r.verdict(t, name, seed, a, faults, "%s: %s", span, strings.Join(said, "; "))
}

// measured reads every flat metric of each process: the least of some readings,
// as jobs that are under way come and go, and what leaks stays.
func measured(t *testing.T, members []*member, flats []flat) [][]float64 {
	t.Helper()
	const readings = 20
	all := make([][]float64, len(members))
	for n := range readings {
		if n > 0 {
			time.Sleep(250 * time.Millisecond)
		}
		for i, m := range members {
			for j, f := range flats {
				v := float64(m.metric(t, f.metric))
				if n == 0 {
					all[i] = append(all[i], v)
				}
				all[i][j] = min(all[i][j], v)
			}
		}
	}
	return all
}
