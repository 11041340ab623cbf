package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/numeral"
)

// startBudget bounds the wait for a part to answer, and then for the first
// results.
const startBudget = time.Minute

// await asks every half second until ask succeeds, a part ends by itself, or
// the budget is spent.
func (i *installation) await(ctx context.Context, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case err := <-i.parts.failed:
			return err
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("%s did not answer within %s: %w (%w; the log says more)", what, startBudget, err, ctx.Err())
		}
	}
}

// awaitResults waits until every check has a result, and says how many have.
// It gives up waiting, without an error, when the budget is spent: a check
// that runs every hour takes longer.
func (i *installation) awaitResults(ctx context.Context) error {
	err := i.await(ctx, "the status page", func(ctx context.Context) error {
		total, measured, err := i.measured(ctx)
		if err != nil {
			i.say.wait("waiting for the status page")
			return err
		}
		all := numeral.Of(max(total, i.applied), "check")
		i.say.wait("first results: %d of %s", measured, all)
		if total < i.applied || measured < total {
			return fmt.Errorf("%d of %s have no result yet", max(total, i.applied)-measured, all)
		}
		return nil
	})
	switch {
	case err == nil:
		i.say.say("every check has a result: %s", i.statusURL)
	case errors.Is(err, context.DeadlineExceeded):
		i.say.say("checks with longer intervals follow: %s", i.statusURL)
		err = nil
	}
	return err
}

// measured asks the status page how many checks there are, and how many of
// them have been run.
func (i *installation) measured(ctx context.Context) (total, measured int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.statusURL+"/api/v1/status", nil)
	if err != nil {
		return 0, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var status struct {
		Checks []struct {
			LastRunAt *time.Time `json:"last_run_at"`
		} `json:"checks"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		return 0, 0, err
	}
	for _, c := range status.Checks {
		if c.LastRunAt != nil {
			measured++
		}
	}
	return len(status.Checks), measured, nil
}
