//go:build !failpoint

package failpoint

// Hit does nothing: this program was built without the tag failpoint.
func Hit(Name) {}
