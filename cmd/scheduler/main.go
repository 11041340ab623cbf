// Command scheduler turns checks into jobs: it leases shards, sends the job of
// every slot that is due, and keeps a watermark in Postgres.
package main

import (
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/schedulercmd"
)

func main() { daemon.Main(schedulercmd.Run) }
