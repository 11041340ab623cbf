package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// flat are the measurements that must not grow during the soak, and by how
// much they may differ: a share of the first, and a number beside it.
var flat = []struct {
	metric string
	share  float64
	beside float64
}{
	{"go_goroutines", 0.2, 20},
	{"process_open_fds", 0.2, 10},
	{"process_resident_memory_bytes", 0.25, 24 << 20},
}

// TestBarSoak runs a fleet under load with the race detector.
func TestBarSoak(t *testing.T) {
	seed := bar(t)
	t.Parallel()
	r := newRig(t, rigOptions{seed: seed, bin: built(t, []string{"CGO_ENABLED=1"}, "-race")})
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
	first := measured(t, members)
	time.Sleep(span - warm)
	last := measured(t, members)
	var faults []string
	for i, m := range members {
		for j, f := range flat {
			was, is := first[i][j], last[i][j]
			if is > was*(1+f.share)+f.beside {
				faults = append(faults, fmt.Sprintf("%s of %s grew from %.0f to %.0f", f.metric, m.who, was, is))
			}
		}
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
	r.verdict(t, "soak with the race detector", seed, a, faults, "%s, no race; worker: %.0f goroutines, %.0f descriptors, %.0f MiB at first and %.0f, %.0f, %.0f at last",
		span, first[2][0], first[2][1], first[2][2]/(1<<20), last[2][0], last[2][1], last[2][2]/(1<<20))
}

// measured reads every flat metric of each process: the least of some readings,
// as jobs that are under way come and go, and what leaks stays.
func measured(t *testing.T, members []*member) [][]float64 {
	t.Helper()
	const readings = 20
	all := make([][]float64, len(members))
	for n := range readings {
		if n > 0 {
			time.Sleep(250 * time.Millisecond)
		}
		for i, m := range members {
			for j, f := range flat {
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
