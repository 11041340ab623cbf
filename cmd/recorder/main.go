// Command recorder stores results from the results queue in Postgres.
package main

import (
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/recordercmd"
)

func main() { daemon.Main(recordercmd.Run) }
