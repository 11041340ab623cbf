//go:build unix && !linux

package browserrunner

// processes is not known here: memory is not watched.
func processes(int) []processMemory { return nil }

// census watches nothing here.
type census struct{}

func newCensus(int) *census { return nil }

func (*census) look() []processMemory { return nil }
