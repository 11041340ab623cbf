//go:build failpoint

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// action is what happens at one failpoint.
type action struct {
	pause time.Duration // else kill
	nth   int64
	hits  atomic.Int64
}

// actions are those of this process. A wrong variable ends it at once: a test
// that asks for what does not exist would show nothing.
var actions = must(parse(os.Getenv(Variable)))

func must(m map[Name]*action, err error) map[Name]*action {
	if err != nil {
		fmt.Fprintf(os.Stderr, "environment variable %s: %v\n", Variable, err)
		os.Exit(2)
	}
	return m
}

func parse(s string) (map[Name]*action, error) {
	m := map[Name]*action{}
	for part := range strings.SplitSeq(s, ",") {
		if part == "" {
			continue
		}
		name, what, _ := strings.Cut(part, "=")
		if !known(Name(name)) {
			return nil, fmt.Errorf("%q is not a failpoint; package failpoint lists them", name)
		}
		verb, arg, given := strings.Cut(what, ":")
		a := &action{nth: 1}
		var err error
		switch {
		case verb == "kill" && given:
			a.nth, err = strconv.ParseInt(arg, 10, 64)
		case verb == "pause":
			a.pause, err = time.ParseDuration(arg)
		case verb != "kill":
			err = fmt.Errorf("use kill, kill:N or pause:DURATION")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		m[Name(name)] = a
	}
	return m, nil
}

func known(n Name) bool {
	for _, p := range Points {
		if p.Name == n {
			return true
		}
	}
	return false
}

// Hit does what PROBEFLEET_FAILPOINT asks for at this place. A killed process
// does not get past it.
func Hit(n Name) {
	a := actions[n]
	switch {
	case a == nil:
	case a.pause > 0:
		t := time.NewTimer(a.pause)
		<-t.C
	case a.hits.Add(1) == a.nth:
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}
