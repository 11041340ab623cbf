package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestUp starts everything in one process with the demo, looks at the page,
// kills it, finds no child left, and starts it again on the same history.
func TestUp(t *testing.T) {
	dir := folder(t)
	runs := upOnce(t, dir, true, (*process).kill)
	if again := upOnce(t, dir, false, (*process).stop); again < runs {
		t.Errorf("%d runs in the history after the second start, %d before", again, runs)
	}
}

// upOnce runs `probefleet up -demo` until every check has a result, ends it,
// and answers how many runs its pages list.
func upOnce(t *testing.T, dir string, look bool, end func(*process, testing.TB)) int {
	t.Helper()
	addr := freeAddr(t)
	p := start(t, []string{"PROBEFLEET_STATE=" + dir, "DATABASE_URL=", "AWS_ENDPOINT_URL_SQS="}, "probefleet", "up", "-demo",
		"-addr", addr, "-console-addr", freeAddr(t), "-sqs-addr", freeAddr(t), "-shop-addr", freeAddr(t), "-admin", freeAddr(t))
	var status struct {
		Checks []struct{ ID, State string }
	}
	eventually(t, 5*time.Minute, func() error {
		select {
		case <-p.done:
			t.Fatalf("up ended: %v", p.err)
		default:
		}
		page, err := get("http://" + addr + "/api/v1/status")
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(page), &status); err != nil {
			return err
		}
		states := map[string]int{}
		for _, c := range status.Checks {
			states[c.State]++
		}
		return expectf(len(status.Checks) >= 5 && states["not_measured"] == 0 && states["outage"] == 1, "states: %v", states)
	})
	if look {
		pageShows(t, "http://"+addr, "Demo shop status", "Outage")
	}
	runs := 0
	for _, c := range status.Checks {
		page, err := get("http://" + addr + "/api/v1/checks/" + c.ID)
		if err != nil {
			t.Fatal(err)
		}
		var check struct{ Runs []json.RawMessage }
		if err := json.Unmarshal([]byte(page), &check); err != nil {
			t.Fatal(err)
		}
		if len(check.Runs) == 0 {
			t.Errorf("check %s has a state and no runs: %s", c.ID, tail(page, 300))
		}
		runs += len(check.Runs)
	}
	end(p, t)
	eventually(t, 30*time.Second, func() error {
		left, err := processesWith(dir + "/")
		return expectf(err == nil && len(left) == 0, "processes left behind: %v %v", left, err)
	})
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil || !strings.Contains(string(env), "AWS_ENDPOINT_URL_SQS=") {
		t.Errorf("the addresses in %s: %v", dir, err)
	}
	return runs
}
