// Package examples carries the example checks, so that an installed program
// can apply them without the repository.
package examples

import _ "embed"

// Checks is the check file of the demo shop.
//
//go:embed checks/shop.yaml
var Checks []byte
