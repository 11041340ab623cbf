// Package vitals says whether this machine still has what a worker needs:
// space in its folders and memory. It owns how both are read and from where
// on they count as exhausted. It refuses to know what they are needed for.
package vitals

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Floors below which a machine is exhausted. A browser's profile takes some
// ten MiB, its picture one; a renderer that the kernel kills for want of
// memory fails a check that nothing is wrong with.
const (
	DefaultMinDisk   = 64 << 20
	DefaultMinInodes = 200
	DefaultMinMemory = 64 << 20
	// again is how long a reading holds.
	again = time.Second
	// marginPart keeps a machine at the floor from being well and ill by turns:
	// it is well again with a quarter more.
	marginPart = 4
)

// Options of Vitals. Zero numbers mean the defaults.
type Options struct {
	// Folders are those that are written to; one that does not exist is judged
	// by the nearest that does.
	Folders []string
	// MinDisk and MinMemory are bytes, MinInodes files.
	MinDisk, MinInodes, MinMemory uint64
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// Vitals reads what is left, at most once a second. It is safe for concurrent
// use.
type Vitals struct {
	o      Options
	disk   func(folder string) (bytes, inodes uint64, err error)
	memory func() (uint64, error)
	free   *prometheus.GaugeVec

	mu     sync.Mutex
	readAt time.Time
	low    map[string]bool // what was below its floor when it was last read
	why    error
}

// unlimited is what is left of something that has no limit.
const unlimited = 1<<64 - 1

// New makes Vitals.
func New(o Options) *Vitals {
	def := func(n *uint64, v uint64) {
		if *n == 0 {
			*n = v
		}
	}
	def(&o.MinDisk, DefaultMinDisk)
	def(&o.MinInodes, DefaultMinInodes)
	def(&o.MinMemory, DefaultMinMemory)
	v := &Vitals{o: o, disk: diskFree, memory: memoryFree, low: map[string]bool{}}
	v.free = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "probefleet_vitals_free_bytes", Help: "What is left of disk and memory, by what: a folder, or memory.",
	}, []string{"what"})
	if o.Metrics != nil {
		o.Metrics.MustRegister(v.free)
	}
	return v
}

// Memory is what this process may still take of the machine's memory, and of
// the control groups above it, in bytes.
func Memory() (uint64, error) { return memoryFree() }

// Check is nil while the machine has what is needed, else it says what is
// exhausted and what to do. What cannot be read is not taken for exhausted.
func (v *Vitals) Check() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := time.Now(); v.readAt.IsZero() || now.Sub(v.readAt) >= again {
		v.readAt, v.why = now, v.read()
	}
	return v.why
}

func (v *Vitals) read() error {
	var errs []error
	for _, folder := range v.o.Folders {
		bytes, inodes, err := v.disk(folder)
		if err != nil {
			continue
		}
		v.free.WithLabelValues(folder).Set(float64(bytes))
		if v.below("disk "+folder, bytes, v.o.MinDisk) {
			errs = append(errs, fmt.Errorf("the disk of %s is full: %d MiB are left, %d are needed; make room, or name another folder", folder, bytes>>20, v.o.MinDisk>>20))
		}
		if v.below("inodes "+folder, inodes, v.o.MinInodes) {
			errs = append(errs, fmt.Errorf("the disk of %s has room for %d more files, %d are needed; remove some, or name another folder", folder, inodes, v.o.MinInodes))
		}
	}
	if left, err := v.memory(); err == nil {
		v.free.WithLabelValues("memory").Set(float64(left))
		if v.below("memory", left, v.o.MinMemory) {
			errs = append(errs, fmt.Errorf("memory is exhausted: %d MiB are left, %d are needed; give this worker more, or fewer slots", left>>20, v.o.MinMemory>>20))
		}
	}
	return errors.Join(errs...)
}

// below judges what is left of a thing: below its floor, or not yet a good way
// above it again.
func (v *Vitals) below(thing string, left, floor uint64) bool {
	if v.low[thing] {
		floor += floor / marginPart
	}
	v.low[thing] = left < floor
	return v.low[thing]
}
