// Command deployer rolls services forward, stage by stage, while their gates
// are open, and back where their alarms fire.
package main

import (
	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/deployercmd"
)

func main() { daemon.Main(deployercmd.Run) }
