// Command console is where checks are changed: an HTTP API and a health page.
package main

import (
	"github.com/probefleet/probefleet/cmd/internal/consolecmd"
	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

func main() { daemon.Main(consolecmd.Run) }
