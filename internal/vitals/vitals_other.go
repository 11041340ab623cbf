//go:build !linux

package vitals

import "errors"

var errUnknown = errors.New("not read on this system")

func diskFree(string) (bytes, inodes uint64, err error) { return 0, 0, errUnknown }

func memoryFree() (uint64, error) { return 0, errUnknown }
