// Package examples carries the example checks, so that an installed program
// can apply them without the repository.
package examples

import (
	"embed"
	"path"
	"path/filepath"
)

// Checks is the check file of the demo shop.
//
//go:embed checks/shop.yaml
var Checks []byte

// Network is the check file of what the shop answers besides HTTP, and of its
// job, the heartbeat [Job].
//
//go:embed checks/network.yaml
var Network []byte

// Job is the id of the check that the shop's job calls for.
const Job = "stocktaking"

//go:embed checks/*.json
var recordings embed.FS

// ReadFile reads a recording of Checks, whatever the folder by which it is
// named.
func ReadFile(name string) ([]byte, error) {
	return recordings.ReadFile(path.Join("checks", filepath.Base(name)))
}
