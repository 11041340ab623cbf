package recordercmd

import (
	"context"
	"strings"

	"github.com/probefleet/probefleet/internal/queue"
	"github.com/probefleet/probefleet/internal/queue/sqsqueue"
	"github.com/probefleet/probefleet/internal/store"
)

// deadDepths counts the dead letters of an installation.
type deadDepths struct {
	client *sqsqueue.Client
	db     *store.Store
	prefix string
}

// Depths are the numbers of dead letters by queue; dead_results are those that
// the database refused.
func (d deadDepths) Depths(ctx context.Context) (map[string]int, error) {
	names, err := d.client.List(ctx, d.prefix+"-")
	if err != nil {
		return nil, err
	}
	depths := map[string]int{}
	for _, name := range names {
		source, dead := strings.CutSuffix(name, queue.DeadLetterName(""))
		if !dead || source != queue.ResultsName(d.prefix) && !strings.HasPrefix(source, d.prefix+"-jobs-") {
			continue
		}
		q, err := d.client.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		depth, err := q.Depth(ctx)
		if err != nil {
			return nil, err
		}
		depths[name] = depth.Visible + depth.Delayed + depth.InFlight
	}
	_, depths["dead_results"], err = d.db.DeadResults(ctx, 1)
	return depths, err
}
