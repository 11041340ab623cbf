package alert

import (
	"hash/fnv"
	"time"
)

// Delivery is one try to send a message.
type Delivery struct {
	ID string
	// Try counts from 1.
	Try     int
	Channel Channel
	Message Message
	Created time.Time
	// Root is the receipt of the first message of the thread, "" where there is
	// none.
	Root string
	// Lease is what this try is settled by.
	Lease string
}

// Outcome is what became of a try.
type Outcome struct {
	// Receipt is what the service calls the message, where it gives it a name.
	Receipt string
	// Error says in words without secrets why it was not sent, "" where it was.
	Error string
	// Status is that of the service's answer, 0 where there was none.
	Status int
	// Refused says that the message itself was refused, so that the same would
	// be again; RetryAfter is what the service asks for.
	Refused    bool
	RetryAfter time.Duration
	At         time.Time
	Took       time.Duration
}

// Fate is what is done with a delivery after a try.
type Fate string

// The fates of deliveries.
const (
	Waiting Fate = "waiting"
	Done    Fate = "sent"
	GivenUp Fate = "given_up"
	// Withheld is one that told only of what nobody is to be told of any more.
	Withheld Fate = "withheld"
)

const (
	retryBase, retryCap = 5 * time.Second, 10 * time.Minute
	// refusedTries is how often a message is tried that is refused for its own
	// sake: what stands behind an address may be in the middle of a change.
	refusedTries = 3
)

// Settle says what is done after a try, and when the next one is.
func (d Delivery) Settle(o Outcome) (fate Fate, next time.Time) {
	if o.Error == "" {
		return Done, time.Time{}
	}
	end := d.Created.Add(d.Channel.Patience())
	if d.Message.Test || o.Refused && d.Try >= refusedTries {
		return GivenUp, time.Time{}
	}
	wait := retryCap
	if d.Try < 10 {
		wait = min(retryCap, retryBase<<(d.Try-1))
	}
	// Half of it is chance, the same for the same try: several channels that
	// failed together do not come back together.
	h := fnv.New32a()
	_, _ = h.Write([]byte{byte(d.Try)})
	_, _ = h.Write([]byte(d.Message.Key))
	wait = wait/2 + time.Duration(float64(wait/2)*float64(h.Sum32()%1000)/1000)
	wait = max(wait, min(o.RetryAfter, time.Hour))
	if next = o.At.Add(wait); next.After(end) {
		if o.At.Before(end) {
			return Waiting, end // one last time
		}
		return GivenUp, time.Time{}
	}
	return Waiting, next
}
