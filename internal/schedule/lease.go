package schedule

import "time"

// Lease is the right to schedule a shard until its term ends.
type Lease struct {
	Shard int
	// Watermark is the time up to which every slot was sent.
	Watermark time.Time
	// Term is what was left of the lease, by the database's clock, when it
	// was read.
	Term time.Duration
}
