package browserrunner

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

const (
	// DefaultMemory is what a browser may take with all its pages, in bytes.
	DefaultMemory = 2 << 30
	// watchOften and watchSeldom bound the time from one look at the memory of a
	// browser at work to the next; watchIdle is how often it is asked whether it
	// is at work.
	watchOften  = 100 * time.Millisecond
	watchIdle   = 200 * time.Millisecond
	watchSeldom = time.Second
	// appetite is what pages take at most on each core, in bytes a second.
	appetite = 1 << 30
	// growthShare of the limit is what a browser may take by itself, without
	// its pages, before it is replaced.
	growthShare = 4
)

// processMemory is what one process of a browser takes for itself alone:
// memory of files, which all of them share, is not counted.
type processMemory struct {
	pid      int
	bytes    int64
	renderer bool
}

// overrun is a process that was ended for what it took.
type overrun struct {
	at    time.Time
	bytes int64
}

// watchMemory holds b to its limit until ctx ends. The largest renderer is
// ended where the whole takes more; the run that it served is told why. A
// browser that has grown by itself is replaced once its runs are done.
func (s *supervisor) watchMemory(ctx context.Context, b *chromium) {
	again := time.NewTimer(watchIdle)
	defer again.Stop()
	idle, watched := false, newCensus(b.proc.pid)
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		s.mu.Lock()
		used := b.users > 0
		s.mu.Unlock()
		if !used && idle {
			again.Reset(watchIdle)
			continue // nothing happens in it; once after the last run is enough
		}
		idle = !used
		again.Reset(nextLook(s.weigh(b, watched.look()), runtime.NumCPU()))
	}
}

// nextLook is the time until so many bytes can have been taken.
func nextLook(left int64, cores int) time.Duration {
	seconds := float64(left) / float64(appetite*cores)
	return max(watchOften, min(time.Duration(seconds*float64(time.Second)), watchSeldom))
}

// weigh judges one look at the processes of b, and returns how many bytes are
// left of what they may take.
func (s *supervisor) weigh(b *chromium, all []processMemory) (left int64) {
	var total, own int64
	var largest processMemory
	for _, p := range all {
		total += p.bytes
		if !p.renderer {
			own += p.bytes
		} else if p.bytes > largest.bytes {
			largest = p
		}
	}
	switch {
	case total > s.memory && largest.bytes > own:
		b.overran(largest.bytes)
		s.metrics.overruns.Inc()
		s.log.Warn("page ended for its memory", "pid", largest.pid, "bytes", largest.bytes, "browser_bytes", total, "limit", s.memory)
		_ = syscall.Kill(largest.pid, syscall.SIGKILL)
	case total > s.memory:
		b.overran(own)
		s.metrics.overruns.Inc()
		s.log.Warn("browser ended for its memory", "pid", b.proc.pid, "bytes", total, "limit", s.memory)
		endGroup(b.proc.pid)
	case own > s.memory/growthShare:
		s.mu.Lock()
		defer s.mu.Unlock()
		if !b.retired {
			s.log.Info("browser has grown and will be replaced", "pid", b.proc.pid, "bytes", own)
			s.retireLocked(b)
		}
	}
	return s.memory - total
}

func (b *chromium) overran(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overrun = overrun{at: time.Now(), bytes: bytes}
}

// outOfMemory says that a page ended since then took more than it may, or ""
// where none did.
func (b *chromium) outOfMemory(since time.Time, limit int64) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.overrun.at.Before(since) {
		return ""
	}
	return fmt.Sprintf("a page took %d MiB, and the browser more than the %d MiB that this worker allows it", b.overrun.bytes>>20, limit>>20)
}
