package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/jobs"
)

// RecordWithoutStates is [Store.RecordReceived] without what it does for states
// and incidents: what that is measured against.
func RecordWithoutStates(ctx context.Context, s *Store, results []jobs.Result) error {
	rows, _ := runRows(results, nil)
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := findOrigins(ctx, tx, rows); err != nil {
			return err
		}
		fresh, _, err := insertRuns(ctx, tx, rows)
		if err != nil {
			return err
		}
		if _, _, err := answerTriggers(ctx, tx, rows, fresh); err != nil {
			return err
		}
		if err := addRollups(ctx, tx, fresh); err != nil {
			return err
		}
		decided, err := decide(ctx, tx, fresh)
		if err != nil {
			return err
		}
		if err := addRetries(ctx, tx, fresh, decided); err != nil {
			return err
		}
		if err := setUndecided(ctx, tx, fresh, decided); err != nil {
			return err
		}
		if err := setLatest(ctx, tx, fresh, decided); err != nil {
			return err
		}
		return noteLate(ctx, tx, fresh, time.Now())
	})
}
