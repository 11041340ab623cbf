// Package recordercmd holds the flags and the wiring of the recorder.
package recordercmd

import (
	"context"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/database"
)

// Config is what the recorder can be told.
type Config struct {
	daemon.Config
	DatabaseURL  string
	Migrate      bool
	QueuePrefix  string
	CreateQueues bool
}

// Run is the recorder's command.
func Run(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("recorder", "", "stores results in the database; several may run", p)
	var c Config
	c.Register(f, "127.0.0.1:9103")
	database.Flags(f, &c.DatabaseURL, &c.Migrate)
	daemon.QueueFlags(f, &c.QueuePrefix, &c.CreateQueues)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	return daemon.Run(ctx, p, c.Config, f, func(ctx context.Context, kit daemon.Kit) error {
		return Serve(ctx, c, kit)
	})
}
