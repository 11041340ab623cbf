package daemon

import (
	"fmt"
	"os"

	"github.com/probefleet/probefleet/internal/jobs"
)

// Identity names this process among all of its kind, with its build.
func Identity() jobs.Worker {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return jobs.Worker{ID: fmt.Sprintf("%s/%d", host, os.Getpid()), Build: Build()}
}
