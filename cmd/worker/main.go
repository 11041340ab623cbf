// Command worker runs the jobs of its location and sends results. It holds no
// database.
package main

import (
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/workercmd"
)

func main() { daemon.Main(workercmd.Run) }
