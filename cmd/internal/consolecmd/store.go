package consolecmd

import (
	"context"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/store"
)

// stored is the database in the words of the console.
type stored struct{ *store.Store }

// PingsOf lists what a heartbeat was told.
func (d stored) PingsOf(ctx context.Context, checkID string, limit int) ([]console.Ping, error) {
	found, err := d.Pings(ctx, checkID, limit)
	pings := make([]console.Ping, len(found))
	for i, p := range found {
		pings[i] = console.Ping(p)
	}
	return pings, err
}
