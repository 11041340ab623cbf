package chaos

import (
	"context"
	"time"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

// Mutant is a defect on purpose: what the bars must catch. It lies in the
// harness around the services, never in them.
type Mutant string

// The mutants.
const (
	None                Mutant = ""
	EarlyAckWorker      Mutant = "early-ack worker"      // jobs are deleted on receipt
	EarlyAckRecorder    Mutant = "early-ack recorder"    // results are deleted on receipt
	NoUniqueKey         Mutant = "no unique key"         // every insert is a row
	WrongPartitionKey   Mutant = "wrong partition key"   // rows are unique by start, not by slot
	IgnoredBatchFailure Mutant = "ignored batch failure" // refused entries of a batch count as sent
	RetriedCommit       Mutant = "retry of a cut commit" // a commit whose answer was cut is counted again
)

// Mutants lists every mutant.
var Mutants = []Mutant{EarlyAckWorker, EarlyAckRecorder, NoUniqueKey, WrongPartitionKey, IgnoredBatchFailure, RetriedCommit}

// earlyAck deletes what it has received at once.
type earlyAck struct{ queue.Receiver }

func (e earlyAck) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]queue.Message, error) {
	ms, err := e.Receiver.Receive(ctx, most, wait, visibility)
	if len(ms) > 0 {
		_, _ = e.DeleteBatch(ctx, ms) // the defect: nobody looks
	}
	return ms, err
}

// deaf hears no refusal of an entry.
type deaf struct{ queue.Sender }

func (d deaf) SendBatch(ctx context.Context, ms []queue.Outgoing) ([]error, error) {
	errs, err := d.Sender.SendBatch(ctx, ms)
	clear(errs)
	return errs, err
}

func (m Mutant) receiver(r queue.Receiver, early Mutant) queue.Receiver {
	if m == early {
		return earlyAck{r}
	}
	return r
}

func (m Mutant) sender(s queue.Sender) queue.Sender {
	if m == IgnoredBatchFailure {
		return deaf{s}
	}
	return s
}

// database puts the mutant's defect into db.
func (m Mutant) database(db *Memory, f *Faulty) {
	switch m {
	case NoUniqueKey:
		serial := 0
		db.Key = func(r jobs.Result) string { serial++; return KeyOf(r) + " " + time.Duration(serial).String() }
	case WrongPartitionKey:
		db.Key = func(r jobs.Result) string { return r.JobID + "@" + r.StartedAt.Format(time.RFC3339Nano) }
	case RetriedCommit:
		f.Cut = func(results []jobs.Result) { db.miscount(len(results)) }
	}
}
