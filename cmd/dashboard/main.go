// Command dashboard serves the public status page from read-only views.
package main

import (
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/dashboardcmd"
)

func main() { daemon.Main(dashboardcmd.Run) }
